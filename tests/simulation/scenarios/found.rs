//! What the swarm has found, each as the shortest run that shows it.

use super::super::clients::Behaviour;
use super::super::swarm::Fault;
use super::super::world::{MS, World};
use super::{A, B, cut_link, idle, set, started, started_with, under_load, under_load_with, value};

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
    // More clients than a narrow link serves in time, though each frame is answered soon.
    let many = Behaviour {
        think: 2 * MS,
        pipeline: 2,
        ..Behaviour::default()
    };
    for (seed, window) in [(1, 2), (1, 4), (2, 2), (2, 4), (3, 3)] {
        let mut world = started_with(seed);
        world.add_clients(20, 5, many);
        world.run_until_holds(10_000, "the pair is whole", World::is_whole);
        world.run_ms(2_000);
        world.link.delay = (MS, 40 * MS);
        world.link.segment_bytes = 1400;
        world.link.window_bytes = window * 1024;
        world.run_ms(10_000);
        assert!(world.coverage.of("state: degraded") > 0, "it is too slow");
        world.finish();
    }
}

#[test]
fn what_waits_to_be_sent_is_waited_for_no_longer_than_what_is_under_way() {
    let mut world = started();
    // The shards take turns, and each turn is answered in time.
    let many = Behaviour {
        think: 2 * MS,
        pipeline: 12,
        ..Behaviour::default()
    };
    world.add_clients(12, 5, many);
    world.run_until_holds(10_000, "the pair is whole", World::is_whole);
    world.run_ms(2_000);
    world.inflict(&Fault::SlowLink(true));
    world.run_ms(5_000);
    world.finish();
}

#[test]
fn workers_that_hang_for_less_than_the_lease_do_not_cost_the_address() {
    for begins_ms in [0, 137, 311, 493, 677, 859] {
        let (mut world, master) = under_load();
        world.run_ms(begins_ms);
        let unserved = |world: &World| world.coverage.of("state: nobody serves");
        let before = unserved(&world);
        world.inflict(&Fault::HangWorkers(master));
        world.run_ms(1_250);
        world.inflict(&Fault::ReviveWorkers(master));
        world.run_ms(5_000);
        assert_eq!(world.master(), Some(master), "hung {begins_ms} ms later");
        // It has not lost the address for a moment either.
        assert_eq!(unserved(&world), before, "hung {begins_ms} ms later");
        world.finish();
    }
}

#[test]
fn a_master_that_wakes_and_hears_a_lesser_one_does_not_renew_its_lapsed_lease() {
    // Its threads wake in any order.
    for seed in 1..9 {
        let (mut world, master) = under_load_with(seed);
        world.kill(1 - master, false);
        world.run_ms(1_000);
        world.freeze(master);
        world.run_ms(1_000);
        world.start(1 - master);
        world.run_ms(15_000);
        let alone = world.hosts[1 - master].serves(world.now);
        assert!(alone, "as far as it can tell");
        world.wake(master);
        assert!(!world.hosts[master].serves(world.now), "seed {seed}");
        world.run_ms(3_000);
        world.finish();
    }
}

#[test]
fn a_link_that_breaks_again_and_again_makes_no_answer_wait_longer_than_one_that_is_gone() {
    let mut world = started();
    let eager = Behaviour {
        think: 2 * MS,
        large: 20_000,
        ..Behaviour::default()
    };
    world.add_clients(4, 5, eager);
    world.run_until_holds(10_000, "the pair is whole", World::is_whole);
    world.run_ms(2_000);
    // Long enough to meet, too short to send what waits.
    world.link.delay = (2 * MS, 10 * MS);
    world.link.segment_bytes = 512;
    for period_ms in (50..240).step_by(5) {
        world.run_ms(period_ms);
        world.inflict(&Fault::ResetLink);
    }
    world.finish();
}

#[test]
fn a_connection_that_only_one_end_knows_to_be_lost_is_not_dialled_again_a_thousand_times() {
    let mut world = idle(|_| {});
    // Heartbeats come every 100 ms, and the first one tells the other end: whatever the time to that.
    for wait_ms in (0..100).step_by(7) {
        world.run_ms(1_000 + wait_ms);
        let before = world.link_dials;
        world.lose_connection_of(B);
        world.run_ms(1_000);
        assert!(world.is_whole());
        assert!(
            world.link_dials - before < 20,
            "{}",
            world.link_dials - before
        );
    }
    world.finish();
}
