use super::*;

#[test]
fn an_unknown_key_of_the_router_is_refused() {
    check_mistakes(&[
        (
            r"vrrp:
  interface: eth0
  vrid: 51
  virtual_addresses: [10.0.0.100]
",
            r#"pair.yaml:3:3: unknown key "vrid" in vrrp
 3 |   vrid: 51
   |   ^^^^
   = known here: interface, virtual_router_id, priority, advertisement_interval, virtual_addresses, version, password, unicast_peer, join_hold, on_change"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_ipaddress: [10.0.0.100]
",
            r#"pair.yaml:4:3: unknown key "virtual_ipaddress" in vrrp
 4 |   virtual_ipaddress: [10.0.0.100]
   |   ^^^^^^^^^^^^^^^^^
   = did you mean virtual_addresses?"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  interval: 1s
",
            r#"pair.yaml:5:3: unknown key "interval" in vrrp
 5 |   interval: 1s
   |   ^^^^^^^^
   = did you mean advertisement_interval?"#,
        ),
    ]);
}

#[test]
fn a_wrong_router_is_refused() {
    check_mistakes(&[
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 0
  virtual_addresses: [10.0.0.100]
",
            r"pair.yaml:3:22: virtual_router_id: 0 is not a virtual router
 3 |   virtual_router_id: 0
   |                      ^
   = write a number from 1 to 255, the same on both hosts",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 256
  virtual_addresses: [10.0.0.100]
",
            r#"pair.yaml:3:22: virtual_router_id: "256" is not a virtual router
 3 |   virtual_router_id: 256
   |                      ^^^
   = write a number from 1 to 255, the same on both hosts"#,
        ),
        (
            r"vrrp:
  interface: an/interface
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
",
            r#"pair.yaml:2:14: interface: "an/interface" is not the name of a network interface
 2 |   interface: an/interface
   |              ^^^^^^^^^^^^
   = write a name that `ip link` shows, such as eth0"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  priority: 0
",
            r#"pair.yaml:5:13: priority: "0" is not a priority
 5 |   priority: 0
   |             ^
   = write a number from 1 to 250"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  advertisement_interval: 200ms
",
            r"pair.yaml:5:27: advertisement_interval: version 2 counts whole seconds, 1s to 255s
 5 |   advertisement_interval: 200ms
   |                           ^^^^^
   = write whole seconds, or add version: 3 for fractions",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  version: 3
  advertisement_interval: 5ms
",
            r"pair.yaml:6:27: advertisement_interval: version 3 counts hundredths of a second, 10ms to 40.95s
 6 |   advertisement_interval: 5ms
   |                           ^^^
   = write a multiple of 10ms, such as 200ms",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  version: 3
  advertisement_interval: 41s
",
            r"pair.yaml:6:27: advertisement_interval: version 3 counts hundredths of a second, 10ms to 40.95s
 6 |   advertisement_interval: 41s
   |                           ^^^
   = write a multiple of 10ms, such as 200ms",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  version: 4
",
            r#"pair.yaml:5:12: version: VRRP has no version "4"
 5 |   version: 4
   |            ^
   = write 2 (whole seconds, IPv4) or 3 (fractions of a second, IPv6)"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  version: 3
  password: secret
",
            r"pair.yaml:6:13: password: version 3 has no authentication
 6 |   password: secret
   |             ^^^^^^
   = remove the password, or write version: 2",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  password: much too long
",
            r"pair.yaml:5:13: password: the password has 13 bytes
 5 |   password: much too long
   |             ^^^^^^^^^^^^^
   = write 1 to 8 bytes, the same on both hosts; VRRP carries no more",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [fd00::100]
",
            r"pair.yaml:4:23: virtual_addresses: version 2 is for IPv4 only
 4 |   virtual_addresses: [fd00::100]
   |                       ^^^^^^^^^
   = write version: 3 for IPv6",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100, 10.0.0.100/24]
",
            r"pair.yaml:4:35: virtual_addresses: 10.0.0.100 is listed twice
 4 |   virtual_addresses: [10.0.0.100, 10.0.0.100/24]
   |                                   ^^^^^^^^^^^^^
   = remove one of the two",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100, fd00::1]
  version: 3
",
            r"pair.yaml:4:35: virtual_addresses: a virtual router has addresses of one family
 4 |   virtual_addresses: [10.0.0.100, fd00::1]
   |                                   ^^^^^^^
   = list only IPv4 or only IPv6 addresses",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100/33]
",
            r#"pair.yaml:4:23: virtual_addresses: "/33" is not a prefix length
 4 |   virtual_addresses: [10.0.0.100/33]
   |                       ^^^^^^^^^^^^^
   = write a number from 1 to 32 after the slash"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [eth0]
",
            r#"pair.yaml:4:23: virtual_addresses: "eth0" is not an IP address
 4 |   virtual_addresses: [eth0]
   |                       ^^^^
   = write an address such as 10.0.0.100 or 10.0.0.100/32"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  unicast_peer: 10.0.0.100
",
            r"pair.yaml:5:17: unicast_peer: 10.0.0.100 is a virtual address, which moves between the hosts
 5 |   unicast_peer: 10.0.0.100
   |                 ^^^^^^^^^^
   = write an address that belongs to one host",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  unicast_peer: fd00::2
",
            r"pair.yaml:5:17: unicast_peer: fd00::2 is not of the family of the virtual addresses
 5 |   unicast_peer: fd00::2
   |                 ^^^^^^^
   = write the other host's own address of the same family",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  unicast_peer: peer
",
            r#"pair.yaml:5:17: unicast_peer: "peer" is not an IP address
 5 |   unicast_peer: peer
   |                 ^^^^
   = write the other host's own address, such as 10.0.0.2"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  unicast_peer: 10.0.0.1
replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
",
            r"pair.yaml:5:17: unicast_peer: 10.0.0.1 is this host itself (replication: listen is 10.0.0.1:11212)
 5 |   unicast_peer: 10.0.0.1
   |                 ^^^^^^^^
   = write the other host's address",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  on_change: notify.sh
",
            r#"pair.yaml:5:14: on_change: "notify.sh" is not an absolute path
 5 |   on_change: notify.sh
   |              ^^^^^^^^^
   = write the whole path, beginning with /"#,
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
  join_hold: soon
",
            r#"pair.yaml:5:14: join_hold: "soon" is not a duration
 5 |   join_hold: soon
   |              ^^^^
   = write a duration with its unit, such as 250ms, 1s or 2m"#,
        ),
    ]);
}
