use super::*;

#[test]
fn a_wrong_link_is_refused() {
    check_mistakes(&[
        (
            r"replication:
  peer: 10.0.0.2:11212
",
            r"pair.yaml:1:1: replication: listen is missing
 1 | replication:
   | ^^^^^^^^^^^
   = add a line `listen: 10.0.0.1:11212`",
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
",
            r"pair.yaml:1:1: replication: peer is missing
 1 | replication:
   | ^^^^^^^^^^^
   = add a line `peer: 10.0.0.2:11212`",
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.1:11212
",
            r"pair.yaml:3:9: peer: 10.0.0.1:11212 is this host itself (listen is 10.0.0.1:11212)
 3 |   peer: 10.0.0.1:11212
   |         ^^^^^^^^^^^^^^
   = write the other host's address",
        ),
        (
            r"replication:
  listen: 0.0.0.0:11212
  peer: localhost
",
            r"pair.yaml:3:9: peer: localhost:11212 is this host itself (listen is 0.0.0.0:11212)
 3 |   peer: localhost
   |         ^^^^^^^^^
   = write the other host's address",
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
  acknowledge: both
",
            r#"pair.yaml:4:16: acknowledge: "both" is not a mode of acknowledgement
 4 |   acknowledge: both
   |                ^^^^
   = write peer (reply when both hosts have it) or local (reply at once)"#,
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
  acknowledge_timeout: 0s
",
            r"pair.yaml:4:24: acknowledge_timeout: 0s is out of range
 4 |   acknowledge_timeout: 0s
   |                        ^^
   = write a time from 1ms to 60s",
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
  acknowledge_timeout: 250
",
            r"pair.yaml:4:24: acknowledge_timeout: 250 has no unit
 4 |   acknowledge_timeout: 250
   |                        ^^^
   = write a duration with its unit, such as 250ms, 1s or 2m",
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
  secret_file: /nonexistent/secret
",
            r"pair.yaml:4:16: secret_file: cannot read /nonexistent/secret: No such file or directory (os error 2)
 4 |   secret_file: /nonexistent/secret
   |                ^^^^^^^^^^^^^^^^^^^
   = create it on one host (head -c 32 /dev/urandom | base64) and copy it to the other",
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
  secret: hunter2
",
            r#"pair.yaml:4:3: unknown key "secret" in replication
 4 |   secret: hunter2
   |   ^^^^^^
   = did you mean secret_file?"#,
        ),
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
  node_id: -1
",
            r#"pair.yaml:4:12: node_id: "-1" is not a whole number
 4 |   node_id: -1
   |            ^^
   = write a number from 0 to 18446744073709551615"#,
        ),
        (
            r"listen: [10.0.0.1:11212]
replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
",
            r"pair.yaml:3:11: listen: 10.0.0.1:11212 is where clients connect
 3 |   listen: 10.0.0.1:11212
   |           ^^^^^^^^^^^^^^
   = give the replication link a port of its own, such as 11212",
        ),
    ]);
}

#[test]
fn a_virtual_address_cannot_be_an_end_of_the_link() {
    check_mistakes(&[
        (
            r"replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.100:11212
vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
",
            r"pair.yaml:3:9: peer: 10.0.0.100 is a virtual address, which moves between the hosts
 3 |   peer: 10.0.0.100:11212
   |         ^^^^^^^^^^^^^^^^
   = write an address that belongs to one host",
        ),
        (
            r"replication:
  listen: 10.0.0.100:11212
  peer: 10.0.0.2:11212
vrrp:
  interface: eth0
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
",
            r"pair.yaml:2:11: listen: 10.0.0.100 is a virtual address, which moves between the hosts
 2 |   listen: 10.0.0.100:11212
   |           ^^^^^^^^^^^^^^^^
   = write an address that belongs to one host",
        ),
    ]);
}

#[test]
fn a_missing_key_is_reported_at_its_section() {
    check_mistakes(&[
        (
            r"vrrp:
  virtual_router_id: 51
  virtual_addresses: [10.0.0.100]
",
            r"pair.yaml:1:1: vrrp: interface is missing
 1 | vrrp:
   | ^^^^
   = add a line `interface: eth0`",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_addresses: [10.0.0.100]
",
            r"pair.yaml:1:1: vrrp: virtual_router_id is missing
 1 | vrrp:
   | ^^^^
   = add a line `virtual_router_id: 51`",
        ),
        (
            r"vrrp:
  interface: eth0
  virtual_router_id: 51
",
            r"pair.yaml:1:1: vrrp: virtual_addresses is missing
 1 | vrrp:
   | ^^^^
   = add a line `virtual_addresses: [10.0.0.100/32]`",
        ),
    ]);
}

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
