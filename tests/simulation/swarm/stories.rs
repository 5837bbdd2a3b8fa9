//! Faults that lead somewhere only one after the other: each story is told at random times.

use super::super::random::Random;
use super::super::world::{MS, World};
use super::faults::Fault;

/// Plans one of the stories, once the pair has had time to become whole.
pub(super) fn plan(world: &mut World, begun: u64, rng: &mut Random) {
    let at = begun + rng.between(11_000, 14_000) * MS;
    let host = rng.below(2) as usize;
    match rng.below(8) {
        0 => apart_and_restarted(world, at, host, rng),
        1 => old_frames(world, at, host, rng),
        2 => a_second_death(world, at, host, rng),
        3 => another_time(world, at, host, rng),
        4 => taken_for_keepalived(world, at, host, rng),
        5 => breaks_again_and_again(world, at, rng),
        6 => dies_behind_a_narrow_link(world, at, host, rng),
        _ => two_handovers(world, at, host, rng),
    }
}

/// A host restarts while it hears nobody, claims the address with no data, and then meets the other
/// one over one path only.
fn apart_and_restarted(world: &mut World, at: u64, host: usize, rng: &mut Random) {
    world.coverage.reach("story: apart and restarted");
    world.plan(at, Fault::CutHosts(true));
    let killed = at + rng.below(1_000) * MS;
    let guard_too = rng.chance(30);
    world.plan(killed, Fault::Kill { host, guard_too });
    world.plan(killed + rng.between(10, 500) * MS, Fault::Start(host));
    let met = at + rng.between(7_000, 9_000) * MS;
    let vrrp_first = rng.chance(60);
    for from in 0..2 {
        let later = met + rng.between(1_500, 5_000) * MS;
        let (vrrp, link) = if vrrp_first {
            (met, later)
        } else {
            (later, met)
        };
        world.plan(vrrp, Fault::CutVrrp { from, cut: false });
        world.plan(link, Fault::CutLink { from, cut: false });
    }
}

/// What one host sends waits on the way for nearly as long as the connection lives without it.
fn old_frames(world: &mut World, at: u64, from: usize, rng: &mut Random) {
    world.coverage.reach("story: old frames");
    let mut at = at;
    for _ in 0..rng.between(2, 4) {
        world.plan(at, Fault::CutLink { from, cut: true });
        at += rng.between(1_300, 1_950) * MS;
        world.plan(at, Fault::CutLink { from, cut: false });
        at += rng.between(300, 2_000) * MS;
    }
}

/// A host dies; as soon as it is back, while it gets the data, the other one does.
fn a_second_death(world: &mut World, at: u64, host: usize, rng: &mut Random) {
    world.coverage.reach("story: a second death");
    let guard_too = rng.chance(30);
    world.plan(at, Fault::Kill { host, guard_too });
    let back = at + rng.between(100, 3_000) * MS;
    world.plan(back, Fault::Start(host));
    let (host, died) = (1 - host, back + rng.below(600) * MS);
    world.plan(died, Fault::Kill { host, guard_too });
    world.plan(died + rng.between(100, 6_000) * MS, Fault::Start(host));
}

/// A host restarts with another time of day, and soon becomes master.
fn another_time(world: &mut World, at: u64, host: usize, rng: &mut Random) {
    world.coverage.reach("story: another time of day");
    let ms = rng.below(240_000) as i64 - 120_000;
    world.plan(at, Fault::JumpClock { host, ms });
    world.plan(at + MS, Fault::Terminate(host));
    world.plan(at + rng.between(1_000, 2_000) * MS, Fault::Start(host));
    let handed = at + rng.between(2_500, 6_000) * MS;
    let force = rng.chance(30);
    world.plan(
        handed,
        Fault::HandOver {
            host: 1 - host,
            force,
        },
    );
    if rng.chance(50) {
        world.plan(handed + rng.below(2_000) * MS, Fault::CutHosts(true));
        world.plan(
            handed + rng.between(3_000, 8_000) * MS,
            Fault::CutHosts(false),
        );
    }
}

/// A host restarts without a link: it hears advertisements for the join hold and never a hello, as if
/// the other one were keepalived. Then it hears nothing, takes the address, and the link comes back.
fn taken_for_keepalived(world: &mut World, at: u64, host: usize, rng: &mut Random) {
    world.coverage.reach("story: taken for keepalived");
    for from in 0..2 {
        world.plan(at, Fault::CutLink { from, cut: true });
    }
    let guard_too = rng.chance(30);
    world.plan(at, Fault::Kill { host, guard_too });
    world.plan(at + rng.between(10, 500) * MS, Fault::Start(host));
    let deaf = at + rng.between(5_000, 7_000) * MS;
    let linked = deaf + rng.between(3_500, 5_000) * MS;
    for from in 0..2 {
        world.plan(deaf, Fault::CutVrrp { from, cut: true });
        world.plan(linked, Fault::CutLink { from, cut: false });
        world.plan(linked + 3_500 * MS, Fault::CutVrrp { from, cut: false });
    }
}

/// The link is poor, and breaks whenever the hosts have met, before all that waits is sent.
fn breaks_again_and_again(world: &mut World, at: u64, rng: &mut Random) {
    world.coverage.reach("story: breaks again and again");
    let poor = Fault::PoorLink {
        delay_ms: rng.between(4, 15),
        segment_bytes: rng.between(200, 2_000),
        window_bytes: 192 * 1024,
    };
    world.plan(at, poor);
    let end = at + 8_000 * MS;
    let mut at = at;
    while at < end {
        at += rng.between(50, 400) * MS;
        world.plan(at, Fault::ResetLink);
    }
    world.plan(end, Fault::SlowLink(false));
}

/// Changes pile up in the store, and replace each other there, before the peer has room for them; then
/// one of the hosts dies.
fn dies_behind_a_narrow_link(world: &mut World, at: u64, host: usize, rng: &mut Random) {
    world.coverage.reach("story: dies behind a narrow link");
    let narrow = Fault::PoorLink {
        delay_ms: rng.between(1, 8),
        segment_bytes: 1_400,
        window_bytes: rng.between(1, 6) as usize * 1024,
    };
    world.plan(at, narrow);
    let died = at + rng.between(200, 3_000) * MS;
    let guard_too = rng.chance(30);
    world.plan(died, Fault::Kill { host, guard_too });
    world.plan(died + 4_000 * MS, Fault::SlowLink(false));
    world.plan(died + rng.between(3_000, 6_000) * MS, Fault::Start(host));
}

/// The address goes there and back while advertisements arrive late, doubled or not at all.
fn two_handovers(world: &mut World, at: u64, host: usize, rng: &mut Random) {
    world.coverage.reach("story: two handovers");
    world.plan(at, Fault::DelayDatagrams(rng.between(10, 60)));
    world.plan(at, Fault::LoseDatagrams(rng.between(0, 30)));
    for number in 0..rng.between(2, 6) {
        let at = at + (number * 1_500 + rng.below(1_400)) * MS;
        let host = (host + number as usize) % 2;
        let force = rng.chance(30);
        world.plan(at, Fault::HandOver { host, force });
        if rng.chance(20) {
            world.plan(at + rng.below(200) * MS, Fault::ResetLink);
        }
        if rng.chance(20) {
            let at = at + rng.below(200) * MS;
            let from = rng.below(2) as usize;
            world.plan(at, Fault::CutLink { from, cut: true });
            let at = at + rng.between(200, 1_200) * MS;
            world.plan(at, Fault::CutLink { from, cut: false });
        }
    }
    world.plan(at + 10_000 * MS, Fault::LoseDatagrams(0));
    world.plan(at + 10_000 * MS, Fault::DelayDatagrams(0));
}

/// The hosts are apart for so long that one of them removes more than it can remember.
pub(super) fn many_removals(world: &mut World, begun: u64, rng: &mut Random) {
    world.coverage.reach("story: many removals");
    let at = begun + rng.between(11_000, 13_000) * MS;
    let lasts = rng.between(4_000, 8_000) * MS;
    for from in 0..2 {
        world.plan(at, Fault::CutLink { from, cut: true });
        world.plan(at + lasts, Fault::CutLink { from, cut: false });
    }
    if rng.chance(40) {
        world.plan(at + lasts + rng.between(200, 500) * MS, Fault::ResetLink);
    }
}
