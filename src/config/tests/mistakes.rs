use super::*;

#[test]
fn a_value_that_cannot_be_is_refused() {
    check_mistakes(&[
        (
            r"memory: 64
",
            r"pair.yaml:1:9: memory: 64 has no unit
 1 | memory: 64
   |         ^^
   = write a size with its unit, such as 64MiB or 1GiB",
        ),
        (
            r"memory: 64MB
",
            r#"pair.yaml:1:9: memory: "64MB" could mean powers of 1000 or of 1024
 1 | memory: 64MB
   |         ^^^^
   = write 64MiB, which counts in powers of 1024"#,
        ),
        (
            r"threads: 0
",
            r"pair.yaml:1:10: threads: Number of threads must be greater than 0
 1 | threads: 0
   |          ^
   = write a number from 1 to 1024",
        ),
        (
            r"threads: many
",
            r#"pair.yaml:1:10: threads: "many" is not a whole number
 1 | threads: many
   |          ^^^^
   = write a number from 1 to 1024"#,
        ),
        (
            r"listen: [10.0.0.1:x]
",
            r#"pair.yaml:1:10: listen: Invalid port number: "x"
 1 | listen: [10.0.0.1:x]
   |          ^^^^^^^^^^
   = write a port from 0 to 65535"#,
        ),
        (
            r#"listen: ["[::]:11211", "[::]:11211"]
"#,
            r#"pair.yaml:1:24: listen: [::]:11211 is listed twice
 1 | listen: ["[::]:11211", "[::]:11211"]
   |                        ^^^^^^^^^^^^
   = remove one of the two"#,
        ),
        (
            r"item_size_max: 512B
memory: 1GiB
",
            r"pair.yaml:1:16: item_size_max: Item max size cannot be less than 1024 bytes.
 1 | item_size_max: 512B
   |                ^^^^
   = write at least 1KiB",
        ),
        (
            r"memory: 1GiB
item_size_max: 2GiB
",
            r"pair.yaml:2:16: item_size_max: Cannot set item size limit higher than a gigabyte.
 2 | item_size_max: 2GiB
   |                ^^^^
   = write at most 1GiB",
        ),
        (
            r"item_size_max: 8MiB
memory: 10MiB
",
            r"pair.yaml:1:16: item_size_max: Cannot set item size limit higher than 1/2 of memory max.
 1 | item_size_max: 8MiB
   |                ^^^^
   = raise memory (-m), or lower item_size_max (-I)",
        ),
        (
            r"evict: maybe
",
            r#"pair.yaml:1:8: evict: "maybe" is not a yes or no
 1 | evict: maybe
   |        ^^^^^
   = write true or false"#,
        ),
        (
            r"protocol: http
",
            r"pair.yaml:1:11: protocol: Invalid value for binding protocol: http
 1 | protocol: http
   |           ^^^^
   = should be one of auto, binary, or ascii",
        ),
        (
            r"idle_timeout: 1500ms
",
            r"pair.yaml:1:15: idle_timeout: 1500ms is not in whole seconds
 1 | idle_timeout: 1500ms
   |               ^^^^^^
   = write whole seconds, such as 30s, or 0s for no timeout",
        ),
        (
            r"idle_timeout: 30
",
            r"pair.yaml:1:15: idle_timeout: 30 has no unit
 1 | idle_timeout: 30
   |               ^^
   = write a duration with its unit, such as 250ms, 1s or 2m",
        ),
        (
            r"unix_socket: /x
unix_socket_mode: 999
",
            r#"pair.yaml:2:19: unix_socket_mode: "999" is not an octal access mode
 2 | unix_socket_mode: 999
   |                   ^^^
   = write three octal digits, such as 700 or 770"#,
        ),
        (
            r"admin:
  listen: 127.0.0.1:11211
",
            r"pair.yaml:2:11: listen: 127.0.0.1:11211 is used by the clients or by the replication link
 2 |   listen: 127.0.0.1:11211
   |           ^^^^^^^^^^^^^^^
   = give the admin interface a port of its own, such as 127.0.0.1:11280",
        ),
    ]);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    check_mistakes(&[
        (
            r"memry: 1GiB
",
            r#"pair.yaml:1:1: unknown key "memry"
 1 | memry: 1GiB
   | ^^^^^
   = did you mean memory?"#,
        ),
        (
            r"priority: 200
",
            r#"pair.yaml:1:1: unknown key "priority"
 1 | priority: 200
   | ^^^^^^^^
   = indent it: priority belongs below vrrp"#,
        ),
        (
            r"frobnicate: 1
",
            r#"pair.yaml:1:1: unknown key "frobnicate"
 1 | frobnicate: 1
   | ^^^^^^^^^^
   = known here: memory, threads, listen, unix_socket, unix_socket_mode, udp_port, connections_max, connections_max_fast, backlog, item_size_max, requests_per_event, evict, cas, flush_enabled, dump_enabled, watch_enabled, shutdown_enabled, protocol, idle_timeout, auth_file, stats_prefix_delimiter, verbosity, user, daemonize, pid_file, lock_memory, core_dumps, replication, vrrp, admin"#,
        ),
        (
            r"admin:
  listen: 127.0.0.1:11280
  port: 80
",
            r#"pair.yaml:3:3: unknown key "port" in admin
 3 |   port: 80
   |   ^^^^
   = known here: listen"#,
        ),
    ]);
}

#[test]
fn a_wrong_shape_is_refused() {
    check_mistakes(&[
        (
            r"memory:
",
            r"pair.yaml:1:1: memory has no value
 1 | memory:
   | ^^^^^^
   = write one after the colon, or remove the line",
        ),
        (
            r"memory: 1GiB
memory: 2GiB
",
            r"pair.yaml:2:1: memory is written twice
 2 | memory: 2GiB
   | ^^^^^^
   = remove one of the two lines",
        ),
        (
            r"memory: [1GiB]
",
            r"pair.yaml:1:9: memory: expected one value, found a list
 1 | memory: [1GiB]
   |         ^
   = write one value",
        ),
        (
            r"memory:
  size: 1GiB
",
            r#"pair.yaml:2:3: memory: expected a value, found keys
 2 |   size: 1GiB
   |   ^
   = write the value on the same line; put it in quotes if it contains ": ""#,
        ),
        (
            r"listen: []
",
            r"pair.yaml:1:9: listen: the list is empty
 1 | listen: []
   |         ^
   = add a value, or remove the line",
        ),
        (
            r"- memory
",
            r"pair.yaml:1:1: the file is not made of keys and values
 1 | - memory
   | ^
   = write lines such as `memory: 1GiB`",
        ),
        (
            r"memory: 1GiB
---
threads: 2
",
            r"pair.yaml:3:1: a second document begins here
 3 | threads: 2
   | ^
   = remove the line of dashes",
        ),
        (
            r"replication: yes
",
            r"pair.yaml:1:14: replication: expected a section with keys of its own
 1 | replication: yes
   |              ^^^
   = write its keys below, indented: listen, peer, acknowledge, acknowledge_timeout, secret_file, tls, node_id",
        ),
        (
            r"vrrp:
",
            r"pair.yaml:1:1: vrrp has no value
 1 | vrrp:
   | ^^^^
   = write one after the colon, or remove the line",
        ),
        (
            r"admin: {}
",
            r"pair.yaml:1:1: admin: listen is missing
 1 | admin: {}
   | ^^^^^
   = add `listen: 127.0.0.1:11280`",
        ),
        (
            r"admin: 127.0.0.1:11280
",
            r"pair.yaml:1:8: admin: expected a section with keys of its own
 1 | admin: 127.0.0.1:11280
   |        ^^^^^^^^^^^^^^^
   = write its keys below, indented: listen",
        ),
    ]);
}

#[test]
fn text_that_is_not_yaml_is_refused() {
    check_mistakes(&[
        (
            r"listen: [::]:11211
",
            r#"pair.yaml:1:13: not valid YAML: while parsing a block mapping, did not find expected key
 1 | listen: [::]:11211
   |             ^
   = keys of one section start in one column; put a value in quotes if it contains ": " or " #" or starts with one of [ ] { } @ % & * ! |"#,
        ),
        (
            r"memory: 1GiB
	threads: 2
",
            r"pair.yaml:1:9: not valid YAML: while scanning a plain scalar, found a tab
 1 | memory: 1GiB
   |         ^
   = indent with spaces, not with tabs",
        ),
        (
            r"memory: 1GiB
 threads: 2
",
            r#"pair.yaml:2:9: not valid YAML: mapping values are not allowed in this context
 2 |  threads: 2
   |         ^
   = keys of one section start in one column; put a value in quotes if it contains ": " or " #" or starts with one of [ ] { } @ % & * ! |"#,
        ),
        (
            r"a: @x
",
            r#"pair.yaml:1:4: not valid YAML: unexpected character: `@'
 1 | a: @x
   |    ^
   = keys of one section start in one column; put a value in quotes if it contains ": " or " #" or starts with one of [ ] { } @ % & * ! |"#,
        ),
        (
            r#"memory: "1GiB
threads: 2
"#,
            r#"pair.yaml:2:1: not valid YAML: invalid indentation in multiline quoted scalar
 2 | threads: 2
   | ^
   = close the bracket or the quote that a line above opens"#,
        ),
        (
            r#"listen: ["0.0.0.0:11211"
threads: 2
"#,
            r#"pair.yaml:2:8: not valid YAML: illegal placement of ':' indicator
 2 | threads: 2
   |        ^
   = close the bracket or the quote that a line above opens"#,
        ),
    ]);
}

#[test]
fn a_colon_without_a_space_is_told_at_its_line() {
    check_mistakes(&[
        (
            "memory:1GiB\n",
            r"pair.yaml:1:8: there is no space behind the colon
 1 | memory:1GiB
   |        ^
   = write a space there, as in `memory: 1GiB`",
        ),
        (
            "threads: 2\nmemory:1GiB\nverbosity: 1\n",
            r"pair.yaml:2:8: there is no space behind the colon
 2 | memory:1GiB
   |        ^
   = write a space there, as in `memory: 1GiB`",
        ),
        (
            "memory:\u{a0}1GiB\nthreads: 2\n",
            "pair.yaml:1:8: behind the colon stands a blank that is no space
 1 | memory:\u{a0}1GiB
   |        ^
   = replace it by a space (it may be a no-break space, copied from a page)",
        ),
    ]);
}

#[test]
fn the_words_of_keepalived_are_translated() {
    let advice = |word: &str| {
        let text = format!("vrrp:\n  interface: eth0\n  {word}: 1\n");
        let told = refused(&text);
        told.rsplit_once("= ").expect("advice").1.to_owned()
    };
    assert_eq!(advice("advert_int"), "did you mean advertisement_interval?");
    assert_eq!(
        advice("virtual_ipaddress"),
        "did you mean virtual_addresses?"
    );
    assert_eq!(advice("auth_pass"), "did you mean password?");
    assert_eq!(advice("nopreempt"), "leave it out: nobody preempts here");
    let state = "leave it out: both hosts start as BACKUP, and priority decides";
    assert_eq!(advice("state"), state);
}
