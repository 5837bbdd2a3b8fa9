//! The vocabulary that protocol, store and replication share.
//!
//! A decoder turns bytes into a [`Command`], the store turns the command into an [`Outcome`] and a
//! [`Ticket`], an encoder turns the outcome into bytes. Nothing here knows a wire format or a
//! table. Classic text, meta and binary requests all become the same few commands, so that every
//! protocol has the same semantics and replicates the same way.

mod hold;
mod mutation;
pub mod number;
mod outcome;
mod value;

pub use self::hold::Hold;
pub use self::mutation::{
    Applied, Conflicts, Life, MARK_STALE, MARK_WIN_SENT, Mutation, Record, Version,
};
pub use self::outcome::{ItemView, Outcome, Ticket};
pub use self::value::Value;

/// Longest key in bytes (memcached's `KEY_MAX_LENGTH`).
pub const KEY_LENGTH_MAX: usize = 250;

/// Largest relative exptime in seconds, 30 days. Larger values are absolute Unix time
/// (memcached `REALTIME_MAXDELTA`).
pub const EXPTIME_RELATIVE_MAX: i64 = 60 * 60 * 24 * 30;

/// An expiry as a client wrote it: 0 never, negative at once, up to 30 days relative seconds,
/// above that absolute Unix seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exptime(pub i64);

impl Exptime {
    /// The item does not expire.
    pub const NEVER: Exptime = Exptime(0);
}

/// One decoded command. Borrows keys and values from the connection's input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// Classic text `get`, `gets`, `gat`, `gats`: any number of keys.
    Get(Get<'a>),
    /// Read of one key (meta `mg`, binary get and gat, meta debug aside).
    Read(Read<'a>),
    /// `set`, `add`, `replace`, `append`, `prepend`, `cas`, `ms`.
    Store(Store<'a>),
    /// `delete`, `md`.
    Delete(Delete<'a>),
    /// `incr`, `decr`, `ma`.
    Arithmetic(Arithmetic<'a>),
    /// Classic text `touch`, binary TOUCH.
    Touch(Touch<'a>),
    /// `me`: the internal state of one item, for people.
    MetaDebug {
        /// The item's key.
        key: &'a [u8],
    },
    /// `flush_all [delay]`. The delay is an exptime: 0 is now, a negative one is now too.
    FlushAll {
        /// When the flush takes effect.
        delay: Exptime,
    },
    /// `mn`, binary NOOP.
    Noop,
    /// `version`.
    Version,
    /// `verbosity N`.
    Verbosity(u32),
    /// `stats [arguments]`; the arguments are the trimmed rest of the line or the binary key.
    Stats(&'a [u8]),
    /// `quit`.
    Quit,
    /// Any other administrative line of the text protocol, whole and trimmed: `lru_crawler ...`,
    /// `watch ...`, `cache_memlimit N`, `shutdown`, `slabs ...`, `lru ...`.
    Admin(&'a [u8]),
}

impl Command<'_> {
    /// Whether it may change the store.
    pub const fn is_mutation(&self) -> bool {
        match self {
            Command::Store(_)
            | Command::Delete(_)
            | Command::Arithmetic(_)
            | Command::Touch(_)
            | Command::FlushAll { .. } => true,
            Command::Get(get) => get.touch.is_some(),
            Command::Read(read) => read.touch.is_some() || read.vivify.is_some(),
            Command::MetaDebug { .. }
            | Command::Noop
            | Command::Version
            | Command::Verbosity(_)
            | Command::Stats(_)
            | Command::Quit
            | Command::Admin(_) => false,
        }
    }
}

/// Classic retrieval of many keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Get<'a> {
    /// The keys as they stand on the line, separated by spaces. [`Get::keys`] splits them.
    /// Each is already known to be 1 to 250 bytes.
    pub line: &'a [u8],
    /// `gets`, `gats`: the answer shows the cas unique.
    pub with_cas: bool,
    /// `gat`, `gats`: a new exptime for each item found.
    pub touch: Option<Exptime>,
    /// False while more keys of the same line are still to come: a line may be longer than any
    /// buffer. Only the last part is answered with `END`.
    pub last: bool,
}

impl<'a> Get<'a> {
    /// The keys in the order of the request.
    pub fn keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.line
            .split(|byte| *byte == b' ')
            .filter(|key| !key.is_empty())
    }
}

/// Read of one key with everything a meta get can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Read<'a> {
    /// The item's key.
    pub key: &'a [u8],
    /// A new exptime for the item (`T`, gat).
    pub touch: Option<Exptime>,
    /// On a miss create an empty item with this exptime and hand this client the win (`N`).
    pub vivify: Option<Exptime>,
    /// Hand this client the win if less than this many seconds of life remain (`R`).
    pub recache: Option<i64>,
    /// `R` is asked of the life before `touch`: it stands before `T` on the line, and memcached
    /// works through flags in order.
    pub recache_before_touch: bool,
    /// A meta get: the win is handed to no other reader, as none could be told, and memcached counts
    /// its misses as those of a get also where it would touch.
    pub is_meta: bool,
    /// The cas unique of a vivified item (`E`).
    pub new_cas: Option<u64>,
    /// Whether the read counts as a use: moves the item in the LRU and marks it fetched.
    pub bump: bool,
}

impl<'a> Read<'a> {
    /// A plain read that counts as a use.
    pub const fn of(key: &'a [u8]) -> Read<'a> {
        Read {
            key,
            touch: None,
            vivify: None,
            recache: None,
            recache_before_touch: false,
            is_meta: false,
            new_cas: None,
            bump: true,
        }
    }
}

/// When a store takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreMode {
    /// Always.
    Set,
    /// Only if the key is absent.
    Add,
    /// Only if the key is present.
    Replace,
    /// After the present value; flags and life stay.
    Append,
    /// Before the present value; flags and life stay.
    Prepend,
}

/// A store in any of its modes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Store<'a> {
    /// The item's key.
    pub key: &'a [u8],
    /// The value without its line end.
    pub value: &'a [u8],
    /// Opaque client flags.
    pub flags: u32,
    /// When the item expires.
    pub exptime: Exptime,
    /// When the store takes place.
    pub mode: StoreMode,
    /// Only if the item's cas unique is this one (`cas`, `C`). An absent key is NOT_FOUND.
    pub compare: Option<u64>,
    /// The new cas unique (`E`); by default the item's version.
    pub new_cas: Option<u64>,
    /// With `compare`: an older cas still stores, and marks the item stale (`I`).
    pub invalidate: bool,
    /// Append or prepend to an absent key creates it with this exptime (`N`).
    pub vivify: Option<Exptime>,
}

/// A delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delete<'a> {
    /// The item's key.
    pub key: &'a [u8],
    /// Only if the item's cas unique is this one (`C`, binary cas).
    pub compare: Option<u64>,
    /// The cas unique of an item that stays (`E` with `I` or `x`).
    pub new_cas: Option<u64>,
    /// Keep the item but mark it stale (`I`).
    pub invalidate: bool,
    /// With `invalidate`: the exptime of the stale item (`T`).
    pub exptime: Option<Exptime>,
    /// Remove the value and the client flags but keep the item (`x`).
    pub drop_value: bool,
}

/// `incr`, `decr` and meta arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arithmetic<'a> {
    /// The item's key.
    pub key: &'a [u8],
    /// How much to add or subtract.
    pub delta: u64,
    /// Subtract, and stop at zero, instead of adding with wrap-around at 2^64.
    pub decrement: bool,
    /// An absent key is created with this number (binary, meta `N` and `J`) and exptime.
    pub initial: Option<(u64, Exptime)>,
    /// A new exptime for an item that is present (`T`).
    pub exptime: Option<Exptime>,
    /// Only if the item's cas unique is this one (`C`, binary cas).
    pub compare: Option<u64>,
    /// The new cas unique (`E`); by default the item's version.
    pub new_cas: Option<u64>,
}

/// A touch without a value in its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Touch<'a> {
    /// The item's key.
    pub key: &'a [u8],
    /// When the item expires from now on.
    pub exptime: Exptime,
}

/// The state of a node as failover sees it; hello and heartbeat carry it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// The node holds the virtual address (VRRP Master).
    pub master: bool,
    /// The node has been in sync since its boot.
    pub complete: bool,
    /// The priority it advertises now, 0 without VRRP.
    pub effective_priority: u8,
    /// Milliseconds since it became master; 0 if it is not.
    pub master_for_ms: u64,
}
