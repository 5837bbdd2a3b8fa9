//! What happened, as lines that a person can read, and as one number that two runs can compare.
//!
//! The product's own log lines are part of it. One subscriber serves all threads: with one for each,
//! what a place in the code that logs remembers of who listens would depend on other threads.

use std::cell::{Cell, RefCell};
use std::fmt::{Debug, Write};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    static COLLECTS: Cell<bool> = const { Cell::new(false) };
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The lines of one run.
pub struct Trace {
    lines: Vec<String>,
    digest: DefaultHasher,
    collects: bool,
}

impl Trace {
    /// Collects lines only if asked to: a swarm runs without and repeats a failure with them.
    pub fn new(collect: bool) -> Trace {
        static LISTENING: Once = Once::new();
        LISTENING.call_once(|| {
            let first = tracing::subscriber::set_global_default(Collector);
            first.expect("nobody else listens");
        });
        COLLECTS.set(collect);
        LOGGED.with_borrow_mut(Vec::clear);
        Trace {
            lines: Vec::new(),
            digest: DefaultHasher::new(),
            collects: collect,
        }
    }

    /// Whether lines are collected.
    pub const fn collects(&self) -> bool {
        self.collects
    }

    /// Adds a line.
    pub fn line(&mut self, now: u64, who: &str, text: &str) {
        if self.collects() {
            let line = format!(
                "{:>6}.{:06} {who:>2}  {text}",
                now / 1_000_000_000,
                now % 1_000_000_000 / 1000
            );
            self.lines.push(line);
        }
    }

    /// Adds what a host logged since the last call.
    pub fn take_log(&mut self, now: u64, who: &str) {
        if self.collects() {
            for text in LOGGED.take() {
                self.line(now, who, &text);
            }
        }
    }

    /// Makes numbers part of what two equal runs must have in common.
    pub fn mix(&mut self, numbers: &[u64]) {
        numbers
            .iter()
            .for_each(|number| self.digest.write_u64(*number));
    }

    /// One number for the whole run.
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// All lines so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LevelFilter::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        if !COLLECTS.get() {
            return;
        }
        let mut text = Message(String::new());
        event.record(&mut text);
        LOGGED.with_borrow_mut(|lines| lines.push(text.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").expect("a string takes everything");
        }
    }
}
