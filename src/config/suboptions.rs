//! The suboptions of `-o`: a list separated by commas, each a name or `name=value`.

use super::draft::Draft;
use super::error::{ConfigError, Fault, Origin, Sourced, nearest};
use super::flag_table::{
    NO_SLABS, Treatment,
    Treatment::{Honoured, Noted, Refused},
};
use std::time::Duration;

const NO_LRU_CLASSES: Treatment = Noted("there is one LRU list per shard");
const NO_CRAWLER: Treatment = Noted("expired items are reclaimed by a pass that paces itself");
const TABLE_GROWS: Treatment = Noted("the hash table grows by itself");
const NO_LOG_BUFFERS: Treatment = Noted("the buffers of watchers have a fixed size");
const NO_EXTSTORE: Treatment = Refused(
    "items are kept in memory only, external storage is not offered",
    "leave it out and give the cache more memory (-m)",
);
const NO_TLS: Treatment = Refused(
    "TLS for clients is not offered",
    "leave it out, and put a TLS proxy such as stunnel in front if clients need it",
);
const NO_PROXY: Treatment = Refused(
    "the built-in proxy is not offered",
    "run twemproxy or mcrouter in front of several pairs",
);

/// The suboptions. A name that ends in `_` stands for all that begin with it.
pub(super) const SUBOPTIONS: &[(&str, Treatment)] = &[
    ("idle_timeout", Honoured),
    ("maxconns_fast", Honoured),
    ("no_maxconns_fast", Honoured),
    ("hashpower", TABLE_GROWS),
    ("no_hashexpand", TABLE_GROWS),
    (
        "hash_algorithm",
        Noted("the hash function is chosen and seeded at start"),
    ),
    ("slab_reassign", NO_SLABS),
    ("no_slab_reassign", NO_SLABS),
    ("slab_automove_freeratio", NO_SLABS),
    ("slab_automove", NO_SLABS),
    ("no_slab_automove", NO_SLABS),
    ("slab_automove_ratio", NO_SLABS),
    ("slab_automove_window", NO_SLABS),
    ("slab_chunk_max", NO_SLABS),
    ("slab_sizes", NO_SLABS),
    ("chunked_items", NO_SLABS),
    ("no_chunked_items", NO_SLABS),
    (
        "tail_repair_time",
        Noted("items cannot leak at the tail of the LRU list"),
    ),
    ("lru_crawler", NO_CRAWLER),
    ("no_lru_crawler", NO_CRAWLER),
    ("lru_crawler_sleep", NO_CRAWLER),
    ("lru_crawler_tocrawl", NO_CRAWLER),
    ("lru_maintainer", NO_LRU_CLASSES),
    ("no_lru_maintainer", NO_LRU_CLASSES),
    ("hot_lru_pct", NO_LRU_CLASSES),
    ("warm_lru_pct", NO_LRU_CLASSES),
    ("hot_max_factor", NO_LRU_CLASSES),
    ("warm_max_factor", NO_LRU_CLASSES),
    ("temporary_ttl", NO_LRU_CLASSES),
    ("watcher_logbuf_size", NO_LOG_BUFFERS),
    ("worker_logbuf_size", NO_LOG_BUFFERS),
    (
        "read_buf_mem_limit",
        Noted("an idle connection holds no buffers"),
    ),
    (
        "read_obj_mem_limit",
        Noted("an idle connection holds no buffers"),
    ),
    (
        "resp_obj_mem_limit",
        Noted("an idle connection holds no buffers"),
    ),
    ("track_sizes", Noted("stats sizes is always available")),
    (
        "inline_ascii_response",
        Noted("answers are composed when they are sent"),
    ),
    (
        "no_inline_ascii_resp",
        Noted("answers are composed when they are sent"),
    ),
    (
        "meta_response_old",
        Noted("meta commands answer as in memcached 1.6"),
    ),
    (
        "drop_privileges",
        Noted("the systemd unit restricts the process"),
    ),
    (
        "no_drop_privileges",
        Noted("the systemd unit restricts the process"),
    ),
    ("modern", Noted("it stands for memcached's defaults")),
    (
        "no_modern",
        Noted("it stands for defaults of memcached 1.4"),
    ),
    ("sock_cookie_id", Noted("sockets are not tagged")),
    ("ext_", NO_EXTSTORE),
    ("ssl_", NO_TLS),
    ("proxy_", NO_PROXY),
];

/// Reads one list into `draft`.
pub(super) fn read(list: &str, draft: &mut Draft) -> Result<(), ConfigError> {
    list.split(',')
        .filter(|part| !part.is_empty())
        .try_for_each(|part| {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            suboption(name, value, draft)
        })
}

fn suboption(name: &str, value: Option<&str>, draft: &mut Draft) -> Result<(), ConfigError> {
    let origin = Origin::Flag(format!("-o {name}"));
    let row = SUBOPTIONS.iter().find(|(known, _)| {
        *known == name || known.ends_with('_') && name.starts_with(known) && name != *known
    });
    match row.map(|(_, treatment)| *treatment) {
        Some(Honoured) => honour(name, value, origin, draft)?,
        Some(Noted(reason)) => {
            draft
                .notes
                .push(format!("-o {name} has no effect: {reason}"));
        }
        Some(Refused(reason, instead)) => {
            return Err(origin.refuse(Fault::new(reason, instead)));
        }
        None => return Err(unknown(name)),
    }
    Ok(())
}

fn honour(
    name: &str,
    value: Option<&str>,
    origin: Origin,
    draft: &mut Draft,
) -> Result<(), ConfigError> {
    match name {
        "maxconns_fast" => {
            draft.connections_max_fast = Some(Sourced {
                value: true,
                origin,
            })
        }
        "no_maxconns_fast" => {
            draft.connections_max_fast = Some(Sourced {
                value: false,
                origin,
            })
        }
        _ => {
            let Some(seconds) = value.and_then(|seconds| seconds.parse::<u32>().ok()) else {
                return Err(origin.refuse(Fault::new(
                    "Missing numeric argument for idle_timeout",
                    "write seconds, such as idle_timeout=300, or 0 for no timeout",
                )));
            };
            let time = Duration::from_secs(seconds.into());
            draft.idle_timeout = Some(Sourced {
                value: time,
                origin,
            });
        }
    }
    Ok(())
}

fn unknown(name: &str) -> ConfigError {
    let known = SUBOPTIONS
        .iter()
        .map(|(known, _)| *known)
        .filter(|known| !known.ends_with('_'));
    let advice = match nearest(name, known) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "twincached -h lists the suboptions".to_owned(),
    };
    ConfigError::usage(format_args!("Illegal suboption \"{name}\"\n  = {advice}"))
}
