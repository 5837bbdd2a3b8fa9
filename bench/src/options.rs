//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

/// What `--help` prints.
pub const HELP: &str = "\
twincached-bench [OPTIONS]
  --quick               the rows of the design (the default, about three minutes)
  --full                the whole matrix and the pair (about an hour)
  --runs N              runs of each server per case (default 5)
  --seconds S           length of one measured run (default 1.5)
  --patience S          how long a run waits for both cores to be idle, and is repeated if other
                        processes disturbed it (default 5)
  --only TEXT           only cases and memory loads whose name contains TEXT
  --no-memory           leave the memory table out
  --without-memcached   run only twincached, for a profiler
  --twincached PATH     the binary (default: beside this one)
  --memcached PATH      the binary (default: memcached)
  --server-core N       all threads of the server run there (default 0)
  --load-core N         the load, and the peer of a pair, run there (default 1)
";

/// What was asked for.
pub enum Request {
    /// Measure.
    Run(Options),
    /// Print [`HELP`].
    Help,
}

/// How to measure.
pub struct Options {
    pub full: bool,
    pub runs: usize,
    pub run_time: Duration,
    pub patience: Duration,
    pub only: String,
    pub with_memory: bool,
    pub with_memcached: bool,
    pub twincached: PathBuf,
    pub memcached: PathBuf,
    pub cores: Cores,
}

/// Which cores do what.
#[derive(Clone, Copy)]
pub struct Cores {
    pub server: usize,
    pub load: usize,
}

/// Reads the command line; its first word is the program's name.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Request, lexopt::Error> {
    let mut options = Options {
        full: false,
        runs: 5,
        run_time: Duration::from_millis(1500),
        patience: Duration::from_secs(5),
        only: String::new(),
        with_memory: true,
        with_memcached: true,
        twincached: beside_this_program("twincached"),
        memcached: PathBuf::from("memcached"),
        cores: Cores { server: 0, load: 1 },
    };
    let mut parser = Parser::from_iter(words);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("quick") => options.full = false,
            Arg::Long("full") => options.full = true,
            Arg::Long("runs") => options.runs = parser.value()?.parse::<usize>()?.max(1),
            Arg::Long("seconds") => options.run_time = seconds(&mut parser)?,
            Arg::Long("patience") => options.patience = seconds(&mut parser)?,
            Arg::Long("only") => options.only = parser.value()?.string()?,
            Arg::Long("no-memory") => options.with_memory = false,
            Arg::Long("without-memcached") => options.with_memcached = false,
            Arg::Long("twincached") => options.twincached = parser.value()?.into(),
            Arg::Long("memcached") => options.memcached = parser.value()?.into(),
            Arg::Long("server-core") => options.cores.server = parser.value()?.parse()?,
            Arg::Long("load-core") => options.cores.load = parser.value()?.parse()?,
            Arg::Long("help") | Arg::Short('h') => return Ok(Request::Help),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Request::Run(options))
}

fn seconds(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    parser
        .value()?
        .parse_with(|text| match text.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        })
}

fn beside_this_program(name: &str) -> PathBuf {
    match std::env::current_exe() {
        Ok(path) => path.with_file_name(name),
        Err(_) => PathBuf::from(name),
    }
}
