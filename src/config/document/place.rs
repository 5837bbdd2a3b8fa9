//! Where things stand in the file, and what YAML itself has to say about it.

use crate::config::error::{ConfigError, Place, Source};
use serde_saphyr::{Location, MessageFormatter, UserMessageFormatter};
use std::rc::Rc;

/// The place in `source` of what the YAML crate found at `location`.
pub(super) fn place(source: &Rc<Source>, location: Location) -> Place {
    Place {
        source: source.clone(),
        line: usize::try_from(location.line())
            .unwrap_or(usize::MAX)
            .max(1),
        column: usize::try_from(location.column())
            .unwrap_or(usize::MAX)
            .max(1),
        width: written(&source.text, location)
            .lines()
            .next()
            .unwrap_or("")
            .chars()
            .count(),
    }
}

/// The text of a scalar as it stands in the file; empty where the position is unknown.
pub(super) fn written(text: &str, location: Location) -> &str {
    let span = location.span();
    let range = span
        .byte_offset()
        .zip(span.byte_len())
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(length).ok()?)?)
        });
    range.and_then(|range| text.get(range)).unwrap_or("")
}

/// The message for a text that is not YAML.
pub(super) fn syntax_mistake(source: &Rc<Source>, error: &serde_saphyr::Error) -> ConfigError {
    let location = error.location().unwrap_or(Location::UNKNOWN);
    let place = place(source, location);
    match error {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            place.refuse(
                &format!("{key} is written twice"),
                "remove one of the two lines",
            )
        }
        serde_saphyr::Error::MultipleDocuments { .. } => {
            place.refuse("a second document begins here", "remove the line of dashes")
        }
        _ => {
            let message = UserMessageFormatter.format_message(error);
            place.refuse(&format!("not valid YAML: {message}"), syntax_advice(&place))
        }
    }
}

/// The mistake of the first line that has a colon behind a word and no space behind the colon: YAML
/// takes all of it for one word, and stumbles somewhere below.
pub(super) fn missing_space(source: &Rc<Source>) -> Option<ConfigError> {
    let lines = source.text.lines().enumerate();
    let mut found = lines.filter_map(|(index, line)| {
        let indent = line.chars().take_while(|c| *c == ' ').count();
        let (word, rest) = line[indent..].split_once(':')?;
        let is_key = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let behind = rest.chars().next()?;
        (is_key && !behind.is_ascii_whitespace()).then(|| Place {
            source: source.clone(),
            line: index + 1,
            column: indent + word.len() + 2,
            width: 1,
        })
    });
    let place = found.next()?;
    let line = source.text.lines().nth(place.line - 1)?;
    let is_blank = line
        .chars()
        .nth(place.column - 1)
        .is_some_and(char::is_whitespace);
    Some(if is_blank {
        place.refuse(
            "behind the colon stands a blank that is no space",
            "replace it by a space (it may be a no-break space, copied from a page)",
        )
    } else {
        place.refuse(
            "there is no space behind the colon",
            "write a space there, as in `memory: 1GiB`",
        )
    })
}

/// What is most likely meant where YAML stumbles.
fn syntax_advice(place: &Place) -> &'static str {
    let lines = place.source.text.lines().skip(place.line - 1).take(2);
    let indents = lines.map(|line| &line[..line.len() - line.trim_start().len()]);
    if indents.into_iter().any(|indent| indent.contains('\t')) {
        return "indent with spaces, not with tabs";
    }
    if opens_what_nothing_closes(&place.source.text, place.line) {
        return "close the bracket or the quote that a line above opens";
    }
    "keys of one section start in one column; put a value in quotes if it contains \": \" or \
     \" #\" or starts with one of [ ] { } @ % & * ! |"
}

/// Whether something is still open where line `end` begins: YAML goes on reading, and stumbles there.
fn opens_what_nothing_closes(text: &str, end: usize) -> bool {
    let above = || text.lines().take(end - 1);
    let count = |characters: [char; 2]| above().map(|line| line.matches(characters).count()).sum();
    let [opened, closed]: [usize; 2] = [count(['[', '{']), count([']', '}'])];
    let last = above().filter(|line| !line.trim().is_empty()).last();
    opened > closed || last.is_some_and(|line| line.matches('"').count() % 2 == 1)
}
