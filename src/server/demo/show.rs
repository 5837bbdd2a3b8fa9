//! The running demo: two nodes, the client that measures, and what the user sees of them.

use super::directory::{self, Directory};
use super::error::DemoError;
use super::node::{self, Node};
use super::plan::Plan;
use super::probe::{self, Probe};
use super::screen::Screen;
use super::seen::{Seen, TITLES};
use super::{End, words};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often the nodes are asked.
const LOOK: Duration = Duration::from_millis(100);

/// How often the table is drawn.
const DRAW: Duration = Duration::from_millis(500);

/// How long two nodes may take to become a pair. They need the join hold and a full copy of
/// nothing.
const READY: Duration = Duration::from_secs(30);

/// How long the nodes may take to leave in order. Nobody needs what they hold.
const LEAVE: Duration = Duration::from_secs(3);

/// Fields are dropped in this order, after the nodes have been ended.
pub(super) struct Show<'a> {
    plan: &'a Plan,
    end: &'a End,
    screen: Screen,
    probe: Option<Probe>,
    nodes: [Node; 2],
    seen: [Seen; 2],
    told: [String; 2],
    _directory: Directory,
}

impl<'a> Show<'a> {
    /// Starts the nodes and returns when they are a pair.
    pub(super) fn begin(plan: &'a Plan, end: &'a End) -> Result<Show<'a>, DemoError> {
        let directory = Directory::create()?;
        directory.write("secret", &directory::secret()?)?;
        let a = Node::start(plan, 0, &directory)?;
        let b = Node::start(plan, 1, &directory)?;
        let mut show = Show {
            plan,
            end,
            screen: Screen::new(),
            probe: None,
            nodes: [a, b],
            seen: [Seen::Starting, Seen::Starting],
            told: [(); 2].map(|()| Seen::Starting.sentence()),
            _directory: directory,
        };
        show.wait_until_ready()?;
        Ok(show)
    }

    /// Tells what to do and shows the nodes, for `length` or until a signal.
    pub(super) fn go_on(mut self, length: Option<Duration>) -> Result<(), DemoError> {
        let text = words::instructions(self.plan, &self.nodes, self.master());
        self.screen.print(&text)?;
        if self.plan.virtual_network.is_some() {
            self.probe = Some(Probe::start(self.plan.client_address()));
        }
        let started = Instant::now();
        let mut drawn: Option<Instant> = None;
        while length.is_none_or(|length| started.elapsed() < length) {
            self.end.check()?;
            self.tend()?;
            self.look()?;
            self.listen()?;
            if drawn.is_none_or(|at| at.elapsed() >= DRAW) {
                drawn = Some(Instant::now());
                self.draw()?;
            }
            sleep(LOOK);
        }
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<(), DemoError> {
        self.screen
            .note("two nodes start and look for each other")?;
        let deadline = Instant::now() + READY;
        while !self.is_ready() {
            self.end.check()?;
            for node in &mut self.nodes {
                if let Some(node::Change::Ended(how)) = node.tend(Instant::now()) {
                    return Err(DemoError::Failed(format!(
                        "node {} {how}. Its log ends with:\n{}",
                        node.host.name,
                        node.log_tail()
                    )));
                }
            }
            if Instant::now() > deadline {
                return Err(self.not_ready());
            }
            sleep(LOOK);
            self.look()?;
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let has_master = self.plan.virtual_network.is_none() || self.master().is_some();
        has_master && self.seen.iter().all(Seen::is_in_sync)
    }

    fn not_ready(&self) -> DemoError {
        let mut text = format!("no pair after {} seconds.", READY.as_secs());
        for (node, seen) in self.nodes.iter().zip(&self.seen) {
            text.push_str(&format!(
                "\nNode {} {}. Its log ends with:\n{}",
                node.host.name,
                seen.sentence(),
                node.log_tail()
            ));
        }
        DemoError::Failed(text)
    }

    /// The node with the address.
    fn master(&self) -> Option<usize> {
        self.seen.iter().position(Seen::is_master)
    }

    /// Notices ended processes and starts them again.
    fn tend(&mut self) -> Result<(), DemoError> {
        for (node, told) in self.nodes.iter_mut().zip(&mut self.told) {
            let Some(change) = node.tend(Instant::now()) else {
                continue;
            };
            let rest = node::REST.as_secs();
            let what = match change {
                node::Change::Ended(how) => {
                    // Said already, so that the next look does not say it in other words.
                    *told = Seen::Ended.sentence();
                    format!("{how}; starts again in {rest} s")
                }
                node::Change::Restarted(pid) => {
                    *told = Seen::Starting.sentence();
                    format!("is started again, pid {pid}")
                }
                node::Change::NotRestarted(reason) => {
                    format!("cannot be started ({reason}); next attempt in {rest} s")
                }
            };
            self.screen.note(&format!("{}  {what}", node.host.name))?;
        }
        Ok(())
    }

    /// Asks both nodes and tells what has changed.
    fn look(&mut self) -> Result<(), DemoError> {
        for (index, node) in self.nodes.iter().enumerate() {
            let seen = Seen::look(node);
            let sentence = seen.sentence();
            if sentence != self.told[index] {
                let pid = node.pid().filter(|_| seen.is_master());
                let pid = pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
                self.screen
                    .note(&format!("{}  {sentence}{pid}", node.host.name))?;
                self.told[index] = sentence;
            }
            self.seen[index] = seen;
        }
        Ok(())
    }

    /// Tells what the client of the virtual address noticed.
    fn listen(&mut self) -> Result<(), DemoError> {
        let client = self.plan.client_address();
        while let Some(change) = self.probe.as_ref().and_then(Probe::change) {
            let what = match change {
                probe::Change::Answers => "answers".to_owned(),
                probe::Change::Lost => "does not answer".to_owned(),
                probe::Change::Back(after) => {
                    let ms = after.as_millis();
                    format!(
                        "answers again, {}.{:03} s after its last answer",
                        ms / 1000,
                        ms % 1000
                    )
                }
            };
            self.screen.note(&format!("{client} {what}"))?;
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), DemoError> {
        let mut table = vec![String::new(), TITLES.to_owned()];
        for (node, seen) in self.nodes.iter().zip(&self.seen) {
            table.push(seen.row(node));
        }
        if self.plan.virtual_network.is_some() {
            table.push(String::new());
            table.push(words::advice(&self.nodes, self.master()));
        }
        self.screen.draw(&table)
    }
}

impl Drop for Show<'_> {
    fn drop(&mut self) {
        let deadline = Instant::now() + LEAVE;
        for node in &self.nodes {
            node.ask_to_end();
        }
        for node in &mut self.nodes {
            node.end(deadline);
        }
    }
}
