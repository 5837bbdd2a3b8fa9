//! The numbers of a line, as memcached reads them: through C's `strtoull` and its kin.

pub(in crate::protocol) use crate::command::number::unsigned;
use crate::command::number::with_sign;

/// Digits that [`digits`] reads: no number of so many overflows 32 bits.
const PLAIN_DIGITS_MAX: usize = 9;

/// Longest value in bytes that a line can announce (memcached refuses above `INT_MAX - 2`).
const VALUE_LENGTH_MAX: u64 = i32::MAX as u64 - 2;

/// A plain number of at most nine digits, and what follows it. Longer ones are `None`; they are
/// rare enough to be read with care.
#[inline]
pub(in crate::protocol) fn digits(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0u32;
    let mut length = 0;
    while let Some(byte) = bytes.get(length)
        && byte.is_ascii_digit()
    {
        if length == PLAIN_DIGITS_MAX {
            return None;
        }
        number = number * 10 + u32::from(byte - b'0');
        length += 1;
    }
    (length > 0).then(|| (number, &bytes[length..]))
}

/// `safe_strtoul` into 32 bits: memcached keeps the low 32 bits of a larger number.
pub(in crate::protocol) fn unsigned_32(word: &[u8]) -> Option<u32> {
    unsigned(word).map(|number| number as u32)
}

/// `safe_strtol`, for exptimes. memcached cuts the number to 32 bits, so that an absolute time
/// after January 2038 expires at once; here it is kept.
pub(in crate::protocol) fn signed(word: &[u8]) -> Option<i64> {
    match with_sign(word)? {
        (true, magnitude) => 0i64.checked_sub_unsigned(magnitude),
        (false, magnitude) => i64::try_from(magnitude).ok(),
    }
}

/// The length of a value that follows the line.
pub(in crate::protocol) fn value_length(word: &[u8]) -> Option<usize> {
    match with_sign(word)? {
        (false, length) if length <= VALUE_LENGTH_MAX => Some(length as usize),
        (true, 0) => Some(0),
        _ => None,
    }
}
