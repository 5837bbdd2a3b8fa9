//! Parses the command line, runs what it asks for, and turns the result into an exit code.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use twincached::config::{self, ConfigError, Invocation};
use twincached::server::{self, log};

fn main() -> ExitCode {
    match config::parse(std::env::args_os()) {
        Ok(invocation) => run(invocation),
        Err(error) => refuse(&error),
    }
}

fn run(invocation: Invocation) -> ExitCode {
    match invocation {
        Invocation::Serve(config) => server::daemon::run(*config),
        Invocation::Check(path) => match config::load(&path) {
            Ok(config) => {
                config
                    .warnings
                    .iter()
                    .chain(&server::check::warnings(&config))
                    .for_each(|warning| log::tell(format_args!("warning: {warning}")));
                log::print(format_args!(
                    "{}: the configuration is good",
                    path.display()
                ));
                ExitCode::SUCCESS
            }
            Err(error) => refuse(&error),
        },
        Invocation::Clear(path) => match config::load_without_link(&path) {
            Ok(config) => server::leftover::clear(&config),
            Err(error) => refuse(&error),
        },
        Invocation::Status { admin, json } => server::ask::status(admin, json),
        Invocation::Failover { admin, force } => server::ask::failover(admin, force),
        Invocation::Demo(options) => server::demo::run(&options),
        Invocation::Guard(guard) => server::guard::run(&guard),
        Invocation::Help(text) | Invocation::Version(text) => {
            log::print(format_args!("{text}"));
            ExitCode::SUCCESS
        }
    }
}

fn refuse(error: &ConfigError) -> ExitCode {
    log::tell(format_args!("{error}"));
    ExitCode::from(error.exit_code())
}
