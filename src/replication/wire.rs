//! Little-endian primitives for frames: a writer that appends and a reader that runs out politely.

use crate::command::{Value, Version};
use crate::store::clock::VERSION_MAX;

/// Appends primitives to a buffer.
pub(super) trait Write {
    fn put_u8(&mut self, value: u8);
    fn put_u32(&mut self, value: u32);
    fn put_u64(&mut self, value: u64);
    /// A length of four bytes, then the bytes.
    fn put_bytes(&mut self, bytes: &[u8]);
    /// As [`Write::put_bytes`], of bytes that may lie apart.
    fn put_value(&mut self, value: Value<'_>);
    /// A count of four bytes, then each value.
    fn put_u64s(&mut self, values: &[u64]);
}

impl Write for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_u32(u32::try_from(bytes.len()).expect("frames are below 4 GiB"));
        self.extend_from_slice(bytes);
    }
    fn put_value(&mut self, value: Value<'_>) {
        self.put_u32(u32::try_from(value.len()).expect("frames are below 4 GiB"));
        value.append_to(self);
    }
    fn put_u64s(&mut self, values: &[u64]) {
        self.put_u32(u32::try_from(values.len()).expect("fewer than 2^32 shards"));
        values.iter().for_each(|value| self.put_u64(*value));
    }
}

/// Takes primitives off the front of a slice. `None`: there are too few bytes.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub fn bool(&mut self) -> Option<bool> {
        self.u8().map(|byte| byte != 0)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take(4)
            .and_then(|bytes| Some(u32::from_le_bytes(*bytes.first_chunk()?)))
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take(8)
            .and_then(|bytes| Some(u64::from_le_bytes(*bytes.first_chunk()?)))
    }

    /// A version that a node can have issued.
    pub fn version(&mut self) -> Option<Version> {
        self.u64().filter(|version| *version <= VERSION_MAX)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.u32()? as usize;
        self.take(count)
    }

    /// Text; what is not UTF-8 is replaced.
    pub fn text(&mut self) -> Option<String> {
        self.bytes()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// As many values as the count says. The count cannot make us allocate more than arrived.
    pub fn u64s(&mut self) -> Option<Vec<u64>> {
        let count = self.u32()? as usize;
        let bytes = self.take(count.checked_mul(8)?)?;
        Some(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| u64::from_le_bytes(*bytes))
                .collect(),
        )
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
