//! Where the demo is seen: lines that stay, and on a terminal a table below them that is redrawn.

use super::error::DemoError;
use std::io::{IsTerminal, Write, stdout};
use std::time::Instant;

/// Standard output as a place for lines and a table.
pub(super) struct Screen {
    is_terminal: bool,
    started: Instant,
    /// Lines of the table on the terminal now.
    drawn: usize,
}

impl Screen {
    /// Standard output. The table appears only where it can be redrawn.
    pub(super) fn new() -> Screen {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Screen {
            is_terminal: stdout().is_terminal() && !is_dumb,
            started: Instant::now(),
            drawn: 0,
        }
    }

    /// Prints `text`, which stays.
    pub(super) fn print(&mut self, text: &str) -> Result<(), DemoError> {
        let text = format!("{}{text}\n", self.erase());
        show(&text)
    }

    /// Prints what happened, with the seconds since the start of the demo.
    pub(super) fn note(&mut self, what: &str) -> Result<(), DemoError> {
        let seconds = self.started.elapsed().as_millis();
        let text = format!("{:>5}.{:03} s  {what}", seconds / 1000, seconds % 1000);
        self.print(&text)
    }

    /// Draws the table anew, lines of less than 80 characters. Not on other things than terminals.
    pub(super) fn draw(&mut self, table: &[String]) -> Result<(), DemoError> {
        if !self.is_terminal {
            return Ok(());
        }
        // Lines are cut and not folded while it is drawn: folded ones could not be counted.
        let text = format!("{}\x1b[?7l{}\n\x1b[?7h", self.erase(), table.join("\n"));
        self.drawn = table.len();
        show(&text)
    }

    /// The codes that remove the table and leave the cursor where it began.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }
}

/// A terminal that was closed or a reader that has gone is the end of the demo.
fn show(text: &str) -> Result<(), DemoError> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|_| DemoError::Ended)
}
