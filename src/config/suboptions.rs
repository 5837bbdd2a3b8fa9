//! The suboptions of `-o`: a list separated by commas, each a name or `name=value`.

use super::draft::Draft;
use super::error::{ConfigError, Fault, Origin, Sourced, nearest};
use super::flag_table::{SUBOPTIONS, Treatment};
use std::time::Duration;

/// Reads one list into `draft`.
pub(super) fn read(list: &str, draft: &mut Draft) -> Result<(), ConfigError> {
    list.split(',')
        .filter(|part| !part.is_empty())
        .try_for_each(|part| {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            suboption(name, value, draft)
        })
}

fn suboption(name: &str, value: Option<&str>, draft: &mut Draft) -> Result<(), ConfigError> {
    let origin = Origin::Flag(format!("-o {name}"));
    let row = SUBOPTIONS.iter().find(|(known, _)| {
        *known == name || known.ends_with('_') && name.starts_with(known) && name != *known
    });
    match row.map(|(_, treatment)| *treatment) {
        Some(Treatment::Honoured) => honour(name, value, origin, draft)?,
        Some(Treatment::Noted(reason)) => {
            draft
                .notes
                .push(format!("-o {name} has no effect: {reason}"));
        }
        Some(Treatment::Refused(reason, instead)) => {
            return Err(origin.refuse(Fault::new(reason, instead)));
        }
        None => return Err(unknown(name)),
    }
    Ok(())
}

fn honour(
    name: &str,
    value: Option<&str>,
    origin: Origin,
    draft: &mut Draft,
) -> Result<(), ConfigError> {
    match name {
        "maxconns_fast" => {
            draft.connections_max_fast = Some(Sourced {
                value: true,
                origin,
            })
        }
        "no_maxconns_fast" => {
            draft.connections_max_fast = Some(Sourced {
                value: false,
                origin,
            })
        }
        _ => {
            let Some(seconds) = value.and_then(|seconds| seconds.parse::<u32>().ok()) else {
                return Err(origin.refuse(Fault::new(
                    "Missing numeric argument for idle_timeout",
                    "write seconds, such as idle_timeout=300, or 0 for no timeout",
                )));
            };
            let time = Duration::from_secs(seconds.into());
            draft.idle_timeout = Some(Sourced {
                value: time,
                origin,
            });
        }
    }
    Ok(())
}

fn unknown(name: &str) -> ConfigError {
    let known = SUBOPTIONS
        .iter()
        .map(|(known, _)| *known)
        .filter(|known| !known.ends_with('_'));
    let advice = match nearest(name, known) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "twincached -h lists the suboptions".to_owned(),
    };
    ConfigError::usage(format_args!("Illegal suboption \"{name}\"\n  = {advice}"))
}
