//! The words of a line. memcached separates them by spaces alone.

/// Words that any command looks at by position: `cas` has seven.
const WORDS_MAX: usize = 7;

/// The words of `line`, without empty ones.
pub(in crate::protocol) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
}

/// A line cut into words.
#[derive(Debug)]
pub(in crate::protocol) struct Words<'a> {
    line: &'a [u8],
    first: [&'a [u8]; WORDS_MAX],
    count: usize,
    last: &'a [u8],
}

impl<'a> Words<'a> {
    pub(in crate::protocol) fn of(line: &'a [u8]) -> Words<'a> {
        let mut cut = Words {
            line,
            first: [&[]; WORDS_MAX],
            count: 0,
            last: &[],
        };
        for word in words(line) {
            if let Some(place) = cut.first.get_mut(cut.count) {
                *place = word;
            }
            cut.count += 1;
            cut.last = word;
        }
        cut
    }

    /// How many words the line has, the command included.
    pub(in crate::protocol) const fn count(&self) -> usize {
        self.count
    }

    /// The word at `index`; empty where the line has none.
    pub(in crate::protocol) fn at(&self, index: usize) -> &'a [u8] {
        self.first.get(index).copied().unwrap_or_default()
    }

    pub(in crate::protocol) const fn last(&self) -> &'a [u8] {
        self.last
    }

    /// Whether the last word asks for silence.
    pub(in crate::protocol) fn noreply(&self) -> bool {
        self.count > 1 && self.last == b"noreply"
    }

    /// The line behind its first `count` words, without spaces at either end.
    pub(in crate::protocol) fn behind(&self, count: usize) -> &'a [u8] {
        let mut rest = trim(self.line);
        for _ in 0..count {
            let end = rest
                .iter()
                .position(|byte| *byte == b' ')
                .unwrap_or(rest.len());
            rest = trim(&rest[end..]);
        }
        rest
    }
}

/// Without spaces at either end.
pub(in crate::protocol) fn trim(mut line: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = line {
        line = rest;
    }
    line
}
