//! What differs between runs.

/// What differs between runs.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    /// Collect a readable trace.
    pub traced: bool,
    /// `-m` of each host in bytes.
    pub memory: [usize; 2],
    /// Configured priority of each host.
    pub priority: [u8; 2],
    /// How far the wall clock of each host is from the true time.
    pub skew_ms: [i64; 2],
    /// How many nanoseconds each host's clock gains in a millisecond.
    pub drift_ppm: [i64; 2],
    /// Mode `acknowledge: peer`.
    pub acknowledge_peer: bool,
    /// The link has a shared secret.
    pub secret: bool,
    /// Nothing may be evicted, so both hosts must end identical.
    pub ample: bool,
    /// So much is removed that a host which is alone cannot remember all of it.
    pub forgets: bool,
}

impl Options {
    /// A plain pair.
    pub fn of_seed(seed: u64) -> Options {
        Options {
            seed,
            traced: false,
            memory: [4 << 20; 2],
            priority: [240, 240],
            skew_ms: [0; 2],
            drift_ppm: [0; 2],
            acknowledge_peer: true,
            secret: false,
            ample: true,
            forgets: false,
        }
    }
}
