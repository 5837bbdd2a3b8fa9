//! Mistakes in flags and files, told so that the user can repair them at once.
//!
//! A parser of one value knows only the value and answers with a [`Fault`]. Whoever knows where the
//! value stood, its [`Origin`], turns the fault into a [`ConfigError`], which is the whole message
//! and the exit code. Nothing here prints.

use std::fmt;
use std::rc::Rc;

/// Exit code of a command line that cannot be used (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

/// Exit code of a configuration that cannot be used (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIGURATION: u8 = 78;

/// Why the program cannot start with what it was told. Displays as the complete message, which ends
/// without a line break.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    exit_code: u8,
    message: String,
}

impl ConfigError {
    /// The exit code of the process: 64 for a mistake on the command line, 78 for one in the
    /// configuration file or in a file it names.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// A mistake on the command line.
    pub(super) fn usage(message: impl fmt::Display) -> ConfigError {
        ConfigError {
            exit_code: EXIT_USAGE,
            message: format!("twincached: {message}"),
        }
    }

    /// A mistake in the configuration that has no line of its own, such as a file that is missing.
    pub(super) fn configuration(message: impl fmt::Display) -> ConfigError {
        ConfigError {
            exit_code: EXIT_CONFIGURATION,
            message: format!("twincached: {message}"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

/// What is wrong with a value and what would be right, without where it stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    what: String,
    right: String,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, right: impl Into<String>) -> Fault {
        Fault {
            what: what.into(),
            right: right.into(),
        }
    }
}

/// The text of a configuration file, kept for the lines that messages quote.
#[derive(Debug)]
pub(super) struct Source {
    /// The path as the user wrote it.
    pub(super) path: String,
    /// The whole text.
    pub(super) text: String,
}

/// A stretch of one line in a configuration file. Line and column count from 1, in characters.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) source: Rc<Source>,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) width: usize,
}

impl Place {
    /// The message for a mistake at this place: position, what is wrong, the line with a caret
    /// under the mistake, what would be right.
    pub(super) fn refuse(&self, what: &str, right: &str) -> ConfigError {
        let Place {
            source,
            line,
            column,
            ..
        } = self;
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let message = format!(
            "{path}:{line}:{column}: {what}\n {number} | {text}\n {gutter} | {caret}\n \
             {gutter} = {right}",
            path = source.path,
            text = printable(self.text()),
            caret = self.caret(),
        );
        ConfigError {
            exit_code: EXIT_CONFIGURATION,
            message,
        }
    }

    /// The quoted line, empty for a place behind the end of the file.
    fn text(&self) -> &str {
        self.source
            .text
            .lines()
            .nth(self.line.saturating_sub(1))
            .unwrap_or("")
    }

    /// The line below the quoted one. A tab stays a tab so that the caret stands under its mark.
    fn caret(&self) -> String {
        let before = self.text().chars().take(self.column.saturating_sub(1));
        let mut caret: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let rest = self
            .text()
            .trim_end()
            .chars()
            .count()
            .saturating_sub(self.column - 1);
        caret.push_str(&"^".repeat(self.width.clamp(1, rest.max(1))));
        caret
    }
}

/// A line as it may go to a terminal: control characters could move the cursor.
fn printable(line: &str) -> String {
    line.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Where a setting was made.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// On the command line, with the flag as the help shows it (`-m, --memory-limit`).
    Flag(String),
    /// In the file, with the key's name and the place of its value.
    File {
        /// The key, without the section it stands in.
        key: String,
        /// The value.
        place: Place,
    },
}

impl Origin {
    /// The message for a mistake in the setting made here.
    pub(super) fn refuse(&self, fault: Fault) -> ConfigError {
        match self {
            Origin::Flag(flag) => {
                ConfigError::usage(format_args!("{flag}: {}\n  = {}", fault.what, fault.right))
            }
            Origin::File { key, place } => {
                place.refuse(&format!("{key}: {}", fault.what), &fault.right)
            }
        }
    }
}

/// A setting together with where it was made.
#[derive(Clone, Debug)]
pub(super) struct Sourced<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

impl<T> Sourced<T> {
    /// The message for a mistake in this setting.
    pub(super) fn refuse(&self, what: impl Into<String>, right: impl Into<String>) -> ConfigError {
        self.origin.refuse(Fault::new(what, right))
    }
}

/// The one of `known` that a user who wrote `wrong` most likely meant, if any is near.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = (wrong.chars().count() / 3).clamp(1, 4);
    let wrong = wrong.to_lowercase().replace('-', "_");
    known
        .map(|key| (distance(&wrong, &key.replace('-', "_")), key))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// Edits between two words. A word that contains the other whole is one edit away, so that
/// `interval` finds `advertisement_interval`.
fn distance(wrong: &str, key: &str) -> usize {
    let contained =
        wrong.len() >= 4 && key.contains(wrong) || key.len() >= 4 && wrong.contains(key);
    let edits = strsim::damerau_levenshtein(wrong, key);
    if contained { edits.min(1) } else { edits }
}
