//! Flushes that only one process certainly knows: its peer learns of them when they meet, and loses
//! what it stored before them, however many answers it has given meanwhile.

/// A flush that one process knows, or nobody knows which.
struct Loose {
    holder: Option<u64>,
    /// Processes that it has reached since.
    reached: Vec<u64>,
}

/// All of them.
#[derive(Default)]
pub struct LooseFlushes(Vec<Loose>);

impl LooseFlushes {
    pub fn add(&mut self, holder: Option<u64>) {
        let reached = Vec::new();
        self.0.push(Loose { holder, reached });
    }

    /// Whether one may still come to this process.
    pub fn may_reach(&self, boot: u64) -> bool {
        let may = |loose: &Loose| loose.holder != Some(boot) && !loose.reached.contains(&boot);
        self.0.iter().any(may)
    }

    /// `to` has everything of `from`, and is connected to nobody else. True if that may have
    /// brought a flush. `live` are the processes that run.
    pub fn reach(&mut self, from: u64, to: u64, live: &[u64]) -> bool {
        let mut came = false;
        for loose in &mut self.0 {
            let elsewhere = |holder: u64| holder != from && live.contains(&holder);
            let done = loose.holder == Some(to) || loose.reached.contains(&to);
            if !done && !loose.holder.is_some_and(elsewhere) {
                loose.reached.push(to);
                came = true;
            }
        }
        self.0.retain(|loose| {
            let served = |boot: &u64| loose.holder == Some(*boot) || loose.reached.contains(boot);
            !live.iter().all(served)
        });
        came
    }
}
