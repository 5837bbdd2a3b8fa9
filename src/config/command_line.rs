//! The command line: its flags and commands, and what is wrong with it in getopt's words.
//!
//! Letters combine and take their values as with getopt (`-dv`, `-m64`, `-vv`); long names may be
//! shortened while they stay unique; the last of a repeated flag counts.

use super::commands;
use super::error::{ConfigError, nearest};
use super::flag_table::{FLAGS, Flag, Takes};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::ffi::OsString;

/// Splits the arguments, program name first, into flags and commands.
pub(super) fn matches(args: impl Iterator<Item = OsString>) -> Result<ArgMatches, ConfigError> {
    let args: Vec<OsString> = args.flat_map(split_dump_letter).collect();
    command()
        .try_get_matches_from(args)
        .map_err(|error| usage_mistake(&error))
}

fn command() -> Command {
    let command = Command::new("twincached")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true)
        .infer_long_args(true)
        .args_conflicts_with_subcommands(true)
        .args(FLAGS.iter().map(argument));
    commands::all()
        .into_iter()
        .fold(command, Command::subcommand)
}

fn argument(flag: &Flag) -> Arg {
    let mut argument = Arg::new(flag.id());
    if let Some(letter) = flag.short.chars().next() {
        argument = argument.short(letter);
    }
    if !flag.long.is_empty() {
        argument = argument.long(flag.long);
    }
    let repeated = matches!(flag.id(), "listen" | "extended");
    match flag.takes {
        Takes::Nothing => argument.action(ArgAction::Count),
        Takes::Value(_) => argument
            .action(if repeated {
                ArgAction::Append
            } else {
                ArgAction::Set
            })
            .allow_hyphen_values(true)
            .value_parser(value_parser!(OsString)),
        Takes::MaybeValue(_) => argument
            .action(ArgAction::Append)
            .num_args(0..=1)
            .default_missing_value("")
            .value_parser(value_parser!(OsString)),
    }
}

/// `-X` has a value only if a number follows: `-FXv` is `-FX -v`, as for memcached.
fn split_dump_letter(argument: OsString) -> Vec<OsString> {
    let Some(letters) = argument.to_str().and_then(|text| text.strip_prefix('-')) else {
        return vec![argument];
    };
    let switch = |c: char| {
        let is = |flag: &&Flag| flag.takes == Takes::Nothing && flag.short.starts_with(c);
        FLAGS.iter().any(|flag| is(&flag))
    };
    match letters.split_once('X') {
        Some((before, after))
            if before.chars().all(switch) && after.starts_with(|c: char| c.is_alphabetic()) =>
        {
            vec![format!("-{before}X").into(), format!("-{after}").into()]
        }
        _ => vec![argument],
    }
}

/// The mistake that the parser found, in getopt's words.
fn usage_mistake(error: &clap::Error) -> ConfigError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let argument = context(ContextKind::InvalidArg);
    let name = argument
        .trim_start_matches('[')
        .split([' ', '=', '[', ']', '<'])
        .next();
    let name = name.unwrap_or_default().trim_end_matches("...");
    let what = match error.kind() {
        ErrorKind::UnknownArgument if name.starts_with("--") => unknown_flag(name),
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            format!("invalid option -- '{}'", argument.trim_start_matches('-'))
        }
        ErrorKind::UnknownArgument => unknown_word(&argument),
        ErrorKind::InvalidSubcommand => unknown_word(&context(ContextKind::InvalidSubcommand)),
        ErrorKind::ArgumentConflict => {
            let word = context(ContextKind::InvalidSubcommand);
            match commands::NAMES.contains(&word.as_str()) {
                true => format!("flags of the server do not go with the command '{word}'"),
                false => unknown_word(&word),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let plain = argument.split(" <").next().unwrap_or_default();
            format!("{} is missing", plain.trim_matches(['<', '>', '[', ']']))
        }
        ErrorKind::InvalidValue | ErrorKind::TooFewValues => {
            format!("option '{name}' requires an argument")
        }
        ErrorKind::TooManyValues => format!("option '{name}' takes no argument"),
        _ => "the arguments are not understood".to_owned(),
    };
    ConfigError::usage(format_args!(
        "{what}\n  = twincached -h lists flags and commands"
    ))
}

fn unknown_flag(name: &str) -> String {
    let long = name.trim_start_matches('-');
    let known = || {
        FLAGS
            .iter()
            .map(|flag| flag.long)
            .filter(|long| !long.is_empty())
    };
    let begin_so: Vec<_> = known().filter(|known| known.starts_with(long)).collect();
    if !long.is_empty() && begin_so.len() > 1 {
        return format!("option '{name}' is ambiguous: --{}", begin_so.join(", --"));
    }
    match nearest(long, known()) {
        Some(meant) => format!("unrecognized option '{name}', did you mean '--{meant}'?"),
        None => format!("unrecognized option '{name}'"),
    }
}

fn unknown_word(word: &str) -> String {
    match nearest(word, commands::NAMES.iter().copied()) {
        Some(meant) => format!("unknown command '{word}', did you mean '{meant}'?"),
        None => format!("unexpected argument '{word}'"),
    }
}
