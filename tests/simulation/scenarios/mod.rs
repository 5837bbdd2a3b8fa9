//! Named runs, each with bounds in virtual time. `takeover.rs`: who holds the address. `complete.rs`:
//! whose data counts. `data.rs`: what the hosts hold. `removals.rs`: what they remember of removals.
//! `found.rs`: what the swarm has found.

mod complete;
mod data;
mod found;
mod removals;
mod takeover;

use super::clients::Behaviour;
use super::swarm::Fault;
use super::world::{MS, Options, World};

/// Host A and host B.
const A: usize = 0;
const B: usize = 1;

/// A pair that has just been started.
fn started() -> World {
    started_with(1)
}

/// As [`started`], where everything that is left to chance comes out as this seed says.
fn started_with(seed: u64) -> World {
    let mut world = World::new(Options {
        traced: true,
        ..Options::of_seed(seed)
    });
    world.start(A);
    world.start(B);
    world
}

/// A pair that is whole, with clients that never rest. Returns who is master.
fn under_load() -> (World, usize) {
    under_load_with(1)
}

fn under_load_with(seed: u64) -> (World, usize) {
    let mut world = started_with(seed);
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
