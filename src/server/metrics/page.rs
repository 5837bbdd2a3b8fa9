//! The text format: a help line, a type line, then the samples of that name.

use std::fmt::{Display, Write};

/// A page that grows. Names are given without `twincached_`.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub fn text(self) -> String {
        self.0
    }

    /// 1, with the version as a label: how Prometheus has texts.
    pub fn build_info(&mut self, version: &str) {
        self.head("build_info", "The program.", "gauge");
        self.sample("build_info", &format!("{{version=\"{version}\"}}"), 1);
    }

    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.sample(name, "", value);
    }

    pub fn flag(&mut self, name: &str, help: &str, is: bool) {
        self.gauge(name, help, f64::from(u8::from(is)));
    }

    pub fn seconds(&mut self, name: &str, help: &str, ms: u64) {
        self.gauge(name, help, ms as f64 / 1000.0);
    }

    /// The name ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, count: u64) {
        self.head(name, help, "counter");
        self.sample(name, "", count);
    }

    /// The name ends in `_seconds_total`.
    pub fn seconds_total(&mut self, name: &str, help: &str, ms: u64) {
        self.head(name, help, "counter");
        self.sample(name, "", ms as f64 / 1000.0);
    }

    /// One sample for each value of a label.
    pub fn counter_by<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: impl Iterator<Item = (&'a str, u64)>,
    ) {
        self.head(name, help, "counter");
        for (value, count) in counts {
            self.sample(name, &format!("{{{label}=\"{value}\"}}"), count);
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let head = format!("# HELP twincached_{name} {help}\n# TYPE twincached_{name} {kind}");
        writeln!(self.0, "{head}").expect("a String takes everything");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        writeln!(self.0, "twincached_{name}{labels} {value}").expect("a String takes everything");
    }
}
