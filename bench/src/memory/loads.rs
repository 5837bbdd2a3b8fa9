//! What the servers are filled with.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, LogNormal};

use crate::wire::{VALUE_PREFIX, digits_of};

/// A row of the memory table.
pub struct Load {
    pub name: &'static str,
    /// User bytes per resident byte.
    pub goal: f64,
    earlier: Option<Shape>,
    last: Shape,
}

/// Keys and values of a fill.
#[derive(Clone, Copy)]
struct Shape {
    key_bytes: usize,
    values: Values,
}

#[derive(Clone, Copy)]
enum Values {
    Fixed(usize),
    /// By the median in bytes and the standard deviation of the logarithm.
    LogNormal(f64, f64),
}

const SMALL: Shape = Shape {
    key_bytes: 20,
    values: Values::Fixed(100),
};

/// The rows of the design.
pub const LOADS: [Load; 3] = [
    Load {
        name: "sessions: log-normal around 1.2 kB, 40-byte keys",
        goal: 0.90,
        earlier: None,
        last: Shape {
            key_bytes: 40,
            values: Values::LogNormal(1200.0, 0.5),
        },
    },
    Load {
        name: "100-byte values, 20-byte keys",
        goal: 0.65,
        earlier: None,
        last: SMALL,
    },
    Load {
        name: "100-byte values after log-normal ones around 20 kB",
        goal: 0.60,
        earlier: Some(Shape {
            key_bytes: 40,
            values: Values::LogNormal(20_000.0, 0.7),
        }),
        last: SMALL,
    },
];

/// Largest value in bytes, well below the default `-I` of both servers.
const VALUE_BYTES_MAX: f64 = 512.0 * 1024.0;

impl Load {
    /// The fills one after the other, each of half as much again as the limit.
    pub fn fills(&self, limit_bytes: usize) -> Vec<Fill> {
        let shapes = [self.earlier, Some(self.last)];
        let shapes = shapes.into_iter().flatten().zip(*b"el");
        shapes
            .map(|(shape, letter)| Fill::new(shape, letter, limit_bytes / 2 * 3))
            .collect()
    }
}

/// Items like sessions, so many bytes of keys and values.
pub fn sessions(user_bytes: usize) -> Fill {
    Fill::new(LOADS[0].last, b'l', user_bytes)
}

/// Items in the order in which they are written.
pub struct Fill {
    letter: u8,
    /// Length of every key.
    pub key_bytes: usize,
    /// Length of each value.
    pub lengths: Vec<u32>,
}

impl Fill {
    fn new(shape: Shape, letter: u8, user_bytes: usize) -> Fill {
        let mut lengths = Vec::new();
        let mut random = StdRng::seed_from_u64(u64::from(letter));
        let mut total = 0;
        while total < user_bytes {
            let length = shape.values.draw(&mut random);
            lengths.push(length);
            total += shape.key_bytes + length as usize;
        }
        Fill {
            letter,
            key_bytes: shape.key_bytes,
            lengths,
        }
    }

    /// Bytes of all keys and values.
    pub fn user_bytes(&self) -> u64 {
        let lengths = self.lengths.iter().map(|length| u64::from(*length));
        lengths.sum::<u64>() + (self.lengths.len() * self.key_bytes) as u64
    }

    /// Appends the request that stores an item.
    pub fn push_set(&self, number: u32, out: &mut Vec<u8>) {
        let length = self.lengths[number as usize];
        out.extend(b"set ");
        self.push_key(number, out);
        out.extend(format!(" 0 0 {length}\r\n").into_bytes());
        self.push_value(number, out);
        out.extend(b"\r\n");
    }

    /// Appends the request for an item.
    pub fn push_get(&self, number: u32, out: &mut Vec<u8>) {
        out.extend(b"get ");
        self.push_key(number, out);
        out.extend(b"\r\n");
    }

    /// Appends the answer to the request for an item.
    pub fn push_answer(&self, number: u32, out: &mut Vec<u8>) {
        let length = self.lengths[number as usize];
        out.extend(b"VALUE ");
        self.push_key(number, out);
        out.extend(format!(" 0 {length}\r\n").into_bytes());
        self.push_value(number, out);
        out.extend(b"\r\nEND\r\n");
    }

    fn push_value(&self, number: u32, out: &mut Vec<u8>) {
        let length = self.lengths[number as usize];
        let end = out.len() + length as usize;
        out.extend(digits_of(number));
        out.extend(digits_of(length));
        out.resize(end, b'v');
    }

    /// Appends the key of an item.
    pub fn push_key(&self, number: u32, out: &mut Vec<u8>) {
        let digits = digits_of(number);
        out.resize(out.len() + self.key_bytes - digits.len(), self.letter);
        out.extend(digits);
    }
}

impl Values {
    fn draw(self, random: &mut StdRng) -> u32 {
        match self {
            Values::Fixed(length) => length as u32,
            Values::LogNormal(median, deviation) => {
                let law = LogNormal::new(median.ln(), deviation).expect("the deviation is finite");
                law.sample(random)
                    .clamp(VALUE_PREFIX as f64, VALUE_BYTES_MAX) as u32
            }
        }
    }
}
