//! Named runs, each with bounds in virtual time.

use super::clients::Behaviour;
use super::swarm::Fault;
use super::world::{MS, Options, World};

/// Host A and host B.
const A: usize = 0;
const B: usize = 1;

/// A pair that has just been started.
fn started() -> World {
    let mut world = World::new(Options {
        traced: true,
        ..Options::of_seed(1)
    });
    world.start(A);
    world.start(B);
    world
}

/// A pair that is whole, with clients that never rest. Returns who is master.
fn under_load() -> (World, usize) {
    let mut world = started();
    let eager = Behaviour {
        think: 2 * MS,
        patience: 200 * MS,
        ..Behaviour::default()
    };
    world.add_clients(3, 5, eager);
    world.run_until_holds(10_000, "the pair is whole", World::is_whole);
    world.run_ms(2_000);
    let master = world.master().expect("it is whole");
    let now = world.now;
    world.checks.clear_gap(now);
    (world, master)
}

#[test]
fn both_boot_together_and_there_is_one_winner_at_once() {
    let mut world = started();
    let took = world.run_until_holds(6_000, "the pair is whole", World::is_whole);
    assert!(took >= 500, "{took} ms");
    let master = world.master();
    world.run_ms(20_000);
    assert_eq!(world.master(), master, "no flap");
    assert_eq!(world.checks.both_longest, 0);
    world.finish();
}

#[test]
fn the_master_is_killed_and_clients_write_again_within_a_third_of_a_second() {
    let (mut world, master) = under_load();
    world.kill(master, false);
    world.run_ms(3_000);
    assert_eq!(world.master(), Some(1 - master));
    assert!(
        world.checks.gap_longest < 300 * MS,
        "{} ms",
        world.checks.gap_longest / MS
    );
    world.start(master);
    world.run_ms(8_000);
    assert_eq!(
        world.master(),
        Some(1 - master),
        "it never takes the address back"
    );
    world.finish();
}

#[test]
fn the_master_loses_power_and_returns_as_backup() {
    let (mut world, master) = under_load();
    world.power_off(master);
    world.run_ms(5_000);
    assert_eq!(world.master(), Some(1 - master));
    // Two intervals and skew, and the time that clients need to ask again.
    assert!(
        world.checks.gap_longest < 3_300 * MS,
        "{} ms",
        world.checks.gap_longest / MS
    );
    world.inflict(&Fault::PowerOn(master));
    world.run_ms(8_000);
    assert_eq!(world.master(), Some(1 - master));
    world.finish();
}

#[test]
fn a_master_that_wakes_after_five_seconds_serves_nothing_old() {
    let (mut world, master) = under_load();
    world.freeze(master);
    world.run_ms(5_000);
    world.wake(master);
    world.run_ms(3_000);
    assert_eq!(world.master(), Some(1 - master));
    assert_eq!(world.checks.both_longest, 0);
    world.finish();
}

#[test]
fn the_standby_dies_and_returns_and_costs_one_timeout() {
    let (mut world, master) = under_load();
    world.kill(1 - master, false);
    world.run_ms(3_000);
    assert_eq!(world.master(), Some(master));
    assert!(
        world.checks.gap_longest < 300 * MS,
        "{} ms",
        world.checks.gap_longest / MS
    );
    world.start(1 - master);
    world.run_ms(3_000);
    assert_eq!(world.master(), Some(master));
    world.finish();
}

#[test]
fn a_cut_of_the_link_alone_moves_nothing() {
    let (mut world, master) = under_load();
    for cut in [true, false] {
        world.inflict(&Fault::CutLink { from: master, cut });
        world.inflict(&Fault::CutLink {
            from: 1 - master,
            cut,
        });
        world.run_ms(10_000);
        assert_eq!(world.master(), Some(master));
    }
    assert!(
        world.checks.gap_longest < 350 * MS,
        "{} ms",
        world.checks.gap_longest / MS
    );
    world.finish();
}

#[test]
fn a_cut_of_vrrp_alone_moves_nothing() {
    let (mut world, master) = under_load();
    for cut in [true, false] {
        world.inflict(&Fault::CutVrrp { from: master, cut });
        world.inflict(&Fault::CutVrrp {
            from: 1 - master,
            cut,
        });
        world.run_ms(10_000);
        assert_eq!(world.master(), Some(master));
    }
    world.finish();
}

/// A pair that is whole and idle. A is master.
fn idle(change: impl FnOnce(&mut Options)) -> World {
    let mut options = Options {
        traced: true,
        priority: [240, 200],
        ..Options::of_seed(1)
    };
    change(&mut options);
    let mut world = World::new(options);
    world.start(A);
    world.run_ms(200);
    world.start(B);
    world.run_until_holds(20_000, "the pair is whole", World::is_whole);
    world.run_ms(1_500);
    assert_eq!(world.master(), Some(A));
    world
}

fn cut_link(world: &mut World, cut: bool) {
    world.inflict(&Fault::CutLink { from: A, cut });
    world.inflict(&Fault::CutLink { from: B, cut });
}

fn set(world: &mut World, host: usize, key: &str, value: &str, life: i64) {
    let request = format!("set {key} 0 {life} {}\r\n{value}\r\n", value.len());
    assert_eq!(world.ask(host, &request), "STORED\r\n");
}

fn value(world: &mut World, host: usize, key: &str) -> Option<String> {
    let answer = world.ask(host, &format!("get {key}\r\n"));
    answer.lines().nth(1).map(str::to_owned)
}

#[test]
fn a_full_partition_is_healed_within_an_interval_however_long_it_was() {
    for lasts_ms in [300, 1_500, 4_000, 20_000] {
        let (mut world, _) = under_load();
        world.inflict(&Fault::CutHosts(true));
        world.run_ms(lasts_ms);
        world.inflict(&Fault::CutHosts(false));
        world.run_ms(1_100);
        assert!(world.master().is_some(), "after {lasts_ms} ms");
        world.finish();
    }
}

#[test]
fn after_a_split_the_newest_version_of_each_key_is_on_both_hosts() {
    let mut world = idle(|_| {});
    set(&mut world, A, "both", "before", 0);
    world.inflict(&Fault::CutHosts(true));
    world.run_ms(5_000);
    set(&mut world, A, "on-a", "a", 0);
    set(&mut world, B, "on-b", "b", 0);
    set(&mut world, A, "both", "older", 0);
    world.run_ms(10);
    set(&mut world, B, "both", "newest", 0);
    world.inflict(&Fault::CutHosts(false));
    world.run_ms(2_000);
    for host in [A, B] {
        assert_eq!(value(&mut world, host, "on-a").as_deref(), Some("a"));
        assert_eq!(value(&mut world, host, "on-b").as_deref(), Some("b"));
        assert_eq!(value(&mut world, host, "both").as_deref(), Some("newest"));
    }
    world.finish();
}

#[test]
fn a_master_that_is_told_to_stop_hands_over_within_a_tenth_of_a_second() {
    let (mut world, master) = under_load();
    world.inflict(&Fault::Terminate(master));
    world.run_ms(1_500);
    assert!(world.hosts[master].process.is_none(), "it has left");
    assert_eq!(world.master(), Some(1 - master));
    assert!(
        world.checks.gap_longest < 100 * MS,
        "{} ms",
        world.checks.gap_longest / MS
    );
    assert_eq!(world.checks.both_longest, 0);
    world.finish();
}

#[test]
fn the_failover_command_hands_over_and_stays_as_backup() {
    let (mut world, master) = under_load();
    world.inflict(&Fault::HandOver {
        host: master,
        force: false,
    });
    world.run_ms(1_500);
    assert_eq!(world.master(), Some(1 - master));
    assert!(world.is_whole());
    assert!(
        world.checks.gap_longest < 100 * MS,
        "{} ms",
        world.checks.gap_longest / MS
    );
    world.finish();
}

#[test]
fn a_hundred_failovers_in_a_row_lose_nothing_and_never_pause_for_long() {
    let (mut world, mut master) = under_load();
    for number in 0..100 {
        world.inflict(&Fault::HandOver {
            host: master,
            force: false,
        });
        world.run_until_holds(2_000, "the other one is master", |world| {
            world.master() == Some(1 - master) && world.is_whole()
        });
        world.run_ms(100 + number * 7);
        master = 1 - master;
    }
    // A connection attempt that reaches the old host just after its address went is answered by
    // nobody: that client asks again after its patience of 200 ms.
    assert!(
        world.checks.gap_longest < 250 * MS,
        "{} ms",
        world.checks.gap_longest / MS
    );
    world.finish();
}

#[test]
fn an_empty_host_on_a_port_that_opens_late_yields_when_it_hears_the_other() {
    let (mut world, master) = under_load();
    world.power_off(master);
    world.run_ms(5_000);
    world.inflict(&Fault::CutHosts(true));
    world.inflict(&Fault::CutClients {
        host: master,
        cut: true,
    });
    world.inflict(&Fault::PowerOn(master));
    world.run_ms(30_000);
    assert!(world.hosts[master].is_master(), "it believes to be alone");
    world.inflict(&Fault::CutHosts(false));
    world.inflict(&Fault::CutClients {
        host: master,
        cut: false,
    });
    world.run_ms(1_100);
    assert_eq!(world.master(), Some(1 - master));
    world.finish();
}

#[test]
fn a_storm_of_resets_during_a_catch_up_ends_and_costs_no_second_copy() {
    let mut world = idle(|options| options.memory = [16 << 20; 2]);
    world.kill(B, false);
    let large = "x".repeat(4_000);
    for number in 0..1_000 {
        set(&mut world, A, &format!("k{number}"), &large, 0);
    }
    world.link_bytes = 0;
    world.link.delay = (MS, 2 * MS);
    world.start(B);
    for _ in 0..40 {
        world.run_ms(53);
        world.inflict(&Fault::ResetLink);
    }
    world.run_until_holds(5_000, "the pair is whole", World::is_whole);
    // Each reset loses at most what was under way.
    assert!(
        world.link_bytes < 4_000_000 + 41 * 400_000,
        "{}",
        world.link_bytes
    );
    world.run_ms(500);
    assert_eq!(value(&mut world, B, "k999"), Some(large));
    world.finish();
}

#[test]
fn a_restarted_node_gets_back_what_its_old_boot_wrote() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "of the old boot", 0);
    world.kill(A, false);
    world.run_ms(1_000);
    world.start(A);
    world.run_until_holds(5_000, "the pair is whole", World::is_whole);
    assert_eq!(
        value(&mut world, A, "k").as_deref(),
        Some("of the old boot")
    );
    assert_eq!(world.master(), Some(B));
    world.finish();
}

#[test]
fn what_expires_while_the_link_is_cut_does_not_bring_its_predecessor_back() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "first", 0);
    cut_link(&mut world, true);
    world.run_ms(3_000);
    set(&mut world, A, "k", "second", 1);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, A, "k"), None);
    cut_link(&mut world, false);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

/// Stores until the first key is evicted.
fn fill(world: &mut World, host: usize) {
    let large = "x".repeat(20_000);
    for number in 0..200 {
        set(world, host, &format!("filler{number}"), &large, 0);
    }
    assert_eq!(value(world, host, "k"), None, "it was evicted");
}

#[test]
fn what_is_evicted_while_the_link_is_cut_does_not_bring_its_predecessor_back() {
    let mut world = idle(|options| {
        options.memory = [1 << 20, 64 << 20];
        options.ample = false;
    });
    set(&mut world, A, "k", "first", 0);
    cut_link(&mut world, true);
    world.run_ms(3_000);
    set(&mut world, A, "k", "second", 0);
    fill(&mut world, A);
    cut_link(&mut world, false);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn a_delete_that_finds_nothing_deletes_on_the_peer() {
    let mut world = idle(|options| {
        options.memory = [1 << 20, 64 << 20];
        options.ample = false;
    });
    set(&mut world, A, "k", "only on B", 0);
    fill(&mut world, A);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("only on B"));
    assert_eq!(world.ask(A, "delete k\r\n"), "NOT_FOUND\r\n");
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn a_touch_over_a_set_that_was_not_sent_yet_travels_with_the_value() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "first", 0);
    cut_link(&mut world, true);
    world.run_ms(3_000);
    set(&mut world, A, "k", "second", 0);
    assert_eq!(world.ask(A, "touch k 100\r\n"), "TOUCHED\r\n");
    cut_link(&mut world, false);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("second"));
    let life = world.ask(B, "mg k t\r\n");
    assert!(
        ["HD t97\r\n", "HD t96\r\n"].contains(&life.as_str()),
        "{life}"
    );
    world.finish();
}

#[test]
fn a_change_that_waited_in_a_frozen_process_has_aged() {
    let mut world = idle(|_| {});
    world.freeze(B);
    set(&mut world, A, "k", "v", 3);
    world.run_ms(1_500);
    world.wake(B);
    world.run_ms(200);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("v"));
    world.run_ms(1_600);
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn a_cas_token_from_before_a_failover_works_after_it() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "v", 0);
    assert_eq!(world.ask(A, "touch k 1000\r\n"), "TOUCHED\r\n");
    let answer = world.ask(A, "gets k\r\n");
    let token = answer
        .lines()
        .next()
        .and_then(|line| line.split(' ').nth(4))
        .expect("a token");
    let store = format!("cas k 0 0 3 {token}\r\nnew\r\n");
    world.kill(A, false);
    world.run_ms(1_000);
    assert_eq!(world.ask(B, &store), "STORED\r\n");
    assert_eq!(world.ask(B, &store), "EXISTS\r\n");
    world.finish();
}

#[test]
fn a_flush_on_one_side_of_a_cut_empties_both_when_they_meet() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "v", 0);
    world.inflict(&Fault::CutHosts(true));
    world.run_ms(4_000);
    assert_eq!(world.ask(A, "flush_all\r\n"), "OK\r\n");
    world.run_ms(10);
    set(&mut world, B, "later", "v", 0);
    world.inflict(&Fault::CutHosts(false));
    world.run_ms(2_500);
    for host in [A, B] {
        assert_eq!(value(&mut world, host, "k"), None);
        assert_eq!(value(&mut world, host, "later").as_deref(), Some("v"));
    }
    world.finish();
}

// What the swarm has found, each as the shortest run that shows it.

#[test]
fn a_link_cut_while_the_pair_returns_from_degraded_does_not_make_the_node_spin() {
    let (mut world, master) = under_load();
    world.freeze(1 - master);
    world.run_ms(500);
    world.wake(1 - master);
    world.run_ms(700);
    cut_link(&mut world, true);
    world.run_ms(1_900);
    world.finish();
}

#[test]
fn a_node_whose_clock_is_behind_writes_newer_versions_once_the_peer_is_cut_off() {
    let mut world = idle(|options| options.skew_ms = [60_000, 0]);
    world.inflict(&Fault::CutHosts(true));
    world.run_ms(4_000);
    set(&mut world, A, "k", "older", 0);
    world.run_ms(1_000);
    set(&mut world, B, "k", "newer", 0);
    world.inflict(&Fault::CutHosts(false));
    world.run_ms(2_000);
    assert_eq!(value(&mut world, A, "k").as_deref(), Some("newer"));
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("newer"));
    world.finish();
}

#[test]
fn a_peer_that_answers_ever_later_is_waited_for_no_longer_than_a_dead_one() {
    let mut world = started();
    let eager = Behaviour {
        think: 2 * MS,
        large: 20_000,
        ..Behaviour::default()
    };
    world.add_clients(4, 5, eager);
    world.run_until_holds(10_000, "the pair is whole", World::is_whole);
    world.run_ms(2_000);
    world.inflict(&Fault::SlowLink(true));
    world.run_ms(10_000);
    world.finish();
}

#[test]
fn workers_that_hang_for_less_than_the_lease_do_not_cost_the_address() {
    for begins_ms in [0, 137, 311, 493, 677, 859] {
        let (mut world, master) = under_load();
        world.run_ms(begins_ms);
        world.inflict(&Fault::HangWorkers(master));
        world.run_ms(1_250);
        world.inflict(&Fault::ReviveWorkers(master));
        world.run_ms(5_000);
        assert_eq!(world.master(), Some(master), "hung {begins_ms} ms later");
        world.finish();
    }
}

#[test]
fn a_master_that_wakes_and_hears_a_lesser_one_does_not_renew_its_lapsed_lease() {
    let (mut world, master) = under_load();
    world.kill(1 - master, false);
    world.run_ms(1_000);
    world.freeze(master);
    world.run_ms(1_000);
    world.start(1 - master);
    world.run_ms(15_000);
    assert!(
        world.hosts[1 - master].serves(world.now),
        "it is alone, as far as it can tell"
    );
    world.wake(master);
    assert!(!world.hosts[master].serves(world.now));
    world.run_ms(3_000);
    world.finish();
}
