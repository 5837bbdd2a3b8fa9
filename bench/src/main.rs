//! Compares twincached with Debian's memcached on this machine: speed, latency, CPU and memory.
//!
//! One server runs at a time, with one worker thread, all its threads on one core; the load comes
//! from one thread on another core, over loopback. Every answer is checked, so a server cannot win
//! by answering wrongly. The runs of the two servers alternate and the tables show medians.
//!
//! `wire` knows requests and answers, `workload` what is asked for, `load` moves the bytes,
//! `server` starts and ends processes, `machine` reads what the kernel counts, `speed`, `copy` and
//! `memory` make the measurements, `report` the tables.

mod case;
mod copy;
mod error;
mod load;
mod machine;
mod memory;
mod options;
mod report;
mod server;
mod speed;
mod wire;
mod workload;

use std::process::ExitCode;

use error::Failure;
use options::{Options, Request};

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os()) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("twincached-bench: {error}; --help lists the options");
            return ExitCode::from(64);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("twincached-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    machine::raise_descriptor_limit();
    machine::pin(options.cores.load)?;
    print!("{}", report::head(options)?);
    let cases = case::selected(options.full);
    let speeds = speed::measure(options, &cases)?;
    if !speeds.is_empty() {
        print!("\n{}", report::speeds(&speeds));
        print!("\n{}", report::latencies(&speeds));
        print!("\n{}", report::loads(&speeds));
    }
    if let Some(copied) = copy::measure(options)? {
        print!("\n{}", report::copied(&copied));
    }
    let footprints = memory::measure(options)?;
    if !footprints.is_empty() {
        print!("\n{}", report::footprints(&footprints));
    }
    Ok(())
}
