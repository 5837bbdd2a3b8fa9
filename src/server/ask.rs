//! The commands that ask a running server: `twincached status` and `twincached failover`.
//!
//! Both are one request to the admin port. Nothing here shares state with the server: the answer
//! is what any other client of that port gets.

pub(super) mod http;
pub(super) mod report;
pub(super) mod summary;

use super::log;
use report::Report;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may take to tell its state. One that is frozen takes forever.
const STATUS_LIMIT: Duration = Duration::from_secs(3);

/// How long a server may take to decide on a handover. It answers before it has handed over.
const FAILOVER_LIMIT: Duration = Duration::from_secs(5);

/// Prints the state of the server whose admin port is `admin`, for people, or with `json` as the
/// server sent it.
///
/// The exit code is 0 when the server answers and serves clients, else 1.
pub fn status(admin: SocketAddr, json: bool) -> ExitCode {
    let answer = match http::request(admin, "GET", "/status", STATUS_LIMIT) {
        Ok(answer) => answer,
        Err(error) => return unreachable(admin, &error),
    };
    if answer.status == 503 {
        let why = answer.body.trim_end();
        return refused(format_args!("the server at {admin} cannot tell: {why}"));
    }
    let report = match Report::read(&answer.body) {
        Some(report) if answer.status == 200 => report,
        _ => return refused(format_args!("what answers at {admin} is not twincached")),
    };
    if json {
        log::print(format_args!("{}", answer.body.trim_end()));
    } else {
        log::print(format_args!("{}", summary::of(&report, admin).trim_end()));
    }
    if report.serving() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Makes the server whose admin port is `admin` hand the virtual address over to its peer; with
/// `force` also when the peer lacks changes, which are then missing until this host is back.
///
/// The exit code is 0 when the server does so, else 1.
pub fn failover(admin: SocketAddr, force: bool) -> ExitCode {
    let target = if force {
        "/failover?force=1"
    } else {
        "/failover"
    };
    match http::request(admin, "POST", target, FAILOVER_LIMIT) {
        Ok(answer) if answer.status == 200 => {
            log::print(format_args!("{}", answer.body.trim_end()));
            ExitCode::SUCCESS
        }
        Ok(answer) if answer.status == 409 => {
            refused(format_args!("not handed over: {}", answer.body.trim_end()))
        }
        Ok(answer) => refused(format_args!(
            "{admin} answers with HTTP status {}: {}",
            answer.status,
            answer.body.trim_end()
        )),
        Err(error) => unreachable(admin, &error),
    }
}

fn unreachable(admin: SocketAddr, error: &io::Error) -> ExitCode {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "no answer in time, the process or the host may hang".to_owned()
        }
        _ => error.to_string(),
    };
    refused(format_args!(
        "cannot reach the server at {admin}: {reason}\n  \
         = is it running (systemctl status twincached), with a section admin in its \
         configuration?\n  = --admin ADDR or --config FILE ask elsewhere"
    ))
}

fn refused(message: fmt::Arguments<'_>) -> ExitCode {
    log::tell(format_args!("twincached: {message}"));
    ExitCode::FAILURE
}
