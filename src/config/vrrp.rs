//! The rules of the section `vrrp`.

use super::draft::{Draft, VrrpDraft, missing, required, value};
use super::error::{ConfigError, Sourced};
use super::settings::{PRIORITY_MAX, Replication, VirtualAddress, Vrrp, VrrpVersion};
use std::net::IpAddr;
use std::time::Duration;

const ADVERTISEMENT_INTERVAL: Duration = Duration::from_secs(1);
const PRIORITY: u8 = 240;

/// Most addresses in one advertisement: the count field for IPv4 (RFC 3768 §5.3.5), the MTU of
/// Ethernet for IPv6.
const ADDRESSES_MAX_IPV4: usize = 255;
const ADDRESSES_MAX_IPV6: usize = 90;

/// The virtual router of `draft`.
pub(super) fn vrrp(draft: &VrrpDraft, warnings: &mut Vec<String>) -> Result<Vrrp, ConfigError> {
    let interface = required(&draft.interface, &draft.origin, "interface: eth0")?;
    let router = required(
        &draft.virtual_router_id,
        &draft.origin,
        "virtual_router_id: 51",
    )?;
    let version = value(&draft.version, VrrpVersion::Two);
    let virtual_addresses = virtual_addresses(draft, version)?;
    let advertisement_interval = advertisement_interval(draft, version, warnings)?;
    if let (Some(password), VrrpVersion::Three) = (&draft.password, version) {
        return Err(password.refuse(
            "version 3 has no authentication",
            "remove the password, or write version: 2",
        ));
    }
    Ok(Vrrp {
        interface: interface.value.clone(),
        virtual_router_id: router.value,
        priority: priority(draft, warnings),
        advertisement_interval,
        unicast_peer: unicast_peer(draft, &virtual_addresses)?,
        virtual_addresses,
        version,
        password: draft.password.as_ref().map(|password| password.value),
        join_hold: draft.join_hold.as_ref().map(|hold| hold.value),
        on_change: draft
            .on_change
            .as_ref()
            .map(|program| program.value.clone()),
    })
}

fn priority(draft: &VrrpDraft, warnings: &mut Vec<String>) -> u8 {
    let priority = value(&draft.priority, PRIORITY);
    if priority > PRIORITY_MAX {
        warnings.push(format!(
            "priority {priority} is used as {PRIORITY_MAX}: \
             the node that takes over needs room above"
        ));
    }
    priority.min(PRIORITY_MAX)
}

fn virtual_addresses(
    draft: &VrrpDraft,
    version: VrrpVersion,
) -> Result<Vec<VirtualAddress>, ConfigError> {
    let Some(list) = &draft.virtual_addresses else {
        return Err(missing(&draft.origin, "virtual_addresses: [10.0.0.100/32]"));
    };
    let mut addresses: Vec<VirtualAddress> = Vec::with_capacity(list.len());
    for entry in list {
        let VirtualAddress { address, .. } = entry.value;
        if address.is_ipv6() && version == VrrpVersion::Two {
            return Err(entry.refuse("version 2 is for IPv4 only", "write version: 3 for IPv6"));
        }
        if addresses.iter().any(|earlier| earlier.address == address) {
            return Err(entry.refuse(
                format!("{address} is listed twice"),
                "remove one of the two",
            ));
        }
        if addresses
            .first()
            .is_some_and(|first| first.address.is_ipv4() != address.is_ipv4())
        {
            return Err(entry.refuse(
                "a virtual router has addresses of one family",
                "list only IPv4 or only IPv6 addresses",
            ));
        }
        let max = if address.is_ipv4() {
            ADDRESSES_MAX_IPV4
        } else {
            ADDRESSES_MAX_IPV6
        };
        if addresses.len() == max {
            return Err(entry.refuse(
                "too many addresses for one advertisement",
                format!("list at most {max}"),
            ));
        }
        addresses.push(entry.value);
    }
    Ok(addresses)
}

/// RFC 3768 §5.3.7 gives version 2 one byte of seconds, RFC 9568 §5.2.7 version 3 twelve bits of
/// centiseconds.
fn advertisement_interval(
    draft: &VrrpDraft,
    version: VrrpVersion,
    warnings: &mut Vec<String>,
) -> Result<Duration, ConfigError> {
    let Some(interval) = &draft.advertisement_interval else {
        return Ok(ADVERTISEMENT_INTERVAL);
    };
    let time = interval.value;
    match version {
        VrrpVersion::Two if time.subsec_nanos() != 0 || !(1..=255).contains(&time.as_secs()) => {
            return Err(interval.refuse(
                "version 2 counts whole seconds, 1s to 255s",
                "write whole seconds, or add version: 3 for fractions",
            ));
        }
        VrrpVersion::Three
            if !time.as_nanos().is_multiple_of(10_000_000)
                || !(1..=4095).contains(&(time.as_millis() / 10)) =>
        {
            return Err(interval.refuse(
                "version 3 counts hundredths of a second, 10ms to 40.95s",
                "write a multiple of 10ms, such as 200ms",
            ));
        }
        VrrpVersion::Two | VrrpVersion::Three => {}
    }
    if time < Duration::from_secs(1) {
        warnings.push(
            "advertisement_interval is below 1s, but the kernel counts address lifetimes in whole \
             seconds: a host that freezes whole may hold the address longer than takeover needs"
                .to_owned(),
        );
    }
    Ok(time)
}

fn unicast_peer(
    draft: &VrrpDraft,
    addresses: &[VirtualAddress],
) -> Result<Option<IpAddr>, ConfigError> {
    let Some(peer) = &draft.unicast_peer else {
        return Ok(None);
    };
    let ip = peer.value;
    if addresses.iter().any(|address| address.address == ip) {
        return Err(is_virtual(peer, ip));
    }
    if addresses
        .iter()
        .any(|address| address.address.is_ipv4() != ip.is_ipv4())
    {
        return Err(peer.refuse(
            format!("{ip} is not of the family of the virtual addresses"),
            "write the other host's own address of the same family",
        ));
    }
    Ok(Some(ip))
}

fn is_virtual<T>(setting: &Sourced<T>, ip: IpAddr) -> ConfigError {
    setting.refuse(
        format!("{ip} is a virtual address, which moves between the hosts"),
        "write an address that belongs to one host",
    )
}

/// The link connects the hosts' own addresses, of which the virtual one is none; and advertisements
/// go to the other host's.
pub(super) fn refuse_mixed_up_addresses(
    draft: &Draft,
    replication: Option<&Replication>,
    vrrp: Option<&Vrrp>,
) -> Result<(), ConfigError> {
    let (Some(replication), Some(vrrp), Some(section)) = (replication, vrrp, &draft.replication)
    else {
        return Ok(());
    };
    let moves = |ip: &IpAddr| {
        vrrp.virtual_addresses
            .iter()
            .any(|address| address.address == *ip)
    };
    let peer = replication.peer.host.parse().ok().filter(moves);
    if let (Some(ip), Some(setting)) = (peer, &section.peer) {
        return Err(is_virtual(setting, ip));
    }
    let listen = Some(replication.listen.ip()).filter(moves);
    if let (Some(ip), Some(setting)) = (listen, &section.listen) {
        return Err(is_virtual(setting, ip));
    }
    let own = |unicast: &&Sourced<IpAddr>| unicast.value == replication.listen.ip();
    let router = draft.vrrp.as_ref();
    if let Some(setting) = router
        .and_then(|router| router.unicast_peer.as_ref())
        .filter(own)
    {
        return Err(setting.refuse(
            format!(
                "{} is this host itself (replication: listen is {})",
                setting.value, replication.listen
            ),
            "write the other host's address",
        ));
    }
    Ok(())
}
