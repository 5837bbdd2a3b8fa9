//! What incr and decr do to a shard, as memcached's protocol.txt says.

use super::blob::{Content, FETCHED, STALE, WIN_SENT};
use super::clock::Moment;
use super::put::Put;
use super::shard::{Commons, NoRoom, Shard};
use super::table::Hash;
use crate::command::{Arithmetic, Outcome, Value, number};

impl Shard {
    /// incr and decr.
    pub fn arithmetic(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        arithmetic: &Arithmetic<'_>,
    ) -> Result<Outcome, NoRoom> {
        let Some(handle) = self.find_live(commons, moment, hash, arithmetic.key) else {
            let Some((initial, exptime)) = arithmetic.initial else {
                *self.arithmetic_counter(arithmetic.decrement, false) += 1;
                return Ok(Outcome::NotFound);
            };
            let deadline = moment.deadline(exptime);
            let version = self.version_for(moment, hash, arithmetic.key);
            self.counters.total_items += 1;
            return self.put_number(
                commons,
                moment,
                hash,
                arithmetic,
                initial,
                NumberItem {
                    flags: 0,
                    deadline,
                    version,
                    marks: 0,
                    ttl_before: None,
                },
            );
        };
        if arithmetic
            .compare
            .is_some_and(|compare| compare != self.arena.cas(handle))
        {
            return Ok(Outcome::Exists);
        }
        let Some(present) = number(self.arena.value(handle, &mut Vec::new())) else {
            return Ok(Outcome::NonNumeric);
        };
        *self.arithmetic_counter(arithmetic.decrement, true) += 1;
        let value = if arithmetic.decrement {
            present.saturating_sub(arithmetic.delta)
        } else {
            present.wrapping_add(arithmetic.delta)
        };
        let header = self.arena.header(handle);
        let deadline = match arithmetic.exptime {
            Some(exptime) => moment.deadline(exptime),
            None => header.deadline,
        };
        let ttl_before = moment.ttl(header.deadline);
        let version = moment.next_version(self.last_version, header.version);
        // memcached writes over the old number where the new one fits, and the marks stay.
        let digits = value.checked_ilog10().unwrap_or(0) as usize + 1;
        let marks = if digits <= header.value_len() {
            header.front.marks & (STALE | WIN_SENT | FETCHED)
        } else {
            0
        };
        let item = NumberItem {
            flags: header.flags,
            deadline,
            version,
            marks,
            ttl_before,
        };
        self.put_number(commons, moment, hash, arithmetic, value, item)
    }

    fn put_number(
        &mut self,
        commons: &Commons,
        moment: &Moment,
        hash: Hash,
        arithmetic: &Arithmetic<'_>,
        value: u64,
        item: NumberItem,
    ) -> Result<Outcome, NoRoom> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        let put = Put {
            content: Content {
                key: arithmetic.key,
                value: Value::whole(digits),
                own_cas: arithmetic.new_cas,
            },
            flags: item.flags,
            deadline: item.deadline,
            version: item.version,
            marks: item.marks,
        };
        let handle = self.put(commons, moment, hash, &put)?;
        Ok(Outcome::Number {
            value,
            cas: self.arena.cas(handle),
            ttl: moment.ttl(item.deadline),
            ttl_before: item.ttl_before,
        })
    }

    fn arithmetic_counter(&mut self, decrement: bool, hit: bool) -> &mut u64 {
        match (decrement, hit) {
            (false, true) => &mut self.counters.incr_hits,
            (false, false) => &mut self.counters.incr_misses,
            (true, true) => &mut self.counters.decr_hits,
            (true, false) => &mut self.counters.decr_misses,
        }
    }
}

/// What a number is stored with, besides key and digits.
struct NumberItem {
    flags: u32,
    deadline: u32,
    version: u64,
    marks: u8,
    /// Seconds that the number before it had to live.
    ttl_before: Option<u32>,
}

/// The number a value stands for, as C reads one: up to a zero byte. A value cut into parts is none:
/// memcached counts in none of its own chunked items either.
fn number(value: Value<'_>) -> Option<u64> {
    let value = value.as_whole()?;
    number::unsigned(value.split(|byte| *byte == 0).next()?)
}
