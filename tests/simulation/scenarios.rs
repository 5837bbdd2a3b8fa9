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
