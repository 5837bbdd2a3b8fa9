//! Parses the command line, runs what it asks for, and turns the result into an exit code.

use std::process::ExitCode;

use twincached::config::{self, ConfigError, Invocation};
use twincached::server;

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
                    .for_each(|warning| eprintln!("warning: {warning}"));
                println!("{}: the configuration is good", path.display());
                ExitCode::SUCCESS
            }
            Err(error) => refuse(&error),
        },
        Invocation::Clear(path) => match config::load(&path) {
            Ok(config) => server::leftover::clear(&config),
            Err(error) => refuse(&error),
        },
        Invocation::Status { admin, json } => server::ask::status(admin, json),
        Invocation::Failover { admin, force } => server::ask::failover(admin, force),
        Invocation::Demo(options) => server::demo::run(&options),
        Invocation::Guard(guard) => server::guard::run(&guard),
        Invocation::Help(text) | Invocation::Version(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
    }
}

fn refuse(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(error.exit_code())
}
