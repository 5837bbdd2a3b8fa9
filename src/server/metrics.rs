//! `/metrics` in the Prometheus text format.

use std::fmt::Write;

use serde_json::Value;

use super::shared::Shared;
use crate::connection::Facts;

/// Every number and boolean of the status, and the store's counts.
pub(super) fn text(shared: &Shared) -> String {
    let mut out = String::new();
    let status = shared.status.lock().clone();
    if let Some(Ok(Value::Object(parts))) = status.map(serde_json::to_value) {
        for (part, value) in &parts {
            numbers(&format!("twincached_{part}"), value, &mut out);
        }
    }
    let counters = shared.store.statistics().counters;
    let counts = [
        ("get_hits", counters.get_hits),
        ("get_misses", counters.get_misses),
        ("stores", counters.cmd_set),
        ("touches", counters.cmd_touch),
        ("evictions", counters.evictions),
        ("expired", counters.reclaimed),
        (
            "connections_accepted",
            Facts::of(&shared.facts.total_connections),
        ),
        ("bytes_read", Facts::of(&shared.facts.bytes_read)),
        ("bytes_written", Facts::of(&shared.facts.bytes_written)),
    ];
    for (name, count) in counts {
        line(&format!("twincached_{name}_total"), count as f64, &mut out);
    }
    line(
        "twincached_connections",
        Facts::of(&shared.facts.curr_connections) as f64,
        &mut out,
    );
    out
}

fn numbers(prefix: &str, value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                numbers(&format!("{prefix}_{name}"), value, out);
            }
        }
        Value::Bool(yes) => line(prefix, f64::from(u8::from(*yes)), out),
        Value::Number(number) => line(prefix, number.as_f64().unwrap_or(0.0), out),
        Value::String(state) if prefix == "twincached_vrrp_state" => {
            line(
                "twincached_vrrp_master",
                f64::from(u8::from(state == "MASTER")),
                out,
            );
        }
        Value::String(_) | Value::Array(_) | Value::Null => {}
    }
}

fn line(name: &str, value: f64, out: &mut String) {
    writeln!(out, "{name} {value}").expect("a String takes everything");
}
