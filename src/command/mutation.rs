//! What one host tells the other of its store: effects, not requests.

use super::Value;

/// A version: 48 bits of Unix milliseconds, a 15-bit counter, one bit for the node. Last writer
/// wins by version; see `store::clock`.
pub type Version = u64;

/// How long an item still lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Life {
    /// This many milliseconds from the moment the mutation was read from the store.
    Remaining {
        /// Milliseconds; 0 is expired.
        millis: u64,
    },
    /// It does not expire.
    Forever,
}

/// Marks of an item that travel with it: stale (`X`).
pub const MARK_STALE: u8 = 1;
/// Marks of an item that travel with it: the win was handed out (`Z`).
pub const MARK_WIN_SENT: u8 = 2;

/// An effect on one key, as it travels to the peer. Applying it twice is harmless.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutation<'a> {
    /// The item as it is now.
    Item {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: Value<'a>,
        /// Opaque client flags.
        flags: u32,
        /// How long it still lives.
        life: Life,
        /// Its version.
        version: Version,
        /// Its cas unique where that is not the version.
        cas: Option<u64>,
        /// [`MARK_STALE`] and [`MARK_WIN_SENT`].
        marks: u8,
    },
    /// The key is gone: deleted, expired or evicted.
    Tombstone {
        /// The key.
        key: &'a [u8],
        /// The version up to which the key is gone.
        version: Version,
    },
    /// Only the life changed; the value is the one with this cas unique.
    Touch {
        /// The key.
        key: &'a [u8],
        /// The version of the touch.
        version: Version,
        /// The cas unique of the value that was touched.
        cas: u64,
        /// How long it still lives.
        life: Life,
    },
}

impl<'a> Mutation<'a> {
    /// The key it changes.
    pub const fn key(&self) -> &'a [u8] {
        match self {
            Mutation::Item { key, .. }
            | Mutation::Tombstone { key, .. }
            | Mutation::Touch { key, .. } => key,
        }
    }

    /// Its version.
    pub const fn version(&self) -> Version {
        match self {
            Mutation::Item { version, .. }
            | Mutation::Tombstone { version, .. }
            | Mutation::Touch { version, .. } => *version,
        }
    }
}

/// What applying a peer's mutation did. Each counts as applied: the position moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It is in the store now.
    Done,
    /// The store has the same or a newer version.
    Older,
    /// Too large or no memory; an old value of the key is gone.
    Refused,
    /// A touch of a value that is not here: it has to travel whole.
    Want,
}

/// Keys that were changed on both hosts, neither knowing of the other's change. The newer one stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Conflicts {
    /// Changes made here that were overwritten by newer ones of the peer.
    pub lost: u64,
    /// Changes of the peer that were overwritten, or refused, by newer ones made here.
    pub won: u64,
}

/// One step along a change list, as the peer gets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// Apply this.
    Mutation(Mutation<'a>),
    /// The sender still holds this key (while comparing).
    Listed(&'a [u8]),
    /// The sender holds an item under this key that is larger than the receiver takes: what it
    /// has of an older version goes.
    TooLarge {
        /// The key.
        key: &'a [u8],
        /// Version of the item that stays away.
        version: Version,
    },
}
