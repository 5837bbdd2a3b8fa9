//! The bytes of a value, wherever they lie.

use std::fmt;

/// A value as bytes in order, in one slice or in several: the store cuts a large value into parts
/// that lie apart. Almost every value is one slice.
#[derive(Clone, Copy, Default)]
pub struct Value<'a> {
    first: &'a [u8],
    rest: &'a [&'a [u8]],
}

impl<'a> Value<'a> {
    /// A value in one slice.
    pub const fn whole(bytes: &'a [u8]) -> Value<'a> {
        Value {
            first: bytes,
            rest: &[],
        }
    }

    /// A value in several slices.
    pub const fn cut(first: &'a [u8], rest: &'a [&'a [u8]]) -> Value<'a> {
        Value { first, rest }
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.first.len() + self.rest.iter().map(|part| part.len()).sum::<usize>()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its slices in order.
    #[inline]
    pub fn parts(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }

    /// The bytes, where they lie in one slice.
    pub const fn as_whole(&self) -> Option<&'a [u8]> {
        match self.rest {
            [] => Some(self.first),
            _ => None,
        }
    }

    /// Appends the bytes.
    #[inline]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.first);
        for part in self.rest {
            out.extend_from_slice(part);
        }
    }

    /// A copy in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        self.append_to(&mut bytes);
        bytes
    }

    /// Moves as many bytes as `target` takes from the front of the value into it; how many they
    /// were. Fewer than `target` takes: the value has ended.
    pub fn take_into(&mut self, target: &mut [u8]) -> usize {
        let mut taken = 0;
        loop {
            let count = self.first.len().min(target.len() - taken);
            target[taken..taken + count].copy_from_slice(&self.first[..count]);
            self.first = &self.first[count..];
            taken += count;
            match self.rest {
                [next, rest @ ..] if self.first.is_empty() => {
                    (self.first, self.rest) = (next, rest);
                }
                _ => return taken,
            }
        }
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Value<'a> {
        Value::whole(bytes)
    }
}

/// Equal bytes are equal values, wherever they are cut.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Value<'_>) -> bool {
        match (self.as_whole(), other.as_whole()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.len() == other.len() && self.to_vec() == other.to_vec(),
        }
    }
}

impl Eq for Value<'_> {}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_vec().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn where_a_value_is_cut_makes_no_difference() {
        let whole = Value::whole(b"value");
        let cut = Value::cut(b"", &[b"va", b"", b"lue"]);
        assert_eq!(cut, whole);
        assert_eq!((cut.len(), whole.len()), (5, 5));
        assert_eq!(
            (cut.as_whole(), whole.as_whole()),
            (None, Some(&b"value"[..]))
        );
        assert_eq!(cut.to_vec(), b"value");
        assert_ne!(cut, Value::whole(b"valuE"));
        assert_ne!(cut, Value::whole(b"values"));
    }

    #[test]
    fn a_value_is_taken_in_pieces_of_any_size() {
        for size in 1..8 {
            let mut value = Value::cut(b"ab", &[b"", b"c", b"defg"]);
            let (mut taken, mut piece) = (Vec::new(), vec![0; size]);
            loop {
                let count = value.take_into(&mut piece);
                taken.extend_from_slice(&piece[..count]);
                if count < size {
                    break;
                }
            }
            assert_eq!(taken, b"abcdefg");
            assert!(value.is_empty());
        }
    }
}
