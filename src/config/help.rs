//! What `-h`, `-V` and `-i` print, in memcached's form. Without the last line break.

use super::flag_table::{FLAGS, Flag, Takes, Treatment};
use super::suboptions::SUBOPTIONS;
use std::fmt::Write;

/// Column where the descriptions begin, as in memcached's help.
const COLUMN: usize = 26;

/// The first line of the help and the whole answer to `-V`.
pub(super) fn version() -> String {
    concat!("twincached ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// The answer to `-i`.
pub(super) fn license() -> String {
    format!(
        "{}\n\n{}",
        version(),
        include_str!("../../LICENSE").trim_end()
    )
}

/// The answer to `-h`.
pub(super) fn help() -> String {
    let mut text = version();
    for flag in FLAGS {
        row(&mut text, &synopsis(flag), flag.help);
    }
    text.push_str("\n\nSuboptions of -o:");
    row(
        &mut text,
        "   - idle_timeout:",
        "close connections idle for so many seconds\n(default: 0, never)",
    );
    row(
        &mut text,
        "   - maxconns_fast:",
        "at the limit, answer new connections with an error\n\
         (default: on; no_maxconns_fast lets them wait)",
    );
    row(
        &mut text,
        "   - no effect here:",
        &names(|treatment| matches!(treatment, Treatment::Noted(_))),
    );
    row(
        &mut text,
        "   - not offered:",
        &names(|treatment| matches!(treatment, Treatment::Refused(..))),
    );
    text.push_str("\n\nCommands:");
    for (synopsis, help) in COMMANDS {
        row(&mut text, synopsis, help);
    }
    text.push_str(
        "\n\nExit codes: 0 success, 1 failure while running, \
         64 wrong usage, 78 wrong configuration",
    );
    text
}

const COMMANDS: &[(&str, &str)] = &[
    (
        "check FILE",
        "read a configuration file and say what is wrong with it",
    ),
    (
        "clear FILE",
        "remove virtual addresses that a server with this\nconfiguration file left when it died",
    ),
    (
        "status [--json]",
        "show the state of the server on this host",
    ),
    (
        "failover [--force]",
        "hand the virtual address over to the other host",
    ),
    (
        "",
        "status and failover ask --admin ADDR, or the admin\n\
         address of --config FILE (default: 127.0.0.1:11280)",
    ),
    (
        "demo",
        "run a complete pair on this machine; --network ADDR\n\
         (default: 10.77.11.0) and --advertisement-interval TIME\n\
         change its addresses and pace",
    ),
];

fn synopsis(flag: &Flag) -> String {
    let value = match (flag.takes, flag.long) {
        (Takes::Nothing, _) => String::new(),
        (Takes::Value(word), "") => format!(" <{word}>"),
        (Takes::Value(word), _) => format!("=<{word}>"),
        (Takes::MaybeValue(word), _) => format!("[=<{word}>]"),
    };
    format!("{}{value}", flag.label())
}

/// One entry: the synopsis, then the description from the column on, each line there.
fn row(text: &mut String, synopsis: &str, help: &str) {
    let mut lines = help.lines();
    let first = lines.next().unwrap_or("");
    let width = COLUMN - 1;
    // Writing to a string cannot fail.
    let _ = write!(text, "\n{synopsis:<width$} {first}");
    for line in lines {
        let _ = write!(text, "\n{:COLUMN$}{line}", "");
    }
}

/// The suboptions of one treatment, in lines that fit beside the column.
fn names(wanted: impl Fn(&Treatment) -> bool) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for (name, _) in SUBOPTIONS.iter().filter(|(_, treatment)| wanted(treatment)) {
        let name = if name.ends_with('_') {
            format!("{name}*")
        } else {
            (*name).to_owned()
        };
        if width + name.len() > 54 {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
        }
        width += name.len() + 1;
        lines.push_str(&name);
    }
    lines
}
