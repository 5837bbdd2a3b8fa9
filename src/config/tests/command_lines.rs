use super::*;

/// Checks that a command line is refused with exit code 64 and this message.
fn check(line: &str, expected: &str) {
    let error = invoke(line).expect_err(line);
    assert_eq!(error.to_string(), expected, "for {line:?}");
    assert_eq!(error.exit_code(), 64, "for {line:?}");
}

#[test]
fn no_arguments_are_a_plain_memcached() {
    assert_eq!(served(""), Config::default());
}

#[test]
fn flags_combine_as_with_getopt() {
    let config =
        served("-dvv -m128 -FCMAkr -p 5000 -t2 -c 9 -b8 -R 7 -I 2m -D| -u memcache -P /run/p");
    let expected = Config {
        memory: 134_217_728,
        threads: 2,
        listen: vec![
            "0.0.0.0:5000".parse().unwrap(),
            "[::]:5000".parse().unwrap(),
        ],
        connections_max: 9,
        backlog: 8,
        item_size_max: 2_097_152,
        requests_per_event: 7,
        evict: false,
        cas: false,
        flush_enabled: false,
        shutdown_enabled: true,
        stats_prefix_delimiter: Some(b'|'),
        verbosity: 2,
        user: Some("memcache".into()),
        daemonize: true,
        pid_file: Some("/run/p".into()),
        lock_memory: true,
        core_dumps: true,
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn long_flags_may_be_shortened_and_the_last_one_counts() {
    let config = served("--memory-l=32 --th 3 -t 2 --conn-limit 5 -m 64 --disable-ca");
    assert_eq!(
        (config.memory, config.threads, config.connections_max),
        (67_108_864, 2, 5)
    );
    assert!(!config.cas);
}

#[test]
fn listening_addresses_add_up_and_take_the_port_of_p() {
    let config = served("-l 127.0.0.1,127.0.0.2:7000 -l [::1] -p 6000 -U 6001");
    let expected = ["127.0.0.1:6000", "127.0.0.2:7000", "[::1]:6000"];
    assert_eq!(
        config.listen,
        expected.map(|address| address.parse().unwrap())
    );
    assert_eq!(config.udp_port, Some(6001));
    assert_eq!(
        served("-p -1 -l 127.0.0.1").listen,
        ["127.0.0.1:0".parse().unwrap()]
    );
    assert!(served("-p 0").listen.is_empty());
}

#[test]
fn a_unix_socket_takes_its_mode_from_a() {
    let socket = |line| served(line).unix_socket.map(|socket| socket.mode);
    assert_eq!(socket("-s /run/t.sock"), Some(0o700));
    assert_eq!(socket("-s /run/t.sock -a 0777"), Some(0o777));
}

#[test]
fn dump_letter_without_a_number_disables_dumping() {
    assert!(!served("-X").dump_enabled);
    assert!(!served("-X -M").dump_enabled);
    let config = served("-FXvW");
    assert!(!config.dump_enabled && !config.flush_enabled && !config.watch_enabled);
    assert_eq!(config.verbosity, 1);
}

#[test]
fn repcached_flags_make_a_pair() {
    let expected = Replication {
        listen: "0.0.0.0:11213".parse().unwrap(),
        peer: HostPort {
            host: "10.0.0.2".into(),
            port: 11213,
        },
        acknowledge: Acknowledge::Peer,
        acknowledge_timeout: Duration::from_millis(250),
        secret: None,
        tls: None,
        node_id: None,
        shared_port: true,
    };
    let config = served("-x 10.0.0.2 -X 11213 -q 5000 -X");
    assert_eq!(config.replication.as_ref(), Some(&expected));
    assert!(!config.dump_enabled);
    assert_eq!(config.notes, ["-q has no effect: replication has no queue"]);
    let link = served("-x localhost").replication.expect("-x makes a pair");
    assert_eq!(
        (link.listen.port(), link.peer.to_string()),
        (11212, "localhost:11212".into())
    );
    let link = served("-x ::1 -X11214")
        .replication
        .expect("-x makes a pair");
    assert_eq!(
        (link.listen.to_string(), link.peer.to_string()),
        ("[::]:11214".into(), "[::1]:11214".into())
    );
}

#[test]
fn suboptions_are_honoured_or_noted() {
    let config =
        served("-o modern,idle_timeout=30,no_maxconns_fast -o slab_chunk_max=16 -f 1.25 -L");
    assert_eq!(config.idle_timeout, Some(Duration::from_secs(30)));
    assert!(!config.connections_max_fast);
    assert_eq!(
        config.notes,
        [
            "-f, --slab-growth-factor has no effect: items are not kept in slab classes",
            "-L, --enable-largepages has no effect: the kernel's transparent huge pages need no flag",
            "-o modern has no effect: it stands for memcached's defaults",
            "-o slab_chunk_max has no effect: items are not kept in slab classes",
        ]
    );
    assert_eq!(served("-o idle_timeout=0").idle_timeout, None);
}

#[test]
fn an_auth_file_leaves_only_the_text_protocol() {
    assert_eq!(served("-Y /etc/auth").protocol, Protocol::Text);
    assert_eq!(served("-Y /etc/auth -B auto").protocol, Protocol::Text);
    assert_eq!(served("-B ascii").protocol, Protocol::Text);
    assert_eq!(served("-B binary").protocol, Protocol::Binary);
}

#[test]
fn many_threads_are_warned_about() {
    assert_eq!(
        served("-t 65").warnings,
        ["65 threads are not recommended; set the number of cores of this machine or less"]
    );
}

#[test]
fn flags_override_the_file() {
    let text = format!(
        "memory: 1GiB\nthreads: 2\nevict: true\nlisten: 127.0.0.1:5000\n{LINK}  acknowledge: local\n"
    );
    let file = TemporaryFile::new(text.as_bytes(), 0o600);
    let path = file.path();
    let config = served(&format!("--config {path} -m 512 -M"));
    assert_eq!(
        (config.memory, config.threads, config.evict),
        (536_870_912, 2, false)
    );
    assert_eq!(config.listen, ["127.0.0.1:5000".parse().unwrap()]);
    let config = served(&format!("--config={path} -p 6000 -x 10.0.0.3 -X 11214"));
    assert_eq!(config.listen, ["127.0.0.1:6000".parse().unwrap()]);
    let link = config.replication.expect("the file has the section");
    assert_eq!(
        (link.peer.to_string(), link.listen.port()),
        ("10.0.0.3:11214".into(), 11214)
    );
    assert_eq!(link.acknowledge, Acknowledge::Local);
    let config = served(&format!("--config {path} -l 127.0.0.2"));
    assert_eq!(config.listen, ["127.0.0.2:11211".parse().unwrap()]);
}

#[test]
fn a_conflict_of_flag_and_file_is_reported_where_it_stands() {
    let file = TemporaryFile::new(b"item_size_max: 8MiB\nmemory: 1GiB\n", 0o600);
    let path = file.path();
    let error = invoke(&format!("--config {path} -m 10")).expect_err("8 MiB is above half of 10");
    assert_eq!(error.exit_code(), 78);
    assert_eq!(
        error.to_string(),
        format!(
            "{path}:1:16: item_size_max: Cannot set item size limit higher than 1/2 of memory max.\n \
             1 | item_size_max: 8MiB\n   |                ^^^^\n   \
             = raise memory (-m), or lower item_size_max (-I)"
        )
    );
}

#[test]
fn values_out_of_bounds_are_refused_in_memcacheds_words() {
    check(
        "-t 0",
        "twincached: -t, --threads: Number of threads must be greater than 0\n  = write a number from 1 to 1024",
    );
    check(
        "-c 0",
        "twincached: -c, --conn-limit: Maximum connections must be greater than 0\n  = write a number from 1 to 2147483647",
    );
    check(
        "-R 0",
        "twincached: -R, --max-reqs-per-event: Number of requests per event must be greater than 0\n  = write a number from 1 to 2147483647",
    );
    check(
        "-I 1023",
        "twincached: -I, --max-item-size: Item max size cannot be less than 1024 bytes.\n  = write at least 1KiB",
    );
    check(
        "-I 1025m -m 4096",
        "twincached: -I, --max-item-size: Cannot set item size limit higher than a gigabyte.\n  = write at most 1GiB",
    );
    check(
        "-I 64m",
        "twincached: -I, --max-item-size: Cannot set item size limit higher than 1/2 of memory max.\n  = raise memory (-m), or lower item_size_max (-I)",
    );
    check(
        "-m 1",
        "twincached: -m, --memory-limit: Cannot set item size limit higher than 1/2 of memory max.\n  = raise memory (-m), or lower item_size_max (-I)",
    );
    check(
        "-m lots",
        "twincached: -m, --memory-limit: \"lots\" is not a size\n  = write a number of megabytes, such as 64, or a size such as 1GiB",
    );
    check(
        "-B foo",
        "twincached: -B, --protocol: Invalid value for binding protocol: foo\n  = should be one of auto, binary, or ascii",
    );
    check(
        "-p 70000",
        "twincached: -p, --port: Invalid port number: \"70000\"\n  = write a port from 0 to 65535",
    );
    check(
        "-l 127.0.0.1:x",
        "twincached: -l, --listen: Invalid port number: \"x\"\n  = write a port from 0 to 65535",
    );
    check(
        "-a 999",
        "twincached: -a, --unix-mask: \"999\" is not an octal access mode\n  = write three octal digits, such as 700 or 770",
    );
    check(
        "-Y /x -B binary",
        "twincached: -Y, --auth-file: You cannot allow the BINARY protocol while using ascii authentication tokens.\n  = leave out -B binary, or leave out -Y",
    );
    check(
        "-Y /x -U 1",
        "twincached: -U, --udp-port: Cannot use UDP with ascii authentication enabled (-U 0 to disable)\n  = leave out the UDP port, or leave out the auth file",
    );
    check(
        "-o idle_timeout",
        "twincached: -o idle_timeout: Missing numeric argument for idle_timeout\n  = write seconds, such as idle_timeout=300, or 0 for no timeout",
    );
    check(
        "-o idle_timout=3",
        "twincached: Illegal suboption \"idle_timout\"\n  = did you mean idle_timeout?",
    );
    check(
        "-o foo",
        "twincached: Illegal suboption \"foo\"\n  = twincached -h lists the suboptions",
    );
}

#[test]
fn what_is_not_offered_is_refused_with_the_way_out() {
    check(
        "-S",
        "twincached: -S, --enable-sasl: SASL authentication is not offered\n  = leave it out and restrict the port, or use -Y FILE for text clients",
    );
    check(
        "-Z",
        "twincached: -Z, --enable-ssl: TLS for clients is not offered\n  = leave it out, and put a TLS proxy such as stunnel in front if clients need it",
    );
    check(
        "-e /dev/shm/x",
        "twincached: -e, --memory-file: the cache is not kept in a file\n  = leave it out; a peer (-x) keeps the items across a restart",
    );
    check(
        "-o ext_path=/x:5G",
        "twincached: -o ext_path: items are kept in memory only, external storage is not offered\n  = leave it out and give the cache more memory (-m)",
    );
    check(
        "-o ssl_key=/x",
        "twincached: -o ssl_key: TLS for clients is not offered\n  = leave it out, and put a TLS proxy such as stunnel in front if clients need it",
    );
    check(
        "-o proxy_config=/x",
        "twincached: -o proxy_config: the built-in proxy is not offered\n  = run twemproxy or mcrouter in front of several pairs",
    );
    check(
        "-l proto[ascii]:1.2.3.4",
        "twincached: -l, --listen: \"proto[ascii]:1.2.3.4\": listener tags and protocols of single listeners are not offered\n  = write HOST:PORT; -B chooses the protocol of all listeners",
    );
}

#[test]
fn a_peer_that_cannot_be_is_refused() {
    check(
        "-X 11212",
        "twincached: -X, --disable-dumping: a replication port needs a peer\n  = add -x HOST, or write -X without a number to disable dumping",
    );
    check(
        "-x h -X foo",
        "twincached: -X, --disable-dumping: Invalid port number: \"foo\"\n  = write a port from 0 to 65535",
    );
    check(
        "-x 0.0.0.0",
        "twincached: -x: \"0.0.0.0\" is not the address of one host\n  = write the other host's address, such as 10.0.0.2:11212",
    );
    check(
        "-x h -X 11211",
        "twincached: -X, --disable-dumping: 0.0.0.0:11211 is where clients connect\n  = give the replication link a port of its own, such as 11212",
    );
    check(
        "--admin :11211",
        "twincached: --admin: 0.0.0.0:11211 is used by the clients or by the replication link\n  = give the admin interface a port of its own, such as 127.0.0.1:11280",
    );
}

#[test]
fn what_is_not_understood_is_named() {
    const SEE: &str = "\n  = twincached -h lists flags and commands";
    let cases = [
        ("-z", "invalid option -- 'z'"),
        ("-Mz", "invalid option -- 'z'"),
        ("--foo", "unrecognized option '--foo'"),
        (
            "--therads 3",
            "unrecognized option '--therads', did you mean '--threads'?",
        ),
        (
            "--mem 3",
            "option '--mem' is ambiguous: --memory-limit, --memory-file",
        ),
        ("-D", "option '-D' requires an argument"),
        ("--listen", "option '--listen' requires an argument"),
        ("--daemon=5", "option '--daemon' takes no argument"),
        ("foo", "unexpected argument 'foo'"),
        ("-m 64 foo", "unexpected argument 'foo'"),
        ("chek x", "unknown command 'chek', did you mean 'check'?"),
        (
            "-m 64 status",
            "flags of the server do not go with the command 'status'",
        ),
        ("check", "FILE is missing"),
        ("check a b", "unexpected argument 'b'"),
        ("guard", "--interface is missing"),
    ];
    for (line, expected) in cases {
        check(line, &format!("twincached: {expected}{SEE}"));
    }
}
