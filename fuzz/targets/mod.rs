//! What is fuzzed, and which rule each input is held against.
//!
//! A [`Target`] takes any bytes and panics when a rule is broken. The coverage-guided binaries in
//! `fuzz/fuzz_targets` and the seeded test `tests/fuzzing.rs` run the same ones. An input is played
//! whole and in pieces; how it is cut follows from its bytes, so that an input alone repeats a
//! failure.

mod advertisement;
mod configuration;
mod connection;
mod cuts;
mod decoder;
mod frames;
mod link;
mod vocabulary;

/// One thing that reads bytes from outside.
pub struct Target {
    /// Names it on the command line.
    pub name: &'static str,
    /// Plays an input; panics when a rule is broken.
    pub run: fn(&[u8]),
    /// Good inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What its inputs are made of.
    pub words: &'static [&'static [u8]],
}

/// Every target.
pub const ALL: &[Target] = &[
    Target {
        name: "text",
        run: decoder::run,
        seeds: vocabulary::text,
        words: vocabulary::TEXT,
    },
    Target {
        name: "meta",
        run: decoder::run,
        seeds: vocabulary::meta,
        words: vocabulary::META,
    },
    Target {
        name: "binary",
        run: decoder::run,
        seeds: vocabulary::binary,
        words: vocabulary::BINARY,
    },
    Target {
        name: "connection",
        run: connection::run,
        seeds: vocabulary::connection,
        words: vocabulary::CONNECTION,
    },
    Target {
        name: "frames",
        run: frames::run,
        seeds: frames::seeds,
        words: link::WORDS,
    },
    Target {
        name: "link",
        run: link::run,
        seeds: link::seeds,
        words: link::WORDS,
    },
    Target {
        name: "advertisement",
        run: advertisement::run,
        seeds: advertisement::seeds,
        words: advertisement::WORDS,
    },
    Target {
        name: "configuration",
        run: configuration::run,
        seeds: configuration::seeds,
        words: configuration::WORDS,
    },
];

/// Plays `input` to the target of this name.
#[allow(dead_code, reason = "the seeded test goes through ALL")]
pub fn run(name: &str, input: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name);
    (target.expect("a target of this name").run)(input);
}
