use super::*;
use std::ffi::OsStr;

#[test]
fn commands_are_read() {
    let admin = "127.0.0.1:11280".parse().unwrap();
    let cases = [
        ("check /etc/t.yaml", Invocation::Check("/etc/t.yaml".into())),
        ("clear /etc/t.yaml", Invocation::Clear("/etc/t.yaml".into())),
        ("status", Invocation::Status { admin, json: false }),
        (
            "status --json --admin localhost:1",
            Invocation::Status {
                admin: "127.0.0.1:1".parse().unwrap(),
                json: true,
            },
        ),
        (
            "failover",
            Invocation::Failover {
                admin,
                force: false,
            },
        ),
        (
            "failover --force --admin :11280",
            Invocation::Failover { admin, force: true },
        ),
        ("demo", Invocation::Demo(DemoOptions::default())),
        (
            "demo --network 192.168.7.0 --advertisement-interval 200ms",
            Invocation::Demo(DemoOptions {
                network: Ipv4Addr::new(192, 168, 7, 0),
                advertisement_interval: Duration::from_millis(200),
            }),
        ),
        ("-V", Invocation::Version("twincached 0.1.0".into())),
        ("--version", Invocation::Version("twincached 0.1.0".into())),
    ];
    for (line, expected) in cases {
        if line.contains("localhost") {
            // The resolver may prefer ::1.
            assert!(matches!(
                invoke(line),
                Ok(Invocation::Status { json: true, .. })
            ));
            continue;
        }
        assert_eq!(invoke(line), Ok(expected), "{line}");
    }
}

#[test]
fn status_asks_where_the_configuration_file_says() {
    let file = TemporaryFile::new(b"admin:\n  listen: 0.0.0.0:9999\n", 0o600);
    let expected = Invocation::Status {
        admin: "127.0.0.1:9999".parse().unwrap(),
        json: false,
    };
    assert_eq!(
        invoke(&format!("status --config {}", file.path())),
        Ok(expected)
    );
    let file = TemporaryFile::new(b"memory: 64MiB\n", 0o600);
    let error = invoke(&format!("status --config {}", file.path())).expect_err("nobody answers");
    assert_eq!(
        error.to_string(),
        format!(
            "twincached: {} has no section admin, so the server does not answer\n  \
             = add `admin:` with `listen: 127.0.0.1:11280` below",
            file.path()
        )
    );
}

#[test]
fn help_lists_every_flag_in_memcacheds_form() {
    for line in ["-h", "--help", "-dh", "check -h", "status --help"] {
        let Ok(Invocation::Help(text)) = invoke(line) else {
            panic!("{line} is help")
        };
        assert!(text.starts_with(
            "twincached 0.1.0\n-p, --port=<num>          TCP port to listen on (default: 11211)\n"
        ));
        let rows = [
            "\n-v, --verbose             tell also which settings have no effect; -vv also each\n                          attempt of the replication link. Requests are never\n                          told: `watch fetchers mutations` shows them to a client\n",
            "\n-D <char>                 delimiter between prefix and rest of a key for\n",
            "\n-X, --disable-dumping[=<num>] refuse \"stats cachedump\" and \"lru_crawler metadump\";\n",
            "\n   - not offered:         ext_* ssl_* proxy_*\n",
            "\ncheck FILE                read a configuration file and say what is wrong with it\n",
        ];
        for row in rows {
            assert!(text.contains(row), "{row:?} is missing");
        }
    }
    let Ok(Invocation::Help(license)) = invoke("-i") else {
        panic!("-i is help")
    };
    assert!(license.starts_with("twincached 0.1.0\n\nMIT License\n"));
}

#[test]
fn a_guard_reads_back_what_the_server_gave_it() {
    let guard = Guard {
        interface: "eth0".into(),
        addresses: vec![
            VirtualAddress {
                address: "10.0.0.100".parse().unwrap(),
                prefix_len: 32,
            },
            VirtualAddress {
                address: "10.0.0.101".parse().unwrap(),
                prefix_len: 24,
            },
        ],
        virtual_router_id: 51,
        version: VrrpVersion::Three,
        advertisement_interval: Duration::from_millis(200),
        password: None,
        unicast_peer: Some("10.0.0.2".parse().unwrap()),
    };
    assert_eq!(
        guard.arguments().join(OsStr::new(" ")),
        "guard --interface=eth0 --virtual-router-id=51 --vrrp-version=3 \
         --advertisement-interval=200ms --address=10.0.0.100/32 --address=10.0.0.101/24 \
         --unicast-peer=10.0.0.2"
    );
    let arguments = std::iter::once("twincached".into()).chain(guard.arguments());
    assert_eq!(parse(arguments), Ok(Invocation::Guard(guard.clone())));
    assert_eq!(guard.environment(), None);
}

#[test]
fn the_password_reaches_the_guard_through_the_environment() {
    let config = accepted(&format!("{ROUTER}  password: pw 1\n"));
    let guard = Guard::from(&config.vrrp.expect("the section is there"));
    assert!(
        !guard
            .arguments()
            .iter()
            .any(|argument| argument.to_string_lossy().contains("pw"))
    );
    let expected = Some(("TWINCACHED_GUARD_PASSWORD", OsString::from("pw 1")));
    assert_eq!(guard.environment(), expected);
    let command =
        command_line::matches(std::iter::once("twincached".into()).chain(guard.arguments()));
    let matches = command.expect("the server writes what the guard reads");
    let (_, matches) = matches.subcommand().expect("guard is a command");
    let read = guard::read(matches, Some("pw 1".into()));
    assert_eq!(read, Ok(guard));
}
