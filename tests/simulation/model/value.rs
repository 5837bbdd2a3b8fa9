//! Values, cheap to copy and to compare: the model holds thousands of them in sets.

use std::cmp::Ordering;
use std::rc::Rc;

use ahash::RandomState;

/// Bytes, and a digest that tells different ones apart without looking at them: that two of a run
/// have the same 64 bits is not to be expected.
#[derive(Clone)]
pub struct Value {
    digest: u64,
    bytes: Rc<[u8]>,
}

impl Value {
    pub fn of(bytes: &[u8]) -> Value {
        // The same digests in every run: a trace depends on the order of a set.
        let digest = RandomState::with_seeds(1, 2, 3, 4).hash_one(bytes);
        Value {
            digest,
            bytes: bytes.into(),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        self.digest.cmp(&other.digest)
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&brief(&self.bytes))
    }
}

/// A value for people.
pub fn brief(value: &[u8]) -> String {
    String::from_utf8_lossy(&value[..value.len().min(40)]).into_owned()
}
