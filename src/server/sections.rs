//! `stats replication` and `stats vrrp`: the published status as names and values.

use serde_json::Value;

use super::shared::Shared;

/// The named section, empty where it does not exist here.
pub fn section(shared: &Shared, name: &str) -> Vec<(String, String)> {
    let status = shared.status.lock();
    let Some(status) = status.as_ref() else {
        return Vec::new();
    };
    let value = match name {
        "replication" => serde_json::to_value(&status.replication),
        "vrrp" => serde_json::to_value(&status.vrrp),
        _ => return Vec::new(),
    };
    let mut lines = Vec::new();
    flatten("", &value.unwrap_or_default(), &mut lines);
    lines
}

fn flatten(prefix: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}:{name}")
                };
                flatten(&name, value, lines);
            }
        }
        Value::Array(values) => {
            let words: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            lines.push((prefix.to_owned(), words.join(" ")));
        }
        Value::String(text) => lines.push((prefix.to_owned(), text.clone())),
        Value::Null => {}
        Value::Bool(yes) => {
            lines.push((
                prefix.to_owned(),
                if *yes { "yes" } else { "no" }.to_owned(),
            ));
        }
        Value::Number(number) => lines.push((prefix.to_owned(), number.to_string())),
    }
}
