//! Who holds the address, and for how long nobody does.

use super::super::swarm::Fault;
use super::super::world::{MS, World};
use super::{started, under_load};

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
