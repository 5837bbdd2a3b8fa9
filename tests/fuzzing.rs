//! The fuzz targets with seeded mutations of good inputs: short, and the same at every run.
//!
//! `make fuzz` runs the same targets guided by coverage. A failure here names the target, the seed
//! and the input; `FUZZ_SEED=N` plays that seed alone, `FUZZ_ROUNDS=N` plays more of them.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use targets::Target;

/// An xorshift generator.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// Plays the seeds 0 to `rounds`.
fn fuzz(name: &str, rounds: u64) {
    let target = targets::ALL.iter().find(|target| target.name == name);
    let target = target.expect("a target of this name");
    let good = (target.seeds)();
    good.iter()
        .for_each(|input| play(target, "a good input", input));
    if let Some(seed) = from_environment("FUZZ_SEED") {
        let input = mutated(seed, target, &good);
        return play(target, &format!("seed {seed}"), &input);
    }
    for seed in 0..from_environment("FUZZ_ROUNDS").unwrap_or(rounds) {
        let input = mutated(seed, target, &good);
        play(target, &format!("seed {seed}"), &input);
    }
}

fn play(target: &Target, what: &str, input: &[u8]) {
    if let Err(reason) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let (name, shown) = (target.name, input.escape_ascii());
        eprintln!("{name}: {what} breaks a rule. The input is b\"{shown}\"");
        resume_unwind(reason);
    }
}

/// A good input, or words in a row, with some damage.
fn mutated(seed: u64, target: &Target, good: &[Vec<u8>]) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut input = if random.below(3) == 0 {
        (0..1 + random.below(20))
            .flat_map(|_| random.of(target.words).to_vec())
            .collect()
    } else {
        random.of(good).clone()
    };
    for _ in 0..random.below(8) {
        damage(&mut random, &mut input, target.words, good);
    }
    input
}

fn damage(random: &mut Random, input: &mut Vec<u8>, words: &[&[u8]], good: &[Vec<u8>]) {
    let at = random.below(input.len() + 1);
    let end = at + random.below(input.len() - at + 1).min(64);
    match random.below(9) {
        0 if at < input.len() => input[at] = random.below(256) as u8,
        1 if at < input.len() => input[at] ^= 1 << random.below(8),
        2 => drop(input.drain(at..end)),
        3 => {
            let piece = input[at..end].repeat(1 + random.below(40));
            drop(input.splice(at..at, piece));
        }
        4 => input.truncate(at),
        5 => {
            let other = random.of(good);
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => {
            let word = random.of(words);
            let end = (at + word.len()).min(input.len());
            drop(input.splice(at..end, word.iter().copied()));
        }
        _ => drop(input.splice(at..at, random.of(words).iter().copied())),
    }
}

/// Inputs that once broke a rule.
#[test]
fn what_was_found_before_stays_mended() {
    let far_clock = frame(&[&[6], &[0; 8][..], &[0, 0, 0, 0, 0, 0, 0, 0x80], &[0; 19]].concat());
    replay("link", &far_clock);
    let long_life = [&[1, 1, b'k'], &[9; 8][..], &[0xfe], &[0xff; 7], &[0; 9]].concat();
    replay("link", &frame(&[&[4], &[0; 20][..], &long_life].concat()));
    let lives = [&[0xff; 8][..], &[1], &[0; 7]].concat();
    let hello = [
        &[3, 2],
        &[0; 7][..],
        &[44],
        &[0; 23],
        &[2, 0, 0, 0],
        &lives,
        &[0; 60],
    ]
    .concat();
    replay(
        "link",
        &[&[0xf4][..], &frame(GREETING), &frame(&hello)].concat(),
    );
    replay("connection", b"mg k v\r\nmn\r\nstats\r\n");
    // The order of a dump is that of a hash chain, which tombstones shift.
    let dumped = b"delete k\r\nms \xff\xff\xff\xff\xff\xff\xff\x07k 1 \nx\r\n\
        mg k R30 N30\r\nlru_crawler mgdump all\n";
    replay("connection", dumped);
}

const GREETING: &[u8] = b"\x01TWINCACH\x01\0\0\0\x01\0\0\0nonce of a peer, 32 bytes in all\0";

/// A step of the target `link`: a frame with this content.
fn frame(content: &[u8]) -> Vec<u8> {
    [&[0xf5], &(content.len() as u16).to_le_bytes()[..], content].concat()
}

fn replay(name: &str, input: &[u8]) {
    let target = targets::ALL.iter().find(|target| target.name == name);
    play(
        target.expect("a target of this name"),
        "a case of old",
        input,
    );
}

#[test]
fn text_requests() {
    fuzz("text", 150_000);
}

#[test]
fn meta_requests() {
    fuzz("meta", 150_000);
}

#[test]
fn binary_requests() {
    fuzz("binary", 300_000);
}

#[test]
fn whole_connections() {
    fuzz("connection", 20_000);
}

#[test]
fn frames_of_the_link() {
    fuzz("frames", 300_000);
}

#[test]
fn a_peer_that_says_anything() {
    fuzz("link", 40_000);
}

#[test]
fn advertisements() {
    fuzz("advertisement", 300_000);
}

#[test]
fn configuration_files() {
    fuzz("configuration", 30_000);
}
