//! A YAML file as sections of keys whose values still know their place.
//!
//! Scalars stay text: what `1s` or `0700` means is decided by the setting that reads it, not by
//! YAML's guesses at numbers and booleans. Syntax, anchors and duplicate keys are the YAML crate's
//! work; this file adds unknown keys, missing values and wrong shapes, each with its place.

mod node;
mod place;

use super::error::{ConfigError, Fault, Origin, Place, Source, Sourced, nearest};
use node::Node;
use place::{missing_space, place, syntax_mistake, written};
use serde_saphyr::Spanned;
use std::path::Path;
use std::rc::Rc;

/// Reads the file and returns its top level. Only the keys of `known` are allowed there; `inner`
/// are the keys of sections below, to tell a wrong indentation from a wrong word.
pub(super) fn open(path: &Path, known: &Keys, inner: &[&Keys]) -> Result<Section, ConfigError> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| {
        ConfigError::configuration(format_args!("cannot read {shown}: {error}"))
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| ConfigError::configuration(format_args!("{shown} is not UTF-8 text")))?;
    open_text(&shown.to_string(), &text, known, inner)
}

/// As [`open`], for a text that was read already.
pub(super) fn open_text(
    path: &str,
    text: &str,
    known: &Keys,
    inner: &[&Keys],
) -> Result<Section, ConfigError> {
    let text = text.trim_start_matches('\u{feff}').to_owned();
    let source = Rc::new(Source {
        path: path.to_owned(),
        text,
    });
    let root: Spanned<Node> = serde_saphyr::from_str(&source.text).map_err(|error| {
        missing_space(&source).unwrap_or_else(|| syntax_mistake(&source, error.without_snippet()))
    })?;
    match root.value {
        Node::Null => Ok(Section {
            known: known.names,
            entries: Vec::new(),
        }),
        Node::Mapping(pairs) => section(&source, pairs, known, inner),
        _ => Err(missing_space(&source).unwrap_or_else(|| {
            place(&source, root.referenced).refuse(
                "the file is not made of keys and values",
                "write lines such as `memory: 1GiB`",
            )
        })),
    }
}

/// The keys that one section knows.
pub(super) struct Keys {
    /// The section's own key, empty for the top level.
    pub(super) section: &'static str,
    pub(super) names: &'static [&'static str],
}

/// One mapping of the file. Every key in it is known and has a value.
pub(super) struct Section {
    known: &'static [&'static str],
    entries: Vec<Entry>,
}

struct Entry {
    key: Spanned<String>,
    key_place: Place,
    value: Spanned<Node>,
    source: Rc<Source>,
}

impl Section {
    /// The value of `key`, if it is there, read by `parse`.
    pub(super) fn text<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Option<Sourced<T>>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        entry.scalar(&entry.value, parse).map(Some)
    }

    /// The values of `key`: a list, or a single value that stands for a list of one.
    pub(super) fn list<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Option<Vec<Sourced<T>>>, ConfigError> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let Node::Sequence(values) = &entry.value.value else {
            return entry
                .scalar(&entry.value, parse)
                .map(|value| Some(vec![value]));
        };
        if values.is_empty() {
            let fault = Fault::new("the list is empty", "add a value, or remove the line");
            return Err(entry.origin(&entry.value).refuse(fault));
        }
        values
            .iter()
            .map(|value| entry.scalar(value, &parse))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The section below `key`, if it is there, and the place of its key.
    pub(super) fn section(&self, keys: &Keys) -> Result<Option<(Section, Origin)>, ConfigError> {
        let Some(entry) = self.entry(keys.section) else {
            return Ok(None);
        };
        let Node::Mapping(pairs) = &entry.value.value else {
            let fault = Fault::new(
                "expected a section with keys of its own",
                format!("write its keys below, indented: {}", keys.names.join(", ")),
            );
            return Err(entry.origin(&entry.value).refuse(fault));
        };
        let section = section(&entry.source, pairs.clone(), keys, &[])?;
        let origin = Origin::File {
            key: entry.key.value.clone(),
            place: entry.key_place.clone(),
        };
        Ok(Some((section, origin)))
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        debug_assert!(self.known.contains(&key), "{key} is read but not known");
        self.entries.iter().find(|entry| entry.key.value == key)
    }
}

impl Entry {
    fn origin(&self, value: &Spanned<Node>) -> Origin {
        Origin::File {
            key: self.key.value.clone(),
            place: place(&self.source, value.referenced),
        }
    }

    fn scalar<T>(
        &self,
        value: &Spanned<Node>,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Sourced<T>, ConfigError> {
        let origin = self.origin(value);
        let read = match &value.value {
            Node::Text(text) => parse(text),
            Node::Plain => parse(written(&self.source.text, value.defined)),
            Node::Null => Err(Fault::new(
                "a value is missing",
                "write one, or remove the item",
            )),
            Node::Sequence(_) => Err(Fault::new(
                "expected one value, found a list",
                "write one value",
            )),
            Node::Mapping(_) => Err(Fault::new(
                "expected a value, found keys",
                "write the value on the same line; put it in quotes if it contains \": \"",
            )),
        };
        match read {
            Ok(value) => Ok(Sourced { value, origin }),
            Err(fault) => Err(origin.refuse(fault)),
        }
    }
}

/// The entries of a mapping, each checked to be known and to have a value.
fn section(
    source: &Rc<Source>,
    pairs: Vec<(Spanned<String>, Spanned<Node>)>,
    known: &Keys,
    inner: &[&Keys],
) -> Result<Section, ConfigError> {
    let mut entries = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let key_place = place(source, key.referenced);
        if !known.names.contains(&key.value.as_str()) {
            return Err(unknown_key(&key.value, &key_place, known, inner));
        }
        if matches!(value.value, Node::Null) {
            let what = format!("{} has no value", key.value);
            return Err(key_place.refuse(&what, "write one after the colon, or remove the line"));
        }
        entries.push(Entry {
            key,
            key_place,
            value,
            source: source.clone(),
        });
    }
    Ok(Section {
        known: known.names,
        entries,
    })
}

/// keepalived's words for what has another name here, or is not needed.
const KEEPALIVED: [(&str, &str); 8] = [
    ("advert_int", "did you mean advertisement_interval?"),
    ("virtual_ipaddress", "did you mean virtual_addresses?"),
    ("auth_pass", "did you mean password?"),
    ("auth_type", "leave it out: password alone says it"),
    ("authentication", "did you mean password?"),
    (
        "state",
        "leave it out: both hosts start as BACKUP, and priority decides",
    ),
    ("nopreempt", "leave it out: nobody preempts here"),
    ("notify", "did you mean on_change?"),
];

fn unknown_key(key: &str, place: &Place, known: &Keys, inner: &[&Keys]) -> ConfigError {
    let what = match known.section {
        "" => format!("unknown key \"{key}\""),
        section => format!("unknown key \"{key}\" in {section}"),
    };
    if let Some(keys) = inner.iter().find(|keys| keys.names.contains(&key)) {
        return place.refuse(
            &what,
            &format!("indent it: {key} belongs below {}", keys.section),
        );
    }
    if let Some((_, advice)) = KEEPALIVED.iter().find(|(word, _)| *word == key) {
        return place.refuse(&what, advice);
    }
    match nearest(key, known.names.iter().copied()) {
        Some(meant) => place.refuse(&what, &format!("did you mean {meant}?")),
        None => place.refuse(&what, &format!("known here: {}", known.names.join(", "))),
    }
}
