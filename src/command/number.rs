//! Numbers as C reads them, on a line as in the value of a counter.
//!
//! So a number may have white space and a sign in front, and whatever follows it behind white space
//! is ignored (`10\tx` is 10).

/// `safe_strtoull`: a sign is permitted, a negative result is not.
pub fn unsigned(word: &[u8]) -> Option<u64> {
    let (negative, magnitude) = with_sign(word)?;
    if !negative {
        return Some(magnitude);
    }
    // memcached looks for the sign only in numbers that are negative as a signed number.
    let number = magnitude.wrapping_neg();
    ((number as i64) >= 0).then_some(number)
}

/// Sign and magnitude of a number that may be negative.
pub fn with_sign(word: &[u8]) -> Option<(bool, u64)> {
    let start = word.iter().position(|byte| !is_space(*byte))?;
    let word = &word[start..];
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let length = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    let ended = digits.get(length).is_none_or(|byte| is_space(*byte));
    if length == 0 || !ended {
        return None;
    }
    let magnitude = digits[..length].iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    Some((negative, magnitude))
}

/// C's `isspace`, which counts the vertical tab too.
const fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}
