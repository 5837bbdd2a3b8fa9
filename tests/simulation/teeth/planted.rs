//! Which fault is planted: the environment variable `TOOTH` names it.

use std::sync::OnceLock;

/// Whether this fault is switched on.
pub fn planted(name: &str) -> bool {
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    NAME.get_or_init(|| std::env::var("TOOTH").ok()).as_deref() == Some(name)
}
