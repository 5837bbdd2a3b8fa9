//! What comes of a command.

use super::Value;

/// What the store did, in the words of memcached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The value is stored; its cas unique.
    Stored {
        /// The cas unique of the stored item.
        cas: u64,
    },
    /// The condition of add, replace, append or prepend did not hold.
    NotStored,
    /// The cas unique was another one.
    Exists,
    /// The key is absent.
    NotFound,
    /// The item is gone (or stale, where the delete asked for that).
    Deleted,
    /// The item has its new exptime.
    Touched,
    /// The number after incr or decr.
    Number {
        /// The new number.
        value: u64,
        /// The cas unique of the item.
        cas: u64,
        /// Remaining life in seconds; `None` never expires.
        ttl: Option<u32>,
        /// The remaining life that this command replaced; `None` for a number it created.
        ttl_before: Option<u32>,
    },
    /// incr or decr on a value that is not a number.
    NonNumeric,
    /// The item would be larger than `item_size_max`. An old value of the key is gone.
    TooLarge,
    /// No memory even after evicting. An old value of the key is gone.
    OutOfMemory,
    /// Done; nothing to say about an item (flush_all, verbosity).
    Ok,
}

/// An item as a reader sees it. Borrows from the store while its shard is locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ItemView<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: Value<'a>,
    /// Opaque client flags.
    pub flags: u32,
    /// The cas unique.
    pub cas: u64,
    /// Remaining life in seconds; `None` never expires.
    pub ttl: Option<u32>,
    /// The remaining life that this command replaced, or `ttl`; `None` for an item it created.
    pub ttl_before: Option<u32>,
    /// Seconds since the last use before this one.
    pub idle: u32,
    /// Whether it was used since it was stored, before this read.
    pub fetched: bool,
    /// Marked stale by a delete or an older cas (`X`).
    pub stale: bool,
    /// This client was handed the win: it is the one to recache (`W`).
    pub won: bool,
    /// Another client was handed the win already (`Z`).
    pub win_sent: bool,
}

/// The place of a mutation in the replication order: all changes of that shard up to this number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Index of the shard.
    pub shard: u32,
    /// The shard's last change at the time of execution.
    pub change: u64,
}
