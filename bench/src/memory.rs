//! The memory table: how many bytes of users' keys and values a resident byte holds.
//!
//! A server is filled with half as much again as its limit. Then its resident memory is taken, and
//! then every key that was written is asked for: user bytes are key and value of each that is still
//! there, so nothing is sampled and no server's own count is believed.

mod filler;
mod loads;

pub use self::filler::Filler;
pub use self::loads::{Fill, sessions};
use self::loads::{LOADS, Load};
use crate::error::Failure;
use crate::machine;
use crate::options::Options;
use crate::server::{Kind, Server};

/// `-m`.
pub const LIMIT_MIB: usize = 256;

/// What a server holds after a fill.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Items of the last fill that can be read, and their bytes of key and value.
    pub items: u64,
    pub user_bytes: u64,
    /// The same of an earlier fill.
    pub earlier_bytes: u64,
    pub resident_bytes: u64,
}

impl Footprint {
    /// User bytes of the last fill per resident byte.
    pub fn ratio(&self) -> f64 {
        self.user_bytes as f64 / self.resident_bytes as f64
    }
}

/// One row: a load and what both servers hold of it.
pub struct Row {
    pub name: &'static str,
    pub goal: f64,
    /// Left out on request.
    pub memcached: Option<Footprint>,
    pub ours: Footprint,
}

/// Measures all loads that were asked for.
pub fn measure(options: &Options) -> Result<Vec<Row>, Failure> {
    let wanted = |load: &&Load| options.with_memory && load.name.contains(&options.only);
    let mut rows = Vec::new();
    for load in LOADS.iter().filter(wanted) {
        eprintln!("memory: {}", load.name);
        let memcached = match options.with_memcached {
            true => Some(footprint(options, load, Kind::Memcached)?),
            false => None,
        };
        rows.push(Row {
            name: load.name,
            goal: load.goal,
            memcached,
            ours: footprint(options, load, Kind::Twincached)?,
        });
    }
    Ok(rows)
}

fn footprint(options: &Options, load: &Load, kind: Kind) -> Result<Footprint, Failure> {
    let server = Server::start(kind, options, LIMIT_MIB)?;
    let mut filler = Filler::connect(server.address)?;
    let fills = load.fills(LIMIT_MIB << 20);
    for fill in &fills {
        filler.fill(fill)?;
    }
    let resident_bytes = machine::resident_bytes(server.id())?;
    let mut held = Vec::new();
    for fill in &fills {
        held.push(filler.held(fill)?);
    }
    let last = held.pop().unwrap_or_default();
    Ok(Footprint {
        items: last.items,
        user_bytes: last.bytes,
        earlier_bytes: held.iter().map(|held| held.bytes).sum(),
        resident_bytes,
    })
}
