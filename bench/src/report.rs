//! The tables, in Markdown.

use std::fmt::Write;
use std::process::Command;

use crate::copy::{self, REQUESTS_PER_SECOND, Rate};
use crate::error::{Doing, Failure};
use crate::machine;
use crate::memory::{self, Footprint, LIMIT_MIB};
use crate::options::Options;
use crate::speed::{self, OTHERS_MAX, Speed};

/// The server counts as fully loaded from here on.
const FULL_LOAD: f64 = 0.95;

/// What was compared, and on what.
pub fn head(options: &Options) -> Result<String, Failure> {
    let version = |program: &std::path::Path| {
        let output = Command::new(program).arg("-V").output();
        let output = output.doing(&format!("starting {}", program.display()))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let memcached = match options.with_memcached {
        true => version(&options.memcached)?,
        false => "no memcached".to_owned(),
    };
    Ok(format!(
        "{} and {memcached}, one worker thread each, server on core {}, load on core {}; \
         medians of {} runs of {} ms; {}\n",
        version(&options.twincached)?,
        options.cores.server,
        options.cores.load,
        options.runs,
        options.run_time.as_millis(),
        machine::description(),
    ))
}

/// Operations and CPU time.
pub fn speeds(rows: &[speed::Row]) -> String {
    let mut table = heading(
        "case",
        &[
            "memcached ops/s",
            "twincached ops/s",
            "ratio",
            "goal",
            "memcached user + sys us/op",
            "twincached user + sys us/op",
            "operations per CPU second, ratio",
        ],
    );
    for row in rows {
        let theirs = row.memcached.as_ref();
        let ours = &row.ours;
        line(
            &mut table,
            &row.case.to_string(),
            &[
                theirs.map_or_else(absent, |speed| format!("{:.0}", speed.operations)),
                format!("{:.0}", ours.operations),
                theirs.map_or_else(absent, |theirs| {
                    format!("{:.2}", ours.operations / theirs.operations)
                }),
                row.case.goal.map_or_else(absent, |goal| format!("{goal}")),
                theirs.map_or_else(absent, cpu),
                cpu(ours),
                theirs.map_or_else(absent, |theirs| {
                    let (theirs, ours) = (theirs.user + theirs.system, ours.user + ours.system);
                    format!("{:.2}", theirs / ours)
                }),
            ],
        );
    }
    table
}

/// Latency of requests.
pub fn latencies(rows: &[speed::Row]) -> String {
    let mut table = heading(
        "latency in us",
        &[
            "memcached p50 / p99 / p99.9",
            "twincached p50 / p99 / p99.9",
        ],
    );
    for row in rows {
        let theirs = row.memcached.as_ref().map_or_else(absent, latency);
        line(
            &mut table,
            &row.case.to_string(),
            &[theirs, latency(&row.ours)],
        );
    }
    table
}

/// How far the figures can be trusted.
pub fn loads(rows: &[speed::Row]) -> String {
    let mut table = heading(
        "% of a core: server + others on its core, load + others on its core; spread of runs",
        &["memcached", "twincached", "remark"],
    );
    for row in rows {
        let theirs = row.memcached.as_ref();
        let both = theirs.into_iter().chain([&row.ours]);
        line(
            &mut table,
            &row.case.to_string(),
            &[
                theirs.map_or_else(absent, trust),
                trust(&row.ours),
                remark(both).to_owned(),
            ],
        );
    }
    table
}

/// The copy, and what a client noticed of it.
pub fn copied(row: &copy::Row) -> String {
    let mut table = heading(
        "MiB/s",
        &[
            "wall clock, one core of each side",
            "per CPU second of the sender",
            "of the receiver",
            "goal",
        ],
    );
    let cells =
        |rate: &Rate| [rate.wall, rate.sender, rate.receiver].map(|mib| format!("{mib:.0}"));
    let goal = format!("{:.0}", copy::GOAL.min(row.loopback.wall));
    let beside = format!("the same beside a client of {REQUESTS_PER_SECOND} requests/s");
    let rates = [
        (row.name, &row.copy, goal),
        (beside.as_str(), &row.beside_client, absent()),
        (
            "the same bytes over a plain connection",
            &row.loopback,
            absent(),
        ),
    ];
    for (name, rate, goal) in rates {
        let cells = cells(rate).into_iter().chain([goal]);
        line(&mut table, name, &cells.collect::<Vec<_>>());
    }
    table.push('\n');
    table + &copy_latency(row)
}

fn copy_latency(row: &copy::Row) -> String {
    let mut table = heading(
        &format!("a client of the sender, {REQUESTS_PER_SECOND} requests/s, us"),
        &[
            "undisturbed",
            "during a full copy",
            "ratio",
            "goal",
            "remark",
        ],
    );
    let remark = match row.client_is_first {
        true => "",
        false => "the client shared its core with the receiver as equals (root avoids that)",
    };
    let [undisturbed, disturbed, ratios] = row.latencies;
    for (number, percent) in copy::PERCENTILES.iter().enumerate() {
        let is_last = number + 1 == copy::PERCENTILES.len();
        line(
            &mut table,
            &format!("p{percent}"),
            &[
                format!("{:.0}", undisturbed[number]),
                format!("{:.0}", disturbed[number]),
                format!("{:.2}", ratios[number]),
                match is_last {
                    true => format!("< {}", copy::LATENCY_GOAL),
                    false => "-".to_owned(),
                },
                remark.to_owned(),
            ],
        );
    }
    table
}

/// User bytes per resident byte.
pub fn footprints(rows: &[memory::Row]) -> String {
    let mut table = heading(
        &format!("memory, limit {LIMIT_MIB} MiB"),
        &[
            "server",
            "items",
            "user MiB",
            "older items, MiB",
            "resident MiB",
            "user / resident",
            "goal",
        ],
    );
    for row in rows {
        let servers = [
            ("memcached", row.memcached.as_ref()),
            ("twincached", Some(&row.ours)),
        ];
        for (server, footprint) in servers {
            if let Some(footprint) = footprint {
                footprint_line(&mut table, row, server, footprint);
            }
        }
    }
    table
}

fn footprint_line(table: &mut String, row: &memory::Row, server: &str, footprint: &Footprint) {
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    line(
        table,
        row.name,
        &[
            server.to_owned(),
            footprint.items.to_string(),
            mib(footprint.user_bytes),
            mib(footprint.earlier_bytes),
            mib(footprint.resident_bytes),
            format!("{:.2}", footprint.ratio()),
            format!("{}", row.goal),
        ],
    );
}

fn heading(first: &str, others: &[&str]) -> String {
    let mut table = String::new();
    let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
    line(&mut table, first, &others);
    table.push_str("|---|");
    others.iter().for_each(|_| table.push_str("--:|"));
    table.push('\n');
    table
}

fn line(table: &mut String, first: &str, others: &[String]) {
    // Writing to a string cannot fail.
    let _written = writeln!(table, "| {first} | {} |", others.join(" | "));
}

fn absent() -> String {
    "-".to_owned()
}

fn cpu(speed: &Speed) -> String {
    format!("{:.2} + {:.2}", speed.user, speed.system)
}

fn latency(speed: &Speed) -> String {
    speed.latency.map(|us| format!("{us:.0}")).join(" / ")
}

fn trust(speed: &Speed) -> String {
    let percent = |share: f64| format!("{:.0}", share * 100.0);
    format!(
        "{} + {}, {} + {}; {}",
        percent(speed.server_load),
        percent(speed.others[0]),
        percent(speed.generator_load),
        percent(speed.others[1]),
        percent(speed.spread),
    )
}

/// With a server idle in part, operations per second tell of the load as much as of the server.
fn remark<'a>(mut speeds: impl Iterator<Item = &'a Speed> + Clone) -> &'static str {
    let is_idle = |speed: &Speed| speed.server_load + speed.others[0] < FULL_LOAD;
    let is_disturbed = |speed: &Speed| speed.others[0] > OTHERS_MAX;
    if speeds.clone().any(is_disturbed) {
        "disturbed: compare CPU time"
    } else if speeds.any(is_idle) {
        "server not fully loaded: compare CPU time"
    } else {
        ""
    }
}
