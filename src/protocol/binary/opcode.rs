//! Opcodes: what they ask for and what their packets look like.

use super::header::Header;

/// An opcode that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Opcode {
    pub(super) operation: Operation,
    /// Silent on success; a get is silent on a miss instead.
    pub(super) quiet: bool,
    /// A get whose answer has the key.
    pub(super) with_key: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Get,
    Touch,
    GetAndTouch,
    Set,
    Add,
    Replace,
    Append,
    Prepend,
    Delete,
    Increment,
    Decrement,
    Flush,
    Statistics,
    Version,
    Noop,
    Quit,
}

/// The parts a packet must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The lengths its extras may have, in bytes.
    extras: &'static [usize],
    /// Whether it has a key; `None` if it may.
    key: Option<bool>,
    /// Whether it may have a value.
    value: bool,
}

impl Opcode {
    /// The meaning of an opcode's byte (memcached's `protocol_binary.h`).
    pub(super) const fn of(byte: u8) -> Option<Opcode> {
        Some(match byte {
            0x00 => Opcode::loud(Operation::Get),
            0x01 => Opcode::loud(Operation::Set),
            0x02 => Opcode::loud(Operation::Add),
            0x03 => Opcode::loud(Operation::Replace),
            0x04 => Opcode::loud(Operation::Delete),
            0x05 => Opcode::loud(Operation::Increment),
            0x06 => Opcode::loud(Operation::Decrement),
            0x07 => Opcode::loud(Operation::Quit),
            0x08 => Opcode::loud(Operation::Flush),
            0x09 => Opcode::quiet(Operation::Get),
            0x0a => Opcode::loud(Operation::Noop),
            0x0b => Opcode::loud(Operation::Version),
            0x0c => Opcode::loud(Operation::Get).with_key(),
            0x0d => Opcode::quiet(Operation::Get).with_key(),
            0x0e => Opcode::loud(Operation::Append),
            0x0f => Opcode::loud(Operation::Prepend),
            0x10 => Opcode::loud(Operation::Statistics),
            0x11 => Opcode::quiet(Operation::Set),
            0x12 => Opcode::quiet(Operation::Add),
            0x13 => Opcode::quiet(Operation::Replace),
            0x14 => Opcode::quiet(Operation::Delete),
            0x15 => Opcode::quiet(Operation::Increment),
            0x16 => Opcode::quiet(Operation::Decrement),
            0x17 => Opcode::quiet(Operation::Quit),
            0x18 => Opcode::quiet(Operation::Flush),
            0x19 => Opcode::quiet(Operation::Append),
            0x1a => Opcode::quiet(Operation::Prepend),
            0x1c => Opcode::loud(Operation::Touch),
            0x1d => Opcode::loud(Operation::GetAndTouch),
            0x1e => Opcode::quiet(Operation::GetAndTouch),
            0x23 => Opcode::loud(Operation::GetAndTouch).with_key(),
            0x24 => Opcode::quiet(Operation::GetAndTouch).with_key(),
            _ => return None,
        })
    }

    const fn loud(operation: Operation) -> Opcode {
        Opcode {
            operation,
            quiet: false,
            with_key: false,
        }
    }

    const fn quiet(operation: Operation) -> Opcode {
        Opcode {
            operation,
            quiet: true,
            with_key: false,
        }
    }

    const fn with_key(self) -> Opcode {
        Opcode {
            with_key: true,
            ..self
        }
    }

    /// The parts its packets must have.
    pub(super) const fn layout(self) -> Layout {
        let (extras, key, value): (&'static [usize], _, _) = match self.operation {
            Operation::Get | Operation::Delete => (&[0], Some(true), false),
            Operation::Touch | Operation::GetAndTouch => (&[4], Some(true), false),
            Operation::Set | Operation::Add | Operation::Replace => (&[8], Some(true), true),
            Operation::Append | Operation::Prepend => (&[0], Some(true), true),
            Operation::Increment | Operation::Decrement => (&[20], Some(true), false),
            Operation::Flush => (&[0, 4], Some(false), false),
            Operation::Statistics => (&[0], None, false),
            Operation::Version | Operation::Noop | Operation::Quit => (&[0], Some(false), false),
        };
        Layout { extras, key, value }
    }
}

impl Layout {
    /// Whether a packet has these parts.
    pub(super) fn admits(self, header: &Header, value_length: usize) -> bool {
        self.extras.contains(&header.extras_length)
            && self
                .key
                .is_none_or(|has_key| has_key == (header.key_length > 0))
            && (self.value || value_length == 0)
    }
}
