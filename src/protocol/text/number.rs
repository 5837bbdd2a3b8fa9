//! Numbers as memcached reads them: through C's `strtoull` and its kin.
//!
//! So a number may have white space and a sign in front, and whatever follows it behind white space
//! is ignored (`10\tx` is 10).

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

/// `safe_strtoull`: a sign is permitted, a negative result is not.
pub(in crate::protocol) fn unsigned(word: &[u8]) -> Option<u64> {
    let (negative, magnitude) = c_number(word)?;
    if !negative {
        return Some(magnitude);
    }
    // memcached looks for the sign only in numbers that are negative as a signed number.
    let number = magnitude.wrapping_neg();
    ((number as i64) >= 0).then_some(number)
}

/// `safe_strtoul` into 32 bits: memcached keeps the low 32 bits of a larger number.
pub(in crate::protocol) fn unsigned_32(word: &[u8]) -> Option<u32> {
    unsigned(word).map(|number| number as u32)
}

/// `safe_strtol`, for exptimes. memcached cuts the number to 32 bits, so that an absolute time
/// after January 2038 expires at once; here it is kept.
pub(in crate::protocol) fn signed(word: &[u8]) -> Option<i64> {
    match c_number(word)? {
        (true, magnitude) => 0i64.checked_sub_unsigned(magnitude),
        (false, magnitude) => i64::try_from(magnitude).ok(),
    }
}

/// The length of a value that follows the line.
pub(in crate::protocol) fn value_length(word: &[u8]) -> Option<usize> {
    match c_number(word)? {
        (false, length) if length <= VALUE_LENGTH_MAX => Some(length as usize),
        (true, 0) => Some(0),
        _ => None,
    }
}

/// Sign and magnitude.
fn c_number(word: &[u8]) -> Option<(bool, u64)> {
    let word = word.trim_ascii_start();
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let length = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    let ended = digits
        .get(length)
        .is_none_or(|byte| byte.is_ascii_whitespace() || *byte == 0x0b);
    if length == 0 || !ended {
        return None;
    }
    let magnitude = digits[..length].iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    Some((negative, magnitude))
}
