use super::super::report::Report;
use super::{of, size, time};

const HEALTHY: &str = r#"{
    "version": "0.1.0",
    "node": {"complete": true, "serving": true, "uptime_s": 273600},
    "vrrp": {
        "state": "MASTER", "reason": "the peer's process died", "effective_priority": 241,
        "since_ms": 7980000, "virtual_addresses": ["10.0.0.100/32"], "holds_address": true,
        "master_seen": null, "advertisement_interval_ms": 1000, "advertisements_sent": 8123, "received": 3,
        "rejected": {"checksum": 2, "ttl": 0}, "lease_remaining_ms": 1800
    },
    "replication": {
        "state": "connected", "progress": "in sync", "in_sync": true,
        "peer_has_all": true, "have_all": true, "waiting_for_peer": true,
        "acknowledge": "peer", "degraded": false, "lag_items": 0, "bytes_sent": 12690000,
        "bytes_received": 900, "connections": 2, "skew_ms": -3, "differences": []
    },
    "clients": {"connections": 12, "connections_max": 1024, "rejected": 0},
    "store": {"items": 1204331, "bytes": 851443712, "limit": 1073741824, "tombstones": 12}
}"#;

fn shown(body: &str) -> String {
    let admin = "127.0.0.1:11280".parse().expect("an address");
    of(&Report::read(body).expect("a status"), admin)
}

fn first_lines(from: &str, to: &str) -> Vec<String> {
    let text = shown(&HEALTHY.replace(from, to));
    let troubles = text.lines().take_while(|line| !line.is_empty());
    troubles.map(str::to_owned).collect()
}

#[test]
fn a_healthy_master_is_told_in_one_line_and_in_full() {
    let expected = "\
OK: serves clients, MASTER, both hosts have everything

twincached 0.1.0 at 127.0.0.1:11280, up 3 d 4 h
address      MASTER for 2 h 13 min (the peer's process died)
             10.0.0.100/32 here, lease ends in 1.8 s unless renewed, own priority 241
             advertisements: 8123 sent, 3 received, 2 rejected for checksum
replication  in sync, replies wait for the peer
             peer has all of ours: yes, we have all of the peer's: yes
             0 changes behind, 12.1 MiB sent, 900 B received, 2 connections, clocks 3 ms apart
store        1204331 items, 812.0 MiB of 1.0 GiB (79 %), 12 tombstones
clients      12 of 1024 connections
";
    assert_eq!(shown(HEALTHY), expected);
}

#[test]
fn every_trouble_has_a_line_before_all_else() {
    assert_eq!(
        first_lines(r#""serving": true"#, r#""serving": false"#),
        ["! does not serve clients yet"]
    );
    assert_eq!(
        first_lines(r#""connected""#, r#""disconnected""#),
        ["! no link to the peer: what is written now is on this host alone"]
    );
    assert_eq!(
        first_lines(
            r#""in_sync": true,
        "peer_has_all": true"#,
            r#""in_sync": false, "peer_has_all": false"#
        ),
        ["! the peer is catching up: it does not have all of ours yet"]
    );
    assert_eq!(
        first_lines(r#""holds_address": true"#, r#""holds_address": false"#),
        ["! MASTER, but the virtual address is not here"]
    );
    assert_eq!(
        first_lines(
            r#""rejected": {"checksum": 2,"#,
            r#""master_unheard": true, "rejected": {"virtual_router_id": 2,"#
        ),
        [
            "! the advertisements of the MASTER do not arrive here: should the link break too, both \
          will be MASTER; let IP protocol 112 through the firewall, or set unicast_peer"
        ]
    );
    assert_eq!(
        first_lines(r#""rejected""#, r#""master_unheard": true, "rejected""#),
        [
            "! the advertisements of the MASTER are rejected here: should the link break too, both \
          will be MASTER; make alike on both hosts what the reason below names"
        ]
    );
    assert_eq!(
        first_lines(r#""rejected""#, r#""unheard_by_peer": true, "rejected""#),
        [
            "! the other host hears no advertisements of this MASTER: should the link break too, both \
          will be MASTER; ask it for the reason with twincached status"
        ]
    );
    assert_eq!(
        first_lines(r#""skew_ms": -3"#, r#""skew_ms": 90500"#),
        ["! the clocks of the two hosts are 1 min 30 s apart"]
    );
    assert_eq!(
        first_lines(
            r#""differences": []"#,
            r#""differences": ["memory is 1 here and 2 on the peer", "VRRP version is 2 here and 3 on the peer"]"#
        ),
        [
            "! configured differently: memory is 1 here and 2 on the peer",
            "! configured differently: VRRP version is 2 here and 3 on the peer"
        ]
    );
}

#[test]
fn a_degraded_pair_is_called_that_and_nothing_else_also_while_it_catches_up() {
    for peer_has_all in ["true", "false"] {
        let degraded = HEALTHY
            .replace(
                r#""progress": "in sync", "in_sync": true"#,
                r#""progress": "degraded", "in_sync": false"#,
            )
            .replace(
                r#""peer_has_all": true"#,
                &format!(r#""peer_has_all": {peer_has_all}"#),
            )
            .replace(
                r#""waiting_for_peer": true"#,
                r#""waiting_for_peer": false"#,
            )
            .replace(r#""degraded": false"#, r#""degraded": true"#);
        let text = shown(&degraded);
        let troubles: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
        assert_eq!(
            troubles,
            [
                "! degraded: replies do not wait for the peer, which was too slow; \
              the last changes would be lost with this host"
            ]
        );
        let state = "replication  degraded, replies should wait for the peer but do not\n";
        assert!(text.contains(state), "{text}");
    }
}

#[test]
fn a_node_without_peer_and_address_is_healthy() {
    let text = shown(
        r#"{"version": "0.1.0", "node": {"complete": true, "serving": true, "uptime_s": 1},
            "vrrp": null, "replication": null, "store": {"items": 0}}"#,
    );
    let expected = "\
OK: serves clients

twincached 0.1.0 at 127.0.0.1:11280, up 1.0 s
address      no virtual address
replication  no peer
store        0 items
";
    assert_eq!(text, expected);
}

#[test]
fn fields_of_an_unexpected_kind_are_left_out() {
    let text = shown(r#"{"node": {"uptime_s": "long"}, "vrrp": {"state": 3}, "replication": 7}"#);
    assert!(text.contains("?: takes no part in failover"), "{text}");
    assert!(Report::read("[]").is_none());
    assert!(Report::read("VERSION").is_none());
}

#[test]
fn times_and_sizes_have_the_unit_that_matters() {
    assert_eq!(time(0), "0 ms");
    assert_eq!(time(59_999), "59.9 s");
    assert_eq!(time(61_000), "1 min 1 s");
    assert_eq!(time(u64::MAX), "213503982334 d 14 h");
    assert_eq!(size(1023), "1023 B");
    assert_eq!(size(1536), "1.5 KiB");
    assert_eq!(size(u64::MAX), "16777215.9 TiB");
}

#[test]
fn a_missing_link_is_told_with_what_has_last_prevented_it() {
    let told = r#""disconnected", "last_refusal_ms": 1200,
        "last_refusal": "connection refused: the other end has another secret""#;
    assert_eq!(
        first_lines(r#""connected""#, told),
        [
            "! no link to the peer: what is written now is on this host alone; \
             1.2 s ago: connection refused: the other end has another secret"
        ]
    );
}

#[test]
fn a_keepalived_that_was_left_on_the_peer_is_told() {
    let told = r#""MASTER", "other_speaker": "10.0.0.2""#;
    assert_eq!(
        first_lines(r#""MASTER""#, told),
        [
            "! something else than twincached speaks VRRP on 10.0.0.2: does keepalived still run \
             there? the virtual address may be on both hosts"
        ]
    );
}

#[test]
fn a_third_node_is_told_for_as_long_as_it_asks() {
    let told = |ms: u64| {
        first_lines(
            r#""connected""#,
            &format!(r#""connected", "third_node_ms": {ms}"#),
        )
    };
    assert_eq!(
        told(400),
        [
            "! a third node wanted to be the peer 400 ms ago: two hosts make a pair, stop it \
             (the log names it)"
        ]
    );
    assert!(!told(11_000)[0].starts_with('!'), "{:?}", told(11_000));
}

#[test]
fn an_interface_that_is_down_is_named() {
    let told = r#""MASTER", "interface": "eth0", "interface_up": false"#;
    assert_eq!(
        first_lines(r#""MASTER""#, told),
        ["! the interface eth0 is down"]
    );
}

#[test]
fn a_backup_that_knows_no_master_is_not_well() {
    let no_master = "! BACKUP, and no master was heard lately: as far as this host knows, \
                     nobody holds the virtual address";
    let heard = r#""BACKUP", "master_heard_ms": 100"#;
    let backup = |known: &str| first_lines(r#""MASTER""#, &format!("{heard}{known}"));
    assert_eq!(backup(r#", "master_known": false"#), [no_master]);
    let well = "OK: serves clients, BACKUP, both hosts have everything";
    assert_eq!(backup(r#", "master_known": true"#), [well]);
    assert_eq!(backup(""), [well], "an older server does not say");
}

#[test]
fn connections_that_are_all_in_use_are_a_trouble_and_who_was_turned_away_is_counted() {
    let full = r#""connections": 1024, "connections_max": 1024, "rejected": 476"#;
    let body = HEALTHY.replace(
        r#""connections": 12, "connections_max": 1024, "rejected": 0"#,
        full,
    );
    let text = shown(&body);
    let begin = "! 1024 of 1024 connections are in use: other clients are turned away or wait";
    assert!(text.starts_with(begin), "{text}");
    let end = "clients      1024 of 1024 connections, 476 turned away since the start\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn a_backup_tells_its_own_priority_and_that_of_the_master() {
    let backup = HEALTHY
        .replace(r#""MASTER""#, r#""BACKUP""#)
        .replace(r#""holds_address": true"#, r#""holds_address": false"#)
        .replace(
            r#""master_seen": null"#,
            r#""master_seen": "10.91.9.2", "master_priority": 200"#,
        );
    let line =
        "10.0.0.100/32 not here, master heard: 10.91.9.2 with priority 200, own priority 241";
    let text = shown(&backup);
    assert!(text.contains(line), "{text}");
}
