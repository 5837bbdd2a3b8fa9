//! Whose data counts: an empty host does not win over one that has the data.

use super::super::swarm::Fault;
use super::super::world::{Options, World};
use super::{A, B, cut_link, idle, set, under_load, value};

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
