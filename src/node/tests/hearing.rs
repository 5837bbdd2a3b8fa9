//! What the log says of advertisements that do not arrive.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::fmt;

use super::twins::Twins;
use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged meanwhile.
fn logged(work: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, work);
    let text = log.0.lock();
    String::from_utf8_lossy(&text).into_owned()
}

/// Steps of 50 ms in which the link, the LAN or neither work.
fn pass(twins: &mut Twins, from: u64, to: u64, link: bool, lan: bool) {
    for millis in (from..=to).step_by(50) {
        for node in &mut twins.nodes {
            node.set_workers_at(at(millis));
            node.handle_timeout(at(millis));
        }
        if link {
            twins.talk(millis);
        }
        if lan {
            twins.deliver(millis);
        }
    }
}

const UNHEARD: &str = "none of its advertisements arrive";
const AGAIN: &str = "arrive again";

#[test]
fn advertisements_that_arrive_again_are_told() {
    let mut twins = Twins::in_sync();
    let log = logged(|| pass(&mut twins, 6_050, 11_000, true, false));
    assert!(log.contains(UNHEARD) && !log.contains(AGAIN), "{log}");
    let log = logged(|| pass(&mut twins, 11_050, 14_000, true, true));
    assert!(log.contains(AGAIN), "{log}");
}

#[test]
fn a_link_that_breaks_too_brings_no_advertisement_back() {
    let mut twins = Twins::in_sync();
    let log = logged(|| pass(&mut twins, 6_050, 11_000, true, false));
    assert!(log.contains(UNHEARD), "{log}");
    let log = logged(|| pass(&mut twins, 11_050, 12_500, false, false));
    assert!(!log.contains(AGAIN), "{log}");
    assert!(!twins.nodes[1].holder.master_is_unheard());
}
