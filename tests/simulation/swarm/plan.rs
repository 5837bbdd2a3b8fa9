//! What a seed chooses: a pair, a load and a plan of faults.

use super::super::clients::Behaviour;
use super::super::random::Random;
use super::super::world::{MS, Options, SECOND, World};
use super::faults::{Fault, choose};
use super::stories;

/// One run.
pub fn run(seed: u64, traced: bool) -> World {
    let mut rng = Random::new(seed, 1);
    let options = Options {
        traced,
        ..options(seed, &mut rng)
    };
    let behaviour = behaviour(&options, &mut rng);
    let sound = options.ample && !options.forgets && options.acknowledge_peer;
    let single = sound && rng.chance(35);
    let (ample, forgets, flushes) = (options.ample, options.forgets, behaviour.flushes);
    let mut world = World::new(options);
    let begun = world.now;
    world.plan(begun + rng.below(2 * SECOND), Fault::Start(0));
    world.plan(begun + rng.below(9 * SECOND), Fault::Start(1));
    world.add_clients(rng.between(2, 4) as usize, 6, behaviour);
    if ample && rng.chance(50) {
        world.add_counting_clients(rng.between(2, 3) as usize, behaviour);
    }
    if !single && rng.chance(30) {
        world.add_client(Some(0), 4, behaviour);
        world.add_client(Some(1), 4, behaviour);
    }
    if forgets || !ample && rng.chance(50) {
        world.add_client(None, 2_000, churning(behaviour));
        world.model.skewed = true;
    }
    if single {
        world.register_is_whole = !flushes;
        single_fault(&mut world, &mut rng);
    } else {
        plan_faults(&mut world, begun, &mut rng);
        world.run_until(begun + 28 * SECOND);
    }
    world.finish();
    world
}

fn options(seed: u64, rng: &mut Random) -> Options {
    let mut options = Options::of_seed(seed);
    let skew = |rng: &mut Random| rng.below(120_000) as i64 - 60_000;
    if rng.chance(30) {
        options.skew_ms = [skew(rng), skew(rng)];
    }
    if rng.chance(30) {
        options.drift_ppm = [rng.below(200) as i64 - 100, rng.below(200) as i64 - 100];
    }
    if rng.chance(30) {
        options.priority = [240, 200];
    }
    // Large values make such a run slow.
    if rng.chance(5) {
        options.memory = [1 << 20; 2];
        options.ample = false;
    } else if rng.chance(3) {
        options.memory = [1 << 20; 2];
        options.forgets = true;
    } else if rng.chance(20) {
        // Another number of shards on each.
        options.memory = [4 << 20, 16 << 20];
    }
    options.acknowledge_peer = rng.chance(90);
    options.secret = rng.chance(30);
    options
}

fn behaviour(options: &Options, rng: &mut Random) -> Behaviour {
    Behaviour {
        pipeline: rng.between(1, 12),
        think: rng.between(1, 60) * MS,
        patience: rng.between(200, 1500) * MS,
        flushes: rng.chance(20),
        expires: rng.chance(70),
        large: if options.ample { 3000 } else { 250_000 },
        ..Behaviour::default()
    }
}

/// So many removals that a host which is alone cannot remember all of them.
fn churning(behaviour: Behaviour) -> Behaviour {
    Behaviour {
        pipeline: 80,
        think: 30 * MS,
        flushes: false,
        expires: false,
        churns: true,
        ..behaviour
    }
}

/// Faults at any time, or a story and a few beside it.
fn plan_faults(world: &mut World, begun: u64, rng: &mut Random) {
    let mut count = rng.between(2, 8);
    if world.options.forgets {
        stories::many_removals(world, begun, rng);
        count = rng.below(3);
    } else if rng.chance(40) {
        stories::plan(world, begun, rng);
        count = rng.below(3);
    }
    for _ in 0..count {
        plan_fault(world, begun, rng);
    }
}

fn plan_fault(world: &mut World, begun: u64, rng: &mut Random) {
    let at = begun + rng.between(4_000, 26_000) * MS;
    let lasts = [
        rng.between(1, 400),
        rng.between(400, 4_000),
        rng.between(4_000, 15_000),
    ];
    let lasts = lasts[rng.below(3) as usize] * MS;
    let (fault, end) = choose(rng);
    world.plan(at, fault);
    if let Some(end) = end {
        world.plan(at + lasts, end);
    }
}

/// One host fails while the pair is whole: nothing acknowledged may be lost.
fn single_fault(world: &mut World, rng: &mut Random) {
    world.run_until_holds(30_000, "the pair is whole", World::is_whole);
    world.run_ms(2_000);
    // They have met, so they know each other's clocks.
    world.model.skewed = false;
    world.checks.strict = true;
    world.run_ms(rng.between(500, 3_000));
    world.checks.strict = false;
    let lasts = rng.between(1, 9_000);
    let (fault, end) = single(rng);
    world.inflict(&fault);
    world.run_ms(lasts);
    world.inflict(&end);
    world.run_ms(rng.between(100, 4_000));
}

/// A fault of one host or of one path, and what ends it.
fn single(rng: &mut Random) -> (Fault, Fault) {
    let host = rng.below(2) as usize;
    let kill = |guard_too| (Fault::Kill { host, guard_too }, Fault::Start(host));
    let cut = |fault: &dyn Fn(bool) -> Fault| (fault(true), fault(false));
    match rng.below(16) {
        0..3 => kill(false),
        3..5 => kill(true),
        5..7 => (Fault::Freeze(host), Fault::Wake(host)),
        7..9 => (Fault::PowerOff(host), Fault::PowerOn(host)),
        9 => (Fault::HangWorkers(host), Fault::ReviveWorkers(host)),
        10 => (Fault::Terminate(host), Fault::Start(host)),
        11 => (Fault::ResetLink, Fault::ResetLink),
        12 => cut(&|cut| Fault::CutLink { from: host, cut }),
        13 => cut(&|cut| Fault::CutVrrp { from: host, cut }),
        14 => cut(&|cut| Fault::Interface { host, up: !cut }),
        _ => {
            let force = rng.chance(30);
            let back = Fault::HandOver {
                host: 1 - host,
                force,
            };
            (Fault::HandOver { host, force }, back)
        }
    }
}
