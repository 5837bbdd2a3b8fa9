//! What the swarm has found, each as the shortest run that shows it.

use super::super::clients::Behaviour;
use super::super::swarm::Fault;
use super::super::world::{MS, World};
use super::{A, B, cut_link, idle, set, started, under_load, value};

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

#[test]
fn a_link_that_breaks_again_and_again_makes_no_answer_wait_longer_than_one_that_is_gone() {
    let mut world = started();
    let eager = Behaviour {
        think: 2 * MS,
        ..Behaviour::default()
    };
    world.add_clients(4, 5, eager);
    world.run_until_holds(10_000, "the pair is whole", World::is_whole);
    world.run_ms(2_000);
    world.inflict(&Fault::SlowLink(true));
    for _ in 0..20 {
        world.run_ms(113);
        world.inflict(&Fault::ResetLink);
    }
    world.finish();
}

#[test]
fn a_connection_that_only_one_end_knows_to_be_lost_is_not_dialled_again_a_thousand_times() {
    let mut world = idle(|_| {});
    world.lose_connection_of(B);
    let before = world.link_dials;
    world.run_ms(1_000);
    assert!(world.is_whole());
    assert!(
        world.link_dials - before < 20,
        "{}",
        world.link_dials - before
    );
    world.finish();
}
