//! `twincached demo`: a complete pair on this machine, to try a failover by hand.
//!
//! ```text
//!   this shell         twincached-demo-switch      twincached-demo-a, -b
//!   twincached-demo ───────── bridge ──────────── eth0   eth0   twincached --config a.yaml, b.yaml
//!      .254                                        .1     .2    and .100 on the one that is MASTER
//! ```
//!
//! The bridge stands in a namespace of its own rather than in this one, so that packet filters of
//! the host (such as those that container engines install for bridges) cannot come between the
//! hosts. Without the privilege for namespaces the pair runs on 127.0.0.1 and 127.0.0.2, without
//! a virtual address.
//!
//! The servers are this same binary, started as children; a node that ends is started again after
//! [`node::REST`]. Everything is removed when [`run`] returns, also after a failure, a panic,
//! SIGINT, SIGTERM and SIGHUP. After SIGKILL the kernel ends the servers, and the next demo removes
//! the rest by its name; a lock tells it from a demo that is alive.
//!
//! The environment variable `TWINCACHED_DEMO_SECONDS` ends the demo by itself so many seconds after
//! the pair is ready. Tests use it.

mod directory;
mod error;
mod ip;
mod lock;
mod network;
mod node;
mod plan;
mod probe;
mod screen;
mod seen;
mod show;
mod words;

use super::log;
use crate::config::DemoOptions;
use error::DemoError;
use ip::Ip;
use lock::Lock;
use network::Network;
use plan::Plan;
use show::Show;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Runs the demo until a signal ends it.
///
/// The exit code is 0 when it was ended so or by `TWINCACHED_DEMO_SECONDS`, else 1, with the reason
/// on standard error.
pub fn run(options: &DemoOptions) -> ExitCode {
    match play(options) {
        Ok(()) | Err(DemoError::Ended) => ExitCode::SUCCESS,
        Err(DemoError::Denied(reason) | DemoError::Failed(reason)) => {
            log::tell(format_args!("twincached demo: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn play(options: &DemoOptions) -> Result<(), DemoError> {
    let end = End::listen()?;
    let length = length()?;
    match Stage::build(options, &end) {
        Ok(stage) => Show::begin(&stage.plan, &end)?.go_on(length),
        Err(DemoError::Denied(reason)) => {
            let plan = Plan::on_loopback()?;
            // Nobody may be reading; the display notices that by itself.
            let _ = writeln!(io::stdout(), "{}", words::without_namespaces(&reason));
            Show::begin(&plan, &end)?.go_on(length)
        }
        Err(error) => Err(error),
    }
}

/// The network of the demo in namespaces. Fields are dropped in this order.
struct Stage {
    plan: Plan,
    _network: Network,
    _lock: Lock,
}

impl Stage {
    /// Removes what an earlier demo left behind and builds anew.
    fn build(options: &DemoOptions, end: &End) -> Result<Stage, DemoError> {
        if !rustix::process::geteuid().is_root() {
            let reason = "network namespaces need root";
            return Err(DemoError::Denied(reason.to_owned()));
        }
        let lock = Lock::take()?;
        let ip = Ip::find()?;
        network::remove(&ip);
        ip.refuse_used_network(options.network)?;
        let plan = Plan::in_namespaces(options);
        let network = Network::build(ip, &plan, end)?;
        Ok(Stage {
            plan,
            _network: network,
            _lock: lock,
        })
    }
}

/// The wish of the user to end the demo.
struct End(Arc<AtomicBool>);

impl End {
    fn listen() -> Result<End, DemoError> {
        let wanted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, wanted.clone())
                .map_err(|error| DemoError::failed("cannot wait for signals", &error))?;
        }
        Ok(End(wanted))
    }

    /// Succeeds while nobody wants the end.
    fn check(&self) -> Result<(), DemoError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(DemoError::Ended);
        }
        Ok(())
    }
}

/// How long the demo lasts once the pair is ready, if not until a signal.
fn length() -> Result<Option<Duration>, DemoError> {
    let Some(text) = std::env::var_os("TWINCACHED_DEMO_SECONDS") else {
        return Ok(None);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    let wrong = || DemoError::Failed("TWINCACHED_DEMO_SECONDS is no number of seconds".to_owned());
    seconds
        .map(|seconds| Some(Duration::from_secs(seconds)))
        .ok_or_else(wrong)
}
