//! Statistics in memcached's formats.

use crate::protocol::Reply;

/// Where statistics are written to.
pub(super) struct Lines<'a> {
    pub reply: &'a Reply<'a>,
    pub out: &'a mut Vec<u8>,
}

impl Lines<'_> {
    pub fn number(&mut self, name: &str, value: u64) {
        let mut digits = itoa::Buffer::new();
        self.reply
            .stat(name, digits.format(value).as_bytes(), self.out);
    }

    pub fn text(&mut self, name: &str, value: &str) {
        self.reply.stat(name, value.as_bytes(), self.out);
    }

    /// `yes` or `no`.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "yes" } else { "no" });
    }

    /// A time of the CPU: seconds, a dot, six digits.
    pub fn cpu_time(&mut self, name: &str, micros: u64) {
        self.text(
            name,
            &format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
        );
    }
}
