//! Virtual addresses on an interface, held as leases.
//!
//! An address with a lifetime goes away by itself: the kernel removes it when the lifetime has
//! passed, even if every process of this host was killed or stopped. Renewing it is the same call
//! as adding it, and disturbs no connection. The kernel counts in whole seconds and removes up to
//! 0.3 s late, so lifetimes below 2 s protect little.

use super::error::Error;
use super::netlink::Requests;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// The IFA_PROTO of the addresses that [`Addresses::put`] adds, so that a restarted program
/// recognises what it left behind. `ip -d address` shows it. Kernels before 5.18 know no IFA_PROTO:
/// they ignore it, and [`Held::marked`] is false.
pub const ADDRESS_MARK: u8 = 0x76;
const LIFETIME_FOREVER: u32 = u32::MAX;

/// An address that an interface has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix in bits.
    pub prefix_len: u8,
    /// Whether it carries [`ADDRESS_MARK`].
    pub marked: bool,
    /// How long it stays, in whole seconds; `None`: forever.
    pub valid: Option<Duration>,
    /// IPv6: duplicate address detection runs or has failed, and nothing can be bound to it.
    pub tentative: bool,
}

/// Adds, renews, removes and lists addresses. Changing needs CAP_NET_ADMIN.
pub struct Addresses {
    requests: Requests,
}

impl Addresses {
    /// Opens a connection to the kernel. Needs no privilege.
    pub fn open() -> Result<Addresses, Error> {
        let requests = Requests::open().map_err(Error::at(|| "open a netlink socket".into()))?;
        Ok(Addresses { requests })
    }

    /// Adds `address` to the interface, or renews it where it is there already.
    ///
    /// It is gone `lifetime` from now (rounded up to whole seconds, at least one), or with `None`
    /// never. IPv6 addresses are usable at once, without duplicate address detection.
    pub fn put(
        &mut self,
        index: u32,
        address: IpAddr,
        prefix_len: u8,
        lifetime: Option<Duration>,
    ) -> Result<(), Error> {
        let mut message = message(index, address, prefix_len);
        message
            .attributes
            .push(AddressAttribute::CacheInfo(cache_info(lifetime)));
        message
            .attributes
            .push(AddressAttribute::Protocol(AddressProtocol::Other(
                ADDRESS_MARK,
            )));
        if address.is_ipv6() {
            message
                .attributes
                .push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        self.requests
            .request(
                RouteNetlinkMessage::NewAddress(message),
                NLM_F_CREATE | NLM_F_REPLACE,
            )
            .map(drop)
            .map_err(Error::at(|| {
                format!("add {address}/{prefix_len} to interface {index}")
            }))
    }

    /// Removes `address`. Success too where it, or the whole interface, is gone already.
    pub fn remove(&mut self, index: u32, address: IpAddr, prefix_len: u8) -> Result<(), Error> {
        let message = message(index, address, prefix_len);
        match self
            .requests
            .request(RouteNetlinkMessage::DelAddress(message), 0)
        {
            Ok(_) => Ok(()),
            Err(error) if is_absence(&error) => Ok(()),
            Err(error) => {
                let attempted = format!("remove {address}/{prefix_len} from interface {index}");
                Err(Error::new(attempted, error))
            }
        }
    }

    /// The addresses of one interface, in the kernel's order: primary addresses first.
    pub fn list(&mut self, index: u32) -> Result<Vec<Held>, Error> {
        list(&mut self.requests, index).map_err(Error::at(|| {
            format!("list the addresses of interface {index}")
        }))
    }
}

pub(super) fn list(requests: &mut Requests, index: u32) -> io::Result<Vec<Held>> {
    let table = requests.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
    let held = table.iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewAddress(message) if message.header.index == index => held(message),
        _ => None,
    });
    Ok(held.collect())
}

/// The address that `message` is about. On a point-to-point link the local end, not the peer.
pub(super) fn address_of(message: &AddressMessage) -> Option<IpAddr> {
    let find = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| {
        message.attributes.iter().find_map(wanted)
    };
    find(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    })
    .or_else(|| {
        find(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

fn held(message: &AddressMessage) -> Option<Held> {
    let mut held = Held {
        address: address_of(message)?,
        prefix_len: message.header.prefix_len,
        marked: false,
        valid: None,
        tentative: false,
    };
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::CacheInfo(cache) if cache.ifa_valid != LIFETIME_FOREVER => {
                held.valid = Some(Duration::from_secs(cache.ifa_valid.into()));
            }
            AddressAttribute::Protocol(protocol) => {
                held.marked = u8::from(*protocol) == ADDRESS_MARK;
            }
            AddressAttribute::Flags(flags) => {
                held.tentative =
                    flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed);
            }
            _ => {}
        }
    }
    Some(held)
}

fn message(index: u32, address: IpAddr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    message
}

/// Valid and preferred for the same time: an address past its preferred lifetime would be avoided
/// by new connections of this host for no reason.
fn cache_info(lifetime: Option<Duration>) -> CacheInfo {
    let seconds = lifetime.map_or(LIFETIME_FOREVER, whole_seconds);
    let mut cache_info = CacheInfo::default();
    cache_info.ifa_valid = seconds;
    cache_info.ifa_preferred = seconds;
    cache_info
}

/// Rounded up: a lease must not end before its time. The kernel refuses zero.
fn whole_seconds(lifetime: Duration) -> u32 {
    let seconds = lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(LIFETIME_FOREVER).max(1)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::ENODEV)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_round_up_to_whole_seconds_and_are_never_zero() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(600)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::from_nanos(2_000_000_001)), 3);
        assert_eq!(whole_seconds(Duration::from_secs(u64::MAX)), u32::MAX);
    }
}
