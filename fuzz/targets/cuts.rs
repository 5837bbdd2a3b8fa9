//! Where an input is cut into pieces, as a function of its bytes.

/// An xorshift generator.
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// Ends of pieces in order, the end of the input last. Short inputs may arrive byte by byte; others
/// are cut at a few places, line ends and random ones.
pub fn of(input: &[u8]) -> Vec<usize> {
    let mut random = Random::new(u64::from(crc32c::crc32c(input)));
    let mut ends: Vec<usize> = match random.below(4) {
        0 if input.len() < 600 => (1..input.len()).collect(),
        1 => {
            let breaks = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            breaks.map(|(at, _)| at).take(64).collect()
        }
        _ => (0..1 + random.below(12))
            .map(|_| random.below(input.len() + 1))
            .collect(),
    };
    ends.sort_unstable();
    ends.push(input.len());
    ends
}
