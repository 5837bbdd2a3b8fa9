use super::*;
use std::net::IpAddr;

#[test]
fn an_empty_file_is_a_plain_memcached() {
    assert_eq!(accepted(""), Config::default());
    assert_eq!(accepted("# nothing yet\n"), Config::default());
    let config = accepted("");
    assert_eq!(config.memory, 67_108_864);
    assert_eq!(config.item_size_max, 1_048_576);
    assert_eq!(
        config.listen,
        [
            "0.0.0.0:11211".parse().unwrap(),
            "[::]:11211".parse().unwrap()
        ]
    );
}

#[test]
fn the_file_of_one_host_of_a_pair_is_read_whole() {
    let config = accepted(
        r#"
memory: 1GiB
listen: ["0.0.0.0:11211"]
item_size_max: 8MiB          # memcached's default, 1MiB, where not set
replication:
  listen: 10.0.0.1:11212
  peer: 10.0.0.2:11212
  acknowledge: local         # or: peer
  acknowledge_timeout: 100ms
vrrp:
  interface: eth0
  virtual_router_id: 51
  priority: 200
  advertisement_interval: 2s
  virtual_addresses: [10.0.0.100/32]
  password: 00123
admin:
  listen: 127.0.0.1:11280
"#,
    );
    let expected = Config {
        memory: 1_073_741_824,
        listen: vec!["0.0.0.0:11211".parse().unwrap()],
        item_size_max: 8_388_608,
        replication: Some(Replication {
            listen: "10.0.0.1:11212".parse().unwrap(),
            peer: HostPort {
                host: "10.0.0.2".into(),
                port: 11212,
            },
            acknowledge: Acknowledge::Local,
            acknowledge_timeout: Duration::from_millis(100),
            secret: None,
            tls: None,
            node_id: None,
            shared_port: false,
        }),
        vrrp: Some(Vrrp {
            interface: "eth0".into(),
            virtual_router_id: 51,
            priority: 200,
            advertisement_interval: Duration::from_secs(2),
            virtual_addresses: vec![VirtualAddress {
                address: IpAddr::from([10, 0, 0, 100]),
                prefix_len: 32,
            }],
            version: VrrpVersion::Two,
            password: Some(*b"00123\0\0\0"),
            unicast_peer: None,
            join_hold: None,
            on_change: None,
        }),
        admin: Some("127.0.0.1:11280".parse().unwrap()),
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn short_sections_get_the_documented_defaults() {
    let config = accepted(&format!("{LINK}{ROUTER}"));
    let link = config.replication.expect("the section is there");
    assert_eq!(link.acknowledge, Acknowledge::Peer);
    assert_eq!(link.acknowledge_timeout, Duration::from_millis(250));
    let router = config.vrrp.expect("the section is there");
    assert_eq!(router.priority, 240);
    assert_eq!(router.advertisement_interval, Duration::from_secs(1));
    assert_eq!(router.virtual_addresses[0].prefix_len, 32);
    assert_eq!(router.version, VrrpVersion::Two);
    assert!(config.warnings.is_empty() && config.notes.is_empty());
}

#[test]
fn every_setting_of_the_server_has_a_key() {
    let config = accepted(
        "threads: 2\nlisten: 127.0.0.1:5000\nudp_port: 5001\nconnections_max: 9\nbacklog: 8\n\
         requests_per_event: 7\nevict: false\ncas: no\nflush_enabled: off\ndump_enabled: false\n\
         watch_enabled: false\nshutdown_enabled: true\nprotocol: text\nidle_timeout: 30s\n\
         connections_max_fast: false\nstats_prefix_delimiter: \"|\"\nverbosity: 1\nuser: memcache\n\
         daemonize: true\npid_file: /run/x.pid\nlock_memory: true\ncore_dumps: true\n",
    );
    let expected = Config {
        threads: 2,
        listen: vec!["127.0.0.1:5000".parse().unwrap()],
        udp_port: Some(5001),
        connections_max: 9,
        backlog: 8,
        requests_per_event: 7,
        evict: false,
        cas: false,
        flush_enabled: false,
        dump_enabled: false,
        watch_enabled: false,
        shutdown_enabled: true,
        protocol: Protocol::Text,
        idle_timeout: Some(Duration::from_secs(30)),
        connections_max_fast: false,
        stats_prefix_delimiter: Some(b'|'),
        verbosity: 1,
        user: Some("memcache".into()),
        daemonize: true,
        pid_file: Some("/run/x.pid".into()),
        lock_memory: true,
        core_dumps: true,
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn an_alias_stands_for_the_value_it_names() {
    let config = accepted("threads: &n 2\nverbosity: *n\nmemory: &m 64MiB\nitem_size_max: 1MiB\n");
    assert_eq!((config.threads, config.verbosity), (2, 2));
    assert_eq!(
        refused("threads: &n 7\nverbosity: *n\n"),
        "pair.yaml:2:12: verbosity: 7 is out of range\n 2 | verbosity: *n\n   |            ^^\n   \
         = write a number from 0 to 3"
    );
}

#[test]
fn a_unix_socket_replaces_the_network() {
    let config = accepted("unix_socket: /run/t.sock\nunix_socket_mode: 0770\nudp_port: 11211\n");
    let socket = UnixSocket {
        path: "/run/t.sock".into(),
        mode: 0o770,
    };
    assert_eq!(config.unix_socket, Some(socket));
    assert!(config.listen.is_empty());
    assert_eq!(config.udp_port, None);
}

#[test]
fn version_three_takes_fractions_of_a_second_and_ipv6() {
    let text = "listen: '[::]:11211'\nvrrp:\n  interface: eth0\n  virtual_router_id: 1\n  version: 3\n  \
                virtual_addresses:\n    - fd00::100\n    - fd00::101/64\n  \
                advertisement_interval: 200ms\n  unicast_peer: fd00::2\n  join_hold: 0s\n  \
                on_change: /usr/bin/true\n";
    let config = accepted(text);
    let router = config.vrrp.expect("the section is there");
    assert_eq!(router.version, VrrpVersion::Three);
    assert_eq!(router.advertisement_interval, Duration::from_millis(200));
    let addresses: Vec<String> = router
        .virtual_addresses
        .iter()
        .map(|a| a.to_string())
        .collect();
    assert_eq!(addresses, ["fd00::100/128", "fd00::101/64"]);
    assert_eq!(router.unicast_peer, Some("fd00::2".parse().unwrap()));
    assert_eq!(router.join_hold, Some(Duration::ZERO));
    assert_eq!(router.on_change, Some("/usr/bin/true".into()));
    assert_eq!(
        config.warnings,
        [
            "advertisement_interval is below 1s, but the kernel counts address lifetimes in whole \
          seconds: a host that freezes whole may hold the address longer than takeover needs"
        ]
    );
}

#[test]
fn a_priority_above_250_is_lowered_with_a_warning() {
    let config = accepted(&format!("{ROUTER}  priority: 255\n"));
    assert_eq!(config.vrrp.expect("the section is there").priority, 250);
    assert_eq!(
        config.warnings,
        ["priority 255 is used as 250: the node that takes over needs room above"]
    );
}

#[test]
fn a_virtual_address_that_no_socket_serves_is_warned_about() {
    let config = accepted(&format!("listen: 10.0.0.1\n{ROUTER}"));
    assert_eq!(
        config.warnings,
        [
            "no client socket listens on the virtual address 10.0.0.100; listen on 0.0.0.0 (or [::]) \
          or name it in listen"
        ]
    );
    assert!(
        accepted(&format!("listen: [10.0.0.1, 10.0.0.100]\n{ROUTER}"))
            .warnings
            .is_empty()
    );
}

#[test]
fn a_secret_is_read_without_its_line_break() {
    let file = TemporaryFile::new(b"0123456789abcdef\n", 0o600);
    let config = accepted(&format!(
        "{LINK}  secret_file: {}\n  node_id: 7\n",
        file.path()
    ));
    let link = config.replication.expect("the section is there");
    assert_eq!(
        link.secret.as_ref().map(Secret::bytes),
        Some(&b"0123456789abcdef"[..])
    );
    assert_eq!(format!("{:?}", link.secret), "Some(Secret(16 bytes))");
    assert_eq!(link.node_id, Some(7));
    assert!(config.warnings.is_empty());
}

#[test]
fn an_address_can_be_cleared_by_who_cannot_read_the_secret() {
    let text = format!("{LINK}  secret_file: /nonexistent/secret\n{ROUTER}");
    let file = TemporaryFile::new(text.as_bytes(), 0o600);
    let path = PathBuf::from(file.path());
    assert!(load(&path).is_err());
    let config = load_without_link(&path).expect("the rest is good");
    assert_eq!(config.replication, None);
    assert_eq!(config.vrrp.expect("it is configured").interface, "eth0");
}

#[test]
fn a_secret_that_everyone_can_read_is_warned_about() {
    let file = TemporaryFile::new(b"0123456789abcdef", 0o644);
    let config = accepted(&format!("{LINK}  secret_file: {}\n", file.path()));
    let expected = format!(
        "every user can read the secret: run chmod 600 {}",
        file.path()
    );
    assert_eq!(config.warnings, [expected]);
}

#[test]
fn a_secret_that_is_too_short_is_refused() {
    let file = TemporaryFile::new(b"0123456789abcde\r\n", 0o600);
    let path = file.path();
    let message = refused(&format!("{LINK}  secret_file: {path}\n"));
    let expected = format!(
        "pair.yaml:4:16: secret_file: the secret in {path} has 15 bytes\n 4 |   secret_file: {path}\n   \
         |                {}\n   = use 16 to 4096 bytes, the same on both hosts",
        "^".repeat(path.len())
    );
    assert_eq!(message, expected);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = load(Path::new("/nonexistent/pair.yaml")).expect_err("there is no such file");
    assert_eq!(error.exit_code(), 78);
    assert_eq!(
        error.to_string(),
        "twincached: cannot read /nonexistent/pair.yaml: No such file or directory (os error 2)"
    );
    let file = TemporaryFile::new(b"memory: \xff\n", 0o600);
    let error = load(&file.0).expect_err("it is not text");
    assert_eq!(
        error.to_string(),
        format!("twincached: {} is not UTF-8 text", file.path())
    );
}

#[test]
fn the_packaged_example_is_accepted() {
    let config = accepted(include_str!("../../../packaging/twincached.yaml"));
    assert!(config.replication.is_some() && config.vrrp.is_some() && config.admin.is_some());
    assert!(config.warnings.is_empty());
}

#[test]
fn no_text_makes_the_reader_panic() {
    let full =
        format!("memory: 1GiB\nlisten: [\"[::]:11211\"]\n{LINK}  acknowledge: peer\n{ROUTER}");
    for end in 0..full.len() {
        // Whether a cut text is accepted does not matter here, only that it is answered.
        let _ = read(&full[..end]);
        for junk in [
            "\t",
            ": ",
            "[",
            "{",
            "\"",
            "&a",
            "*a",
            "\n---\n",
            "\0",
            "\u{1b}[2J",
            "é",
            "!!int x",
        ] {
            let _ =
                read(&format!("{}{junk}{}", &full[..end], &full[end..])).map_err(|e| e.to_string());
        }
    }
}
