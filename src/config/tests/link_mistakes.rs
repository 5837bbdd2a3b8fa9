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
