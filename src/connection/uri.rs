//! Keys as listings and logs show them.

use std::fmt;

/// A key in URI encoding: all bytes but letters, digits and `-._~` as `%XX`, so that no key can
/// break a line (memcached's `uriencode`).
pub(super) struct UriKey<'a>(pub &'a [u8]);

impl fmt::Display for UriKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(f, "{}", char::from(*byte))?;
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_could_end_a_word_is_encoded() {
        for (key, expected) in [
            (&b"aZ09-._~"[..], "aZ09-._~"),
            (b"user:1", "user%3A1"),
            (b"k%20a", "k%2520a"),
            (b"a b\r\n\xff", "a%20b%0D%0A%FF"),
        ] {
            assert_eq!(UriKey(key).to_string(), expected);
        }
    }
}
