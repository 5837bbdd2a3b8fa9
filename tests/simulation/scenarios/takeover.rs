//! Who holds the address, and for how long nobody does.

use super::super::swarm::Fault;
use super::super::world::{MS, Options, World};
use super::{A, B, cut_link, idle, set, started, under_load, value};

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
fn a_returning_host_with_the_higher_priority_leaves_the_address_where_it_is() {
    let mut world = idle(|_| {});
    world.kill(A, false);
    world.run_ms(3_000);
    assert_eq!(world.master(), Some(B));
    world.start(A);
    world.run_until_holds(5_000, "the pair is whole", World::is_whole);
    world.run_ms(10_000);
    assert_eq!(world.master(), Some(B));
    world.finish();
}

#[test]
fn an_empty_master_yields_to_a_full_one_that_it_hears_over_vrrp_alone() {
    let mut world = World::new(Options {
        traced: true,
        ..Options::of_seed(1)
    });
    world.start(A);
    world.run_ms(7_000);
    world.start(B);
    world.run_until_holds(20_000, "the pair is whole", World::is_whole);
    world.inflict(&Fault::CutHosts(true));
    world.kill(B, false);
    world.start(B);
    world.run_ms(9_000);
    assert!(world.hosts[B].is_master(), "it believes to be alone");
    for from in [A, B] {
        world.inflict(&Fault::CutVrrp { from, cut: false });
    }
    world.run_ms(1_100);
    assert_eq!(world.master(), Some(A));
    world.finish();
}

#[test]
fn an_empty_host_that_knew_the_other_by_vrrp_alone_leaves_it_the_address_when_the_link_stands() {
    let mut world = World::new(Options {
        traced: true,
        priority: [240, 200],
        ..Options::of_seed(1)
    });
    cut_link(&mut world, true);
    world.start(A);
    world.run_until_holds(20_000, "A is master", |world| world.hosts[A].is_master());
    set(&mut world, A, "login", "alice", 0);
    // B takes A for a keepalived, as it hears advertisements and no hello; then it hears nothing.
    world.start(B);
    world.run_ms(15_000);
    for from in [A, B] {
        world.inflict(&Fault::CutVrrp { from, cut: true });
    }
    world.run_ms(8_000);
    assert!(world.hosts[B].is_master(), "it believes to be alone");
    cut_link(&mut world, false);
    // The link stands within half a second; Master_Down_Interval is over three seconds.
    world.run_ms(1_500);
    assert_eq!(world.master(), Some(A), "the one that has the data");
    for from in [A, B] {
        world.inflict(&Fault::CutVrrp { from, cut: false });
    }
    world.run_until_holds(20_000, "the pair is whole", World::is_whole);
    assert_eq!(world.master(), Some(A));
    assert_eq!(value(&mut world, B, "login").as_deref(), Some("alice"));
    world.finish();
}

#[test]
fn a_host_that_is_cut_off_in_the_middle_of_its_first_copy_does_not_win_over_the_one_with_the_data()
{
    let mut world = World::new(Options {
        traced: true,
        ..Options::of_seed(1)
    });
    world.start(A);
    world.run_until_holds(20_000, "A is master", |world| world.hosts[A].is_master());
    for number in 0..200 {
        set(
            &mut world,
            A,
            &format!("login-{number}"),
            &"x".repeat(1_000),
            0,
        );
    }
    world.inflict(&Fault::SlowLink(true));
    world.start(B);
    let items = |world: &World, host: usize| {
        let process = world.hosts[host].process.as_ref().expect("it runs");
        process.status.store.items
    };
    world.run_until_holds(5_000, "the copy has begun", |world| items(world, B) > 0);
    assert_eq!(items(&world, A), 200);
    assert!(items(&world, B) < 150, "{}", items(&world, B));
    world.inflict(&Fault::CutHosts(true));
    world.run_ms(10_000);
    assert!(world.hosts[B].is_master(), "it believes to be alone");
    world.inflict(&Fault::CutHosts(false));
    world.run_ms(1_500);
    assert_eq!(world.master(), Some(A));
    world.finish();
}
