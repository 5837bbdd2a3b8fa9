//! Settings that administrative commands change while the server runs.
//!
//! Most of them steer parts of memcached that do not exist here: the store has no slab classes and
//! one LRU. They are checked, kept and shown as memcached does, so that tools which set them go on
//! working, and have no effect beyond that unless their description says so.

/// What `verbosity`, `lru_crawler`, `slabs`, `lru` and `stats sizes_enable` change.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjustable {
    /// `verbosity`, at most 2.
    pub verbosity: u32,
    /// `lru_crawler enable` and `disable`: listings are refused, and the background search for
    /// expired items should rest, while it is disabled.
    pub crawler: bool,
    /// `lru_crawler sleep`, in microseconds.
    pub crawler_sleep_us: u32,
    /// `lru_crawler tocrawl`, in items per run; 0 is no limit.
    pub crawler_tocrawl: u32,
    /// `slabs automove`: 0, 1 or 2.
    pub slab_automove: u32,
    /// `slabs automove ratio`.
    pub slab_automove_ratio: f64,
    /// `slabs automove window`.
    pub slab_automove_window: u32,
    /// `lru tune`: percent of memory for the hot LRU.
    pub hot_lru_pct: u32,
    /// `lru tune`: percent of memory for the warm LRU.
    pub warm_lru_pct: u32,
    /// `lru tune`: age of the hot LRU relative to the cold one.
    pub hot_max_factor: f64,
    /// `lru tune`: age of the warm LRU relative to the cold one.
    pub warm_max_factor: f64,
    /// `lru mode segmented`.
    pub lru_segmented: bool,
    /// `lru temp_ttl` was set to a time.
    pub temp_lru: bool,
    /// `lru temp_ttl`, in seconds.
    pub temporary_ttl_s: u32,
    /// `stats sizes_enable`: `stats sizes` walks through the store.
    pub track_sizes: bool,
}

impl Default for Adjustable {
    /// What memcached 1.6 starts with.
    fn default() -> Adjustable {
        Adjustable {
            verbosity: 0,
            crawler: true,
            crawler_sleep_us: 100,
            crawler_tocrawl: 0,
            slab_automove: 1,
            slab_automove_ratio: 0.8,
            slab_automove_window: 30,
            hot_lru_pct: 20,
            warm_lru_pct: 40,
            hot_max_factor: 0.2,
            warm_max_factor: 2.0,
            lru_segmented: true,
            temp_lru: false,
            temporary_ttl_s: 61,
            track_sizes: false,
        }
    }
}
