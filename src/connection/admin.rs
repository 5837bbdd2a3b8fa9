//! Administrative text commands, in memcached 1.6's words.
//!
//! `lru`, `slabs` and most of `lru_crawler` steer parts of memcached that do not exist here: see
//! [`super::adjustable`]. All items are in class 1.

#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Context;
use super::adjustable::Adjustable;
use super::listing::Listing;
use super::observers::{CONNEVENTS, DELETIONS, EVICTIONS, FETCHERS, MUTATIONS};
use super::watchers::Watcher;
use crate::protocol::Reply;

/// Least memory limit that `cache_memlimit` takes, in MiB.
const MEMLIMIT_MIN_MIB: u64 = 8;
/// A larger number is taken for bytes given by mistake.
const MEMLIMIT_MAX_MIB: u64 = 1_000_000_000;
/// Highest level of `verbosity`.
const VERBOSITY_MAX: u32 = 2;
/// memcached has classes from 1 to 63.
const CLASS_MAX: u64 = 63;
/// The class of all items.
const CLASS: u64 = 1;

const OK: &str = "OK";
const ERROR: &str = "ERROR";
const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format";
const BAD_CLASS: &str = "BADCLASS invalid class id";

/// What follows from a command.
pub(super) enum Then {
    /// This line is the answer.
    Say(&'static str),
    /// The connection is closed without a word.
    Close,
    /// The answer is a listing.
    List(Listing),
    /// The connection shows these lines from now on.
    Watch(Arc<Watcher>),
}

/// Executes a line that the decoder took for an administrative command, without its `noreply`.
pub(super) fn execute(context: &Context<'_>, line: &[u8]) -> Then {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let adjustable = &mut context.facts.adjustable.lock();
    match words[..] {
        ["cache_memlimit", limit, ..] => Then::Say(memory_limit(context, limit)),
        ["shutdown", ref mode @ ..] => shutdown(context, mode),
        ["lru_crawler", ref words @ ..] => crawler(context, adjustable, words),
        ["slabs", ref words @ ..] => Then::Say(slabs(adjustable, words)),
        ["lru", ref words @ ..] => Then::Say(lru(adjustable, words)),
        ["watch", ref words @ ..] => watch(context, words),
        _ => Then::Say(ERROR),
    }
}

/// `verbosity LEVEL`.
pub(super) fn set_verbosity(context: &Context<'_>, level: u32) {
    context.facts.adjustable.lock().verbosity = level.min(VERBOSITY_MAX);
}

impl Then {
    /// Writes the answer of those that have one at once.
    pub fn say(&self, reply: &Reply<'_>, out: &mut Vec<u8>) {
        match self {
            Then::Say(line) => reply.line(line, out),
            Then::Watch(_) => reply.line(OK, out),
            Then::Close | Then::List(_) => {}
        }
    }
}

fn memory_limit(context: &Context<'_>, limit: &str) -> &'static str {
    match limit.parse::<u64>() {
        Err(_) => ERROR,
        Ok(mib) if mib < MEMLIMIT_MIN_MIB => {
            "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m"
        }
        Ok(mib) if mib > MEMLIMIT_MAX_MIB => {
            "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes"
        }
        Ok(mib) => {
            context.store.set_memory_limit((mib as usize) << 20);
            OK
        }
    }
}

fn shutdown(context: &Context<'_>, mode: &[&str]) -> Then {
    if !context.facts.settings.shutdown_enabled {
        return Then::Say("ERROR: shutdown not enabled");
    }
    match mode {
        [] | ["graceful"] => {
            context.facts.shutdown.store(true, Ordering::Release);
            Then::Close
        }
        _ => Then::Say("CLIENT_ERROR invalid shutdown mode"),
    }
}

fn crawler(context: &Context<'_>, adjustable: &mut Adjustable, words: &[&str]) -> Then {
    match words {
        ["crawl" | "metadump" | "mgdump", _] if !adjustable.crawler => {
            Then::Say("CLIENT_ERROR lru crawler disabled")
        }
        // The background search for expired items goes round all the time.
        ["crawl", "hash"] => Then::Say("ERROR an unknown error happened"),
        ["crawl", classes] => Then::Say(classes_of(classes).map_or(BAD_CLASS, |_| OK)),
        ["metadump", _] if !context.facts.settings.dump_enabled => {
            Then::Say("ERROR metadump not allowed")
        }
        ["mgdump", _] if !context.facts.settings.dump_enabled => {
            Then::Say("ERROR key dump not allowed")
        }
        ["metadump", classes] => list(classes, Listing::of_metadata(), "END"),
        ["mgdump", classes] => list(classes, Listing::of_gets(), "EN"),
        ["tocrawl", number] => Then::Say(set_number(number, |number| {
            adjustable.crawler_tocrawl = number;
            OK
        })),
        ["sleep", number] => Then::Say(set_number(number, |micros| {
            if micros > 1_000_000 {
                return "CLIENT_ERROR sleep must be one second or less";
            }
            adjustable.crawler_sleep_us = micros;
            OK
        })),
        ["enable"] if adjustable.crawler => Then::Say("ERROR failed to start lru crawler thread"),
        ["enable"] => {
            adjustable.crawler = true;
            Then::Say(OK)
        }
        ["disable"] => {
            adjustable.crawler = false;
            Then::Say(OK)
        }
        _ => Then::Say(ERROR),
    }
}

fn list(classes: &str, listing: Listing, end: &'static str) -> Then {
    match classes_of(classes) {
        Some(true) => Then::List(listing),
        Some(false) => Then::Say(end),
        None => Then::Say(BAD_CLASS),
    }
}

/// Whether the classes of a list include ours: `all`, `hash`, or numbers from 1 to 63 separated by
/// commas. `None` for anything else.
fn classes_of(list: &str) -> Option<bool> {
    if matches!(list, "all" | "hash") {
        return Some(true);
    }
    let classes = list.split(',').map(|class| class.parse::<u64>().ok());
    classes
        .map(|class| class.filter(|class| (1..=CLASS_MAX).contains(class)))
        .try_fold(false, |found, class| Some(found || class? == CLASS))
}

fn slabs(adjustable: &mut Adjustable, words: &[&str]) -> &'static str {
    match words {
        ["reassign", source, target] => reassign(source, target),
        ["automove", "ratio", ratio, ..] => match f64::from_str(ratio) {
            Ok(ratio) => {
                adjustable.slab_automove_ratio = ratio;
                OK
            }
            Err(_) => ERROR,
        },
        ["automove", "ratio"] => ERROR,
        ["automove", "window", window, ..] => set_number(window, |window| {
            adjustable.slab_automove_window = window;
            OK
        }),
        ["automove", level, ..] => set_number(level, |level| {
            if level > 2 {
                return ERROR;
            }
            adjustable.slab_automove = level;
            OK
        }),
        _ => ERROR,
    }
}

/// No class ever has a page to spare for another one, nor has the class that -1 lets memcached pick.
fn reassign(source: &str, target: &str) -> &'static str {
    let (Ok(source), Ok(target)) = (source.parse::<i64>(), target.parse::<i64>()) else {
        return BAD_FORMAT;
    };
    let classes = 0..=CLASS_MAX as i64;
    if source == target {
        "SAME src and dst class are identical"
    } else if !classes.contains(&source) || !classes.contains(&target) {
        "BADCLASS invalid src or dst class id"
    } else {
        "NOSPARE source class has no spare pages"
    }
}

fn lru(adjustable: &mut Adjustable, words: &[&str]) -> &'static str {
    match words {
        ["tune", hot, warm, hot_factor, warm_factor, ..] => {
            let (Ok(hot), Ok(warm)) = (hot.parse::<u32>(), warm.parse::<u32>()) else {
                return ERROR;
            };
            let (Ok(hot_factor), Ok(warm_factor)) = (hot_factor.parse(), warm_factor.parse())
            else {
                return ERROR;
            };
            tune(adjustable, (hot, warm), (hot_factor, warm_factor))
        }
        ["mode", mode @ ("flat" | "segmented"), ..] => {
            adjustable.lru_segmented = *mode == "segmented";
            OK
        }
        ["temp_ttl", seconds, ..] => match seconds.parse::<i32>() {
            Ok(seconds) => {
                adjustable.temp_lru = seconds >= 0;
                adjustable.temporary_ttl_s =
                    u32::try_from(seconds).unwrap_or(adjustable.temporary_ttl_s);
                OK
            }
            Err(_) => ERROR,
        },
        _ => ERROR,
    }
}

fn tune(
    adjustable: &mut Adjustable,
    (hot, warm): (u32, u32),
    (hot_factor, warm_factor): (f64, f64),
) -> &'static str {
    if hot.saturating_add(warm) > 80 {
        return "ERROR hot and warm pcts must not exceed 80";
    }
    if hot_factor <= 0.0 || warm_factor <= 0.0 {
        return "ERROR hot/warm age factors must be greater than 0";
    }
    (adjustable.hot_lru_pct, adjustable.warm_lru_pct) = (hot, warm);
    (adjustable.hot_max_factor, adjustable.warm_max_factor) = (hot_factor, warm_factor);
    OK
}

/// memcached's own kinds of events that never happen here are accepted and stay silent.
fn watch(context: &Context<'_>, words: &[&str]) -> Then {
    if !context.facts.settings.watch_enabled {
        return Then::Say("CLIENT_ERROR watch commands not allowed");
    }
    let mut interests = if words.is_empty() { FETCHERS } else { 0 };
    for word in words {
        interests |= match *word {
            "fetchers" => FETCHERS,
            "mutations" => MUTATIONS,
            "deletions" => DELETIONS,
            "evictions" => EVICTIONS,
            "connevents" => CONNEVENTS,
            "rawcmds" | "sysevents" | "proxyreqs" | "proxyevents" | "proxyuser" => 0,
            _ => return Then::Say(ERROR),
        };
    }
    match context.facts.observers.watch(interests) {
        Some(watcher) => Then::Watch(watcher),
        None => Then::Say("WATCHER_TOO_MANY log watcher limit reached"),
    }
}

/// A number that memcached reads with `strtoul`: without a sign, cut to 32 bits.
fn set_number(word: &str, set: impl FnOnce(u32) -> &'static str) -> &'static str {
    word.parse::<u64>()
        .map_or(BAD_FORMAT, |number| set(number as u32))
}
