//! Addresses as people write them: listening sockets, the peer, virtual addresses.

use super::error::{ConfigError, Fault, Sourced};
use super::settings::{HostPort, VirtualAddress};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// An address to listen on before names are resolved and the default port is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ListenAddress {
    /// `None` for every address of this host, which memcached writes `*`.
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
}

impl ListenAddress {
    /// Every address of this host, both families, as memcached without `-l`.
    pub(super) const ANY: ListenAddress = ListenAddress {
        host: None,
        port: None,
    };

    /// The sockets to open: both families for "every address", each answer of the resolver for a
    /// name.
    pub(super) fn resolve(&self, port_default: u16) -> Result<Vec<SocketAddr>, Fault> {
        let port = self.port.unwrap_or(port_default);
        let Some(host) = &self.host else {
            let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            return Ok(any.map(|ip| SocketAddr::new(ip, port)).to_vec());
        };
        match (host.as_str(), port).to_socket_addrs() {
            Ok(addresses) => Ok(without_repetition(addresses)),
            Err(error) => Err(Fault::new(
                format!("the name \"{host}\" cannot be resolved ({error})"),
                "write an address of this host, such as 10.0.0.1, or 0.0.0.0 for all",
            )),
        }
    }

    /// The one socket to open; "every address" is the IPv4 one.
    pub(super) fn resolve_one(&self, port_default: u16) -> Result<SocketAddr, Fault> {
        let found = self.resolve(port_default)?;
        found.first().copied().ok_or_else(|| {
            Fault::new(
                "the name has no address",
                "write an address of this host, such as 10.0.0.1",
            )
        })
    }
}

impl Sourced<ListenAddress> {
    /// The one socket of a setting that has only one.
    pub(super) fn one_socket(&self, port_default: u16) -> Result<SocketAddr, ConfigError> {
        self.value
            .resolve_one(port_default)
            .map_err(|fault| self.origin.refuse(fault))
    }
}

/// repcached listens on every address; so does the link that its flags describe.
pub(super) fn repcached_listen(peer: &HostPort, port: u16) -> ListenAddress {
    let host = if peer.host.contains(':') {
        "::"
    } else {
        "0.0.0.0"
    };
    ListenAddress {
        host: Some(host.to_owned()),
        port: Some(port),
    }
}

fn without_repetition(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for address in addresses {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// `host`, `host:port`, `:port`, `*`, `*:port`, an IPv6 address with or without brackets.
pub(super) fn listen_address(text: &str) -> Result<ListenAddress, Fault> {
    let (host, port) = split_port(text.trim())?;
    let host = (!host.is_empty() && host != "*").then(|| host.to_owned());
    if host.is_none() && port.is_none() && text.trim() != "*" {
        return Err(Fault::new(
            "the address is empty",
            "write HOST:PORT, such as 0.0.0.0:11211",
        ));
    }
    Ok(ListenAddress { host, port })
}

/// `-l`: addresses separated by commas or semicolons, each as for [`listen_address`], with
/// memcached's prefix `notls:` allowed.
pub(super) fn listen_list(text: &str) -> Result<Vec<ListenAddress>, Fault> {
    let parts = text.split([',', ';']).filter(|part| !part.is_empty());
    let list = parts.map(listen_flag).collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        return Err(Fault::new(
            "the address is empty",
            "write HOST, HOST:PORT or *",
        ));
    }
    Ok(list)
}

fn listen_flag(part: &str) -> Result<ListenAddress, Fault> {
    if part.starts_with("tag[") || part.starts_with("proto[") {
        return Err(Fault::new(
            format!("\"{part}\": listener tags and protocols of single listeners are not offered"),
            "write HOST:PORT; -B chooses the protocol of all listeners",
        ));
    }
    listen_address(part.strip_prefix("notls:").unwrap_or(part))
}

/// `HOST:PORT` of another machine. The name is resolved whenever a connection is made, because it
/// may move. Without a port it is `port_default`.
pub(super) fn host_port(text: &str, port_default: u16) -> Result<HostPort, Fault> {
    let (host, port) = split_port(text.trim())?;
    let right = "write the other host's address, such as 10.0.0.2:11212";
    let unreachable = |ip: IpAddr| ip.is_unspecified() || ip.is_multicast();
    if host.is_empty() || host == "*" || host.parse().is_ok_and(unreachable) {
        return Err(Fault::new(
            format!("\"{text}\" is not the address of one host"),
            right,
        ));
    }
    if host.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err(Fault::new(format!("\"{host}\" is not a host name"), right));
    }
    match port.unwrap_or(port_default) {
        0 => Err(Fault::new("port 0 cannot be dialled", right)),
        port => Ok(HostPort {
            host: host.to_owned(),
            port,
        }),
    }
}

/// Splits off the port. Brackets around an IPv6 address are removed; without brackets, two colons
/// mean an IPv6 address that has no port.
fn split_port(text: &str) -> Result<(&str, Option<u16>), Fault> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err(Fault::new(
                format!("\"{text}\" has no closing bracket"),
                "write an IPv6 address with a port as [::1]:11211",
            ));
        };
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host, Some(port(digits)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(Fault::new(
                format!("\"{rest}\" follows the closing bracket"),
                "write an IPv6 address with a port as [::1]:11211",
            )),
        };
    }
    match text.split_once(':') {
        Some((host, digits)) if !digits.contains(':') => Ok((host, Some(port(digits)?))),
        _ => Ok((text, None)),
    }
}

/// A TCP or UDP port, 0 included.
pub(super) fn port(text: &str) -> Result<u16, Fault> {
    text.parse().map_err(|_| {
        Fault::new(
            format!("Invalid port number: \"{text}\""),
            "write a port from 0 to 65535",
        )
    })
}

/// `ADDRESS` or `ADDRESS/PREFIX`; without a prefix a single address, `/32` or `/128`.
pub(super) fn virtual_address(text: &str) -> Result<VirtualAddress, Fault> {
    let right = "write an address such as 10.0.0.100 or 10.0.0.100/32";
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(Fault::new(
            format!("\"{address}\" is not an IP address"),
            right,
        ));
    };
    if address.is_unspecified() || address.is_loopback() || address.is_multicast() {
        return Err(Fault::new(
            format!("{address} cannot move between hosts"),
            right,
        ));
    }
    let prefix_len_max = if address.is_ipv4() { 32 } else { 128 };
    let prefix_len = match prefix.map(str::parse::<u8>) {
        None => prefix_len_max,
        Some(Ok(length)) if (1..=prefix_len_max).contains(&length) => length,
        Some(_) => {
            return Err(Fault::new(
                format!("\"/{}\" is not a prefix length", prefix.unwrap_or_default()),
                format!("write a number from 1 to {prefix_len_max} after the slash"),
            ));
        }
    };
    Ok(VirtualAddress {
        address,
        prefix_len,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> (Option<String>, Option<u16>) {
        let address = listen_address(text).expect("a good address");
        (address.host, address.port)
    }

    #[test]
    fn listening_addresses_may_leave_out_host_or_port() {
        assert_eq!(
            listen("10.0.0.1:11211"),
            (Some("10.0.0.1".into()), Some(11211))
        );
        assert_eq!(listen("10.0.0.1"), (Some("10.0.0.1".into()), None));
        assert_eq!(listen("localhost:0"), (Some("localhost".into()), Some(0)));
        assert_eq!(listen(":11311"), (None, Some(11311)));
        assert_eq!(listen("*"), (None, None));
        assert_eq!(listen("*:5"), (None, Some(5)));
        assert_eq!(listen("::1"), (Some("::1".into()), None));
        assert_eq!(listen("[::1]"), (Some("::1".into()), None));
        assert_eq!(listen("[::]:11211"), (Some("::".into()), Some(11211)));
    }

    #[test]
    fn a_list_of_addresses_takes_commas_and_semicolons() {
        let list = listen_list("127.0.0.1:1,notls:127.0.0.2;[::1]:3").expect("a good list");
        let hosts: Vec<_> = list.iter().map(|a| (a.host.as_deref(), a.port)).collect();
        let expected = [
            (Some("127.0.0.1"), Some(1)),
            (Some("127.0.0.2"), None),
            (Some("::1"), Some(3)),
        ];
        assert_eq!(hosts, expected);
    }

    #[test]
    fn bad_addresses_are_refused() {
        for text in ["", "10.0.0.1:x", "10.0.0.1:65536", "[::1", "[::1]x", "h:-1"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
        for text in [
            "",
            "*",
            "0.0.0.0:1",
            "224.0.0.18:1",
            "h:0",
            ":11212",
            "a b:1",
            "10.0.0.0/8",
        ] {
            assert!(host_port(text, 11212).is_err(), "{text}");
        }
        for text in [
            "",
            "x",
            "10.0.0.1/0",
            "10.0.0.1/33",
            "fd00::1/129",
            "127.0.0.1",
            "224.0.0.1",
        ] {
            assert!(virtual_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_virtual_address_is_a_single_one_unless_told() {
        let of =
            |text| virtual_address(text).map(|found| (found.address.to_string(), found.prefix_len));
        assert_eq!(of("10.0.0.100"), Ok(("10.0.0.100".into(), 32)));
        assert_eq!(of("10.0.0.100/24"), Ok(("10.0.0.100".into(), 24)));
        assert_eq!(of("fd00::100"), Ok(("fd00::100".into(), 128)));
    }

    #[test]
    fn every_address_means_both_families() {
        let both = ListenAddress::ANY
            .resolve(11211)
            .expect("nothing to resolve");
        assert_eq!(
            both,
            [
                "0.0.0.0:11211".parse().unwrap(),
                "[::]:11211".parse().unwrap()
            ]
        );
    }
}
