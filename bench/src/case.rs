//! The cases: what is asked for, how, and by how many.

use std::fmt;

use crate::server::Kind;
use crate::wire::Protocol;

/// Keys of one multi-get.
pub const MULTI_GET_KEYS: usize = 50;
/// Requests of one burst where requests are pipelined.
const PIPELINE: usize = 16;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// One key.
    Get,
    /// One key.
    Set,
    /// [`MULTI_GET_KEYS`] keys in one request, each of which counts as an operation.
    MultiGet,
    /// Nine gets to one set, the keys drawn by Zipf's law.
    Mixed,
}

/// One row of the tables.
#[derive(Clone, Debug)]
pub struct Case {
    pub operation: Operation,
    pub protocol: Protocol,
    /// Requests sent at once; the next ones follow when all are answered.
    pub pipeline: usize,
    pub value_bytes: usize,
    pub connections: usize,
    /// What runs in twincached's place: itself, or a pair of it.
    pub ours: Kind,
    /// The design's goal for the ratio of operations per second.
    pub goal: Option<f64>,
}

impl Case {
    const fn new(operation: Operation, pipeline: usize, goal: Option<f64>) -> Case {
        Case {
            operation,
            protocol: Protocol::Text,
            pipeline,
            value_bytes: 1024,
            connections: 50,
            ours: Kind::Twincached,
            goal,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.operation {
            Operation::Get => "get",
            Operation::Set => "set",
            Operation::MultiGet => "get 50 keys",
            Operation::Mixed => "mixed 9:1",
        };
        let protocol = match self.protocol {
            Protocol::Text => "",
            Protocol::Binary => "binary ",
        };
        write!(f, "{protocol}{operation}")?;
        match self.pipeline {
            1 if self.operation == Operation::MultiGet => {}
            1 => f.write_str(", one at a time")?,
            depth => write!(f, ", {depth} pipelined")?,
        }
        match self.value_bytes {
            bytes if bytes % 1024 == 0 => write!(f, ", {} KiB", bytes / 1024)?,
            bytes => write!(f, ", {bytes} B")?,
        }
        write!(f, ", {} connections", self.connections)?;
        match self.ours {
            Kind::Memcached | Kind::Twincached => Ok(()),
            Kind::PairLocal => f.write_str("; peer in sync, acknowledge: local"),
            Kind::PairPeer => f.write_str("; peer in sync, acknowledge: peer"),
        }
    }
}

/// The rows of the design, or every combination and the pair's rows.
pub fn selected(full: bool) -> Vec<Case> {
    let mut cases = if full { matrix() } else { rows_of_the_design() };
    for (ours, goal) in [(Kind::PairLocal, 0.9), (Kind::PairPeer, 0.6)] {
        cases.push(Case {
            ours,
            ..Case::new(Operation::Set, 1, Some(goal))
        });
    }
    cases
}

fn rows_of_the_design() -> Vec<Case> {
    vec![
        Case::new(Operation::Get, 1, Some(1.15)),
        Case::new(Operation::Get, PIPELINE, Some(2.0)),
        Case::new(Operation::MultiGet, 1, Some(1.5)),
        Case::new(Operation::Set, 1, Some(1.15)),
    ]
}

fn matrix() -> Vec<Case> {
    let goals = rows_of_the_design();
    let goal = |case: &Case| {
        let name = case.to_string();
        let row = goals.iter().find(|row| row.to_string() == name);
        row.and_then(|row| row.goal)
    };
    let mut cases = Vec::new();
    for protocol in [Protocol::Text, Protocol::Binary] {
        for value_bytes in [100, 1024, 16 * 1024] {
            for connections in [1, 50, 1000] {
                for (operation, pipeline) in shapes() {
                    let mut case = Case {
                        protocol,
                        value_bytes,
                        connections,
                        ..Case::new(operation, pipeline, None)
                    };
                    case.goal = goal(&case);
                    cases.push(case);
                }
            }
        }
    }
    cases
}

/// A multi-get is a pipeline of its own, so it is not pipelined once more.
fn shapes() -> impl Iterator<Item = (Operation, usize)> {
    let single = [Operation::Get, Operation::Set, Operation::Mixed];
    let pipelines = [1, PIPELINE];
    single
        .into_iter()
        .flat_map(move |operation| pipelines.map(|pipeline| (operation, pipeline)))
        .chain([(Operation::MultiGet, 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_has_every_combination_once() {
        let mut names: Vec<String> = selected(true).iter().map(Case::to_string).collect();
        assert_eq!(names.len(), 128);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 128);
    }

    #[test]
    fn a_case_names_all_that_distinguishes_it() {
        let case = &selected(false)[1];
        assert_eq!(case.to_string(), "get, 16 pipelined, 1 KiB, 50 connections");
    }

    #[test]
    fn the_goals_of_the_design_stand_in_the_matrix_too() {
        let with_goal = selected(true)
            .iter()
            .filter(|case| case.goal.is_some())
            .count();
        assert_eq!(with_goal, 6);
    }
}
