//! What both hosts hold at any time, whether a client asks for it or not: a copy on the standby that
//! lives too long, or that has come back, is a fault before a failover shows it.

use twincached::command::Read;

use super::super::model::Shown;
use super::super::world::{MS, World};

/// How often it is looked.
const LOOK_INTERVAL: u64 = 250 * MS;
/// Keys that are looked at, at most: those of the first clients.
const KEYS_MAX: usize = 64;

/// What was found of a key: by which process, after how many certain mutations, with which cas unique.
pub type Look = Option<(u64, usize, Option<u64>)>;

/// The last look at each key of each host.
pub struct Looked(pub [[Look; KEYS_MAX]; 2]);

impl Default for Looked {
    fn default() -> Looked {
        Looked([[None; KEYS_MAX]; 2])
    }
}

impl World {
    /// Every item on either host is one that the model allows there.
    pub(super) fn check_contents(&mut self) {
        if self.now % LOOK_INTERVAL >= 10 * MS {
            return;
        }
        for host in 0..2 {
            if !self.hosts[host].is_running() {
                continue;
            }
            let boot = self.hosts[host].boot();
            for key in 0..self.model.keys().min(KEYS_MAX) {
                let shown = self.held(host, key);
                let mortal = shown.as_ref().is_some_and(|one| one.life != Some(None));
                let cas = shown.as_ref().and_then(|shown| shown.cas);
                let look = Some((boot, self.model.certain(key, boot), cas));
                if !mortal && self.checks.looked.0[host][key] == look {
                    // As before: what more is possible since then makes nothing wrong.
                    continue;
                }
                self.checks.looked.0[host][key] = look;
                let read = self.model.read(key, self.now);
                if let Err(violation) = self.model.shown(&read, boot, shown.as_ref(), self.now) {
                    self.checks
                        .report(format!("host {host} holds it: {violation}"));
                }
            }
        }
    }

    /// What a running host holds of a key of the model.
    fn held(&self, host: usize, key: usize) -> Option<Shown> {
        let now = self.local(host);
        let process = self.hosts[host].process.as_ref()?;
        let key = format!("key{key}");
        let read = Read {
            bump: false,
            ..Read::of(key.as_bytes())
        };
        let (shown, _ticket) = process.store.read(now, &read, |item| {
            item.map(|item| Shown {
                value: Some(item.value.to_vec()),
                flags: Some(item.flags),
                cas: Some(item.cas),
                stale: Some(item.stale),
                life: Some(item.ttl.map(u64::from)),
            })
        });
        shown
    }
}
