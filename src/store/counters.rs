//! What a shard counts, in memcached's words.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts since start or `stats reset`.
        #[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
        pub struct Counters { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// Adds the counts of another shard.
            pub fn add(&mut self, other: &Counters) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

impl Counters {
    /// A command that found no room is done anew, and counts itself again: what it has counted is
    /// as it was before. What was done to other items on the way, to make room, has been done.
    pub fn take_back_command(&mut self, before: &Counters) {
        *self = Counters {
            cmd_set: before.cmd_set,
            cmd_touch: before.cmd_touch,
            delete_misses: before.delete_misses,
            delete_hits: before.delete_hits,
            incr_misses: before.incr_misses,
            incr_hits: before.incr_hits,
            decr_misses: before.decr_misses,
            decr_hits: before.decr_hits,
            cas_misses: before.cas_misses,
            cas_hits: before.cas_hits,
            cas_badval: before.cas_badval,
            touch_hits: before.touch_hits,
            touch_misses: before.touch_misses,
            total_items: before.total_items,
            ..*self
        };
    }
}

counters! {
    /// Keys asked for by retrieval commands.
    cmd_get,
    /// Stores in any mode.
    cmd_set,
    /// Touches, gat included.
    cmd_touch,
    /// Retrievals that found an item.
    get_hits,
    /// Retrievals that found none.
    get_misses,
    /// Retrievals that found an expired item.
    get_expired,
    /// Retrievals that found a flushed item.
    get_flushed,
    /// Deletes that found none.
    delete_misses,
    /// Deletes that found an item.
    delete_hits,
    /// incr that found none.
    incr_misses,
    /// incr that found an item.
    incr_hits,
    /// decr that found none.
    decr_misses,
    /// decr that found an item.
    decr_hits,
    /// cas on an absent key.
    cas_misses,
    /// cas with the present cas unique.
    cas_hits,
    /// cas with another cas unique.
    cas_badval,
    /// Touches that found an item.
    touch_hits,
    /// Touches that found none.
    touch_misses,
    /// Items stored since start.
    total_items,
    /// Items expired before anyone read them.
    expired_unfetched,
    /// Items evicted before anyone read them.
    evicted_unfetched,
    /// Items evicted to make room.
    evictions,
    /// Items evicted that had an exptime.
    evicted_nonzero,
    /// Items that a use moved to the young end of the LRU.
    moves_within_lru,
    /// Passes of the background search for expired items that went through a shard.
    crawler_starts,
    /// Items that the background search looked at.
    crawler_items_checked,
    /// Items that the background search reclaimed.
    crawler_reclaimed,
    /// Sparse segments emptied to be used again.
    segments_emptied,
    /// Items moved out of sparse segments.
    items_moved,
    /// Expired or flushed items whose memory was taken back.
    reclaimed,
    /// Stores refused because the item was larger than `item_size_max`.
    store_too_large,
    /// Stores refused because no memory could be had.
    store_no_memory,
    /// Mutations of the peer that are in the store now.
    peer_applied,
    /// Mutations of the peer that were older than ours.
    peer_older,
    /// Mutations of the peer refused for size or memory.
    peer_refused,
    /// Changes made here that the peer never got, as a newer one of its own overwrote them.
    conflicts_lost,
    /// Changes of the peer that were older than one made here which it had not acknowledged.
    conflicts_won,
}
