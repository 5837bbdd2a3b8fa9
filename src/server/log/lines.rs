//! Lines on their way to whoever reads them: a bounded queue.
//!
//! ```text
//!  threads ── push ──> waiting ── the writer takes all ──> being written ──> standard error
//!                         │ full
//!                         └──> counted as lost
//! ```
//!
//! The lock is never held while something is written. A line that finds the queue full is lost, and
//! everything behind it, until the writer comes back: how many were lost is told after the lines
//! that were not.

use std::io::Write;
use std::mem;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// So much may wait: some thousands of lines.
const BYTES_MAX: usize = 1 << 20;
/// What a line takes besides its text.
const LINE_BYTES: usize = 64;

/// The queue.
pub(super) struct Lines {
    waiting: Mutex<Waiting>,
    /// There is something to write.
    bell: Condvar,
    /// Everything is written.
    written: Condvar,
}

struct Waiting {
    open: bool,
    has_writer: bool,
    is_writing: bool,
    taken: Taken,
}

/// What the writer takes at once.
#[derive(Default)]
struct Taken {
    lines: Vec<Box<[u8]>>,
    bytes: usize,
    /// Lines that came after these and found no room.
    lost: u64,
}

impl Lines {
    /// Closed: lines are not taken yet.
    pub const fn new() -> Lines {
        let taken = Taken {
            lines: Vec::new(),
            bytes: 0,
            lost: 0,
        };
        Lines {
            waiting: Mutex::new(Waiting {
                open: false,
                has_writer: false,
                is_writing: false,
                taken,
            }),
            bell: Condvar::new(),
            written: Condvar::new(),
        }
    }

    /// From now on lines are taken.
    pub fn open(&self) {
        self.waiting.lock().open = true;
    }

    /// Takes a line, or counts it as lost. False if the queue was never opened.
    pub fn push(&self, line: &[u8]) -> bool {
        let mut waiting = self.waiting.lock();
        if !waiting.open {
            return false;
        }
        let taken = &mut waiting.taken;
        let bytes = taken.bytes + line.len() + LINE_BYTES;
        // A single line is taken however long it is.
        if taken.lost > 0 || bytes > BYTES_MAX && taken.bytes > 0 {
            taken.lost += 1;
            return true;
        }
        taken.bytes = bytes;
        taken.lines.push(line.into());
        self.bell.notify_one();
        true
    }

    /// True for the one caller who is to write.
    pub fn take_writing(&self) -> bool {
        !mem::replace(&mut self.waiting.lock().has_writer, true)
    }

    /// Whoever took it cannot.
    pub fn give_writing_back(&self) {
        self.waiting.lock().has_writer = false;
    }

    /// The writer's life.
    pub fn write_for_ever(&self, out: &mut impl Write) {
        loop {
            let mut waiting = self.waiting.lock();
            self.bell
                .wait_while(&mut waiting, |waiting| waiting.taken.lines.is_empty());
            drop(waiting);
            self.write_what_waits(out);
        }
    }

    /// Writes once what is there. A line that cannot be written is lost.
    pub fn write_what_waits(&self, out: &mut impl Write) {
        let mut waiting = self.waiting.lock();
        waiting.is_writing = true;
        let taken = mem::take(&mut waiting.taken);
        drop(waiting);
        for line in &taken.lines {
            let _lost = out.write_all(line);
        }
        if taken.lost > 0 {
            let _lost = out.write_all(loss(taken.lost).as_bytes());
        }
        self.waiting.lock().is_writing = false;
        self.written.notify_all();
    }

    /// Waits until nothing is left to write, but no longer than `limit`.
    pub fn wait_until_written(&self, limit: Duration) {
        let mut waiting = self.waiting.lock();
        let is_left = |waiting: &mut Waiting| waiting.is_writing || !waiting.taken.lines.is_empty();
        self.written.wait_while_for(&mut waiting, is_left, limit);
    }
}

/// A line as all others are.
fn loss(lost: u64) -> String {
    let mut line = String::new();
    let _untimed = SystemTime.format_time(&mut Writer::new(&mut line));
    line.push_str("  WARN ");
    line.push_str(&match lost {
        1 => "1 line of this log was lost here".to_owned(),
        _ => format!("{lost} lines of this log were lost here"),
    });
    line.push_str(": what reads it did not read\n");
    line
}

#[cfg(test)]
mod tests {
    use std::io::{self, PipeWriter, Read};
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    use super::*;

    fn opened() -> Lines {
        let lines = Lines::new();
        lines.open();
        lines
    }

    fn written(lines: &Lines) -> String {
        let mut out = Vec::new();
        lines.write_what_waits(&mut out);
        String::from_utf8(out).expect("lines are text")
    }

    #[test]
    fn nothing_is_taken_before_it_is_opened() {
        assert!(!Lines::new().push(b"a\n"));
    }

    #[test]
    fn lines_are_written_in_order_and_once() {
        let lines = opened();
        for line in ["a\n", "b\n", "c\n"] {
            assert!(lines.push(line.as_bytes()));
        }
        assert_eq!(written(&lines), "a\nb\nc\n");
        assert_eq!(written(&lines), "");
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_count_stands_where_the_lines_would() {
        let lines = opened();
        let long = vec![b'x'; BYTES_MAX / 4];
        for _ in 0..5 {
            lines.push(&long);
        }
        // There would be room for this one, but it would hide that others are missing before it.
        lines.push(b"short\n");
        let text = written(&lines);
        assert!(text.starts_with('x') && text.len() < BYTES_MAX);
        assert!(
            text.contains("Z  WARN 3 lines of this log were lost here"),
            "{}",
            &text[text.len() - 200..]
        );
        lines.push(b"later\n");
        assert_eq!(written(&lines), "later\n");
    }

    #[test]
    fn a_line_longer_than_the_queue_is_taken_by_an_empty_one() {
        let lines = opened();
        lines.push(&vec![b'x'; 2 * BYTES_MAX]);
        assert_eq!(written(&lines).len(), 2 * BYTES_MAX);
    }

    /// Nobody reads it, and there is no room left.
    fn stalled() -> (io::PipeReader, PipeWriter) {
        let (reader, mut writer) = io::pipe().expect("two descriptors");
        rustix::io::ioctl_fionbio(&writer, true).expect("a pipe may be told not to block");
        while writer.write(&[b'.'; 4096]).is_ok() {}
        rustix::io::ioctl_fionbio(&writer, false).expect("and to block");
        (reader, writer)
    }

    #[test]
    fn a_reader_that_stalls_holds_nobody_up_and_hears_everything_when_it_reads_again() {
        let lines = Arc::new(opened());
        let (mut reader, mut writer) = stalled();
        assert!(lines.take_writing());
        let writing = lines.clone();
        thread::spawn(move || writing.write_for_ever(&mut writer));
        let begun = Instant::now();
        for number in 0..1_000 {
            lines.push(format!("{number}\n").as_bytes());
        }
        lines.wait_until_written(Duration::from_millis(50));
        assert!(begun.elapsed() < Duration::from_secs(5));
        let heard = thread::spawn(move || {
            let mut heard = Vec::new();
            let mut buffer = [0; 4096];
            while !heard.ends_with(b"999\n") {
                let count = reader.read(&mut buffer).expect("a pipe can be read");
                heard.extend_from_slice(&buffer[..count]);
            }
            heard
        });
        lines.wait_until_written(Duration::from_secs(20));
        let heard = heard.join().expect("it has read");
        let heard = String::from_utf8(heard).expect("lines are text");
        let expected: String = (0..1_000).map(|number| format!("{number}\n")).collect();
        assert_eq!(heard.trim_start_matches('.'), expected);
    }
}
