//! What every frame begins with: length, checksum, type. The picture is in `frame.rs`.

/// Bytes before the type.
pub(super) const PREFIX: usize = 8;
/// The type of a frame that is written in place, record by record.
pub(super) const CHANGES: u8 = 4;

/// Begins a frame; its content follows, then [`end`] with what this returns.
pub(super) fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    out.push(kind);
    start
}

/// Fills length and checksum in.
pub(super) fn end(out: &mut [u8], start: usize) {
    let checksum = crc32c::crc32c(&out[start + PREFIX..]);
    let length = u32::try_from(out.len() - start - PREFIX).expect("frames are below 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + PREFIX].copy_from_slice(&checksum.to_le_bytes());
}
