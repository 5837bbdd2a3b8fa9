//! The pair with three writes under way, one cut and one crash: at every pair of places between two
//! events.

use super::super::clients::Behaviour;
use super::super::swarm::Fault;
use super::super::world::{MS, Options, World};

/// Events from the first of three writes until all are answered and everything is acknowledged.
const EVENTS: usize = 40;

/// A whole pair without probes of its own in the way, with one client that is about to write.
fn writing() -> World {
    let mut world = World::new(Options {
        priority: [240, 200],
        ..Options::of_seed(7)
    });
    world.start(0);
    world.run_ms(200);
    world.start(1);
    world.run_until_holds(20_000, "the pair is whole", World::is_whole);
    world.run_ms(1_000);
    let three_writes = Behaviour {
        pipeline: 3,
        think: MS,
        only_sets: true,
        expires: false,
        binary_percent: 0,
        meta_percent: 0,
        ..Behaviour::default()
    };
    let client = world.add_client(None, 1, three_writes);
    while world.clients[client].asked() < 3 {
        world.step();
    }
    world
}

/// The cut comes after `cut` events, the crash after `crash` events, whichever is first.
fn run(cut: usize, crash: usize, victim: usize) {
    let mut world = writing();
    for event in 0..EVENTS {
        if event == cut {
            world.inflict(&Fault::CutHosts(true));
        }
        if event == crash {
            world.kill(victim, false);
        }
        world.step();
    }
    world
        .clients
        .iter_mut()
        .for_each(|client| client.stopped = true);
    world.run_ms(600);
    world.inflict(&Fault::CutHosts(false));
    world.run_ms(400);
    world.finish();
}

#[test]
fn three_writes_survive_a_cut_and_a_crash_at_every_pair_of_places() {
    for cut in 0..EVENTS {
        for crash in 0..EVENTS {
            run(cut, crash, 0);
            run(cut, crash, 1);
        }
    }
}

#[test]
fn the_places_reach_from_the_first_write_to_the_last_answer() {
    let mut world = writing();
    (0..EVENTS).for_each(|_| world.step());
    assert!(
        world.clients[0].answered >= 3,
        "{}",
        world.clients[0].answered
    );
}
