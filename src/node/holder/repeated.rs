//! Log lines that anybody on the LAN can cause, as often as he can send: each kind is told at once,
//! and then once a minute with the count of what was left out.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use vrrp::packet::Rejection;
use vrrp::time::Instant;

use crate::seldom::Seldom;

/// One of each kind.
#[derive(Default)]
pub(super) struct Repeated {
    /// By reason: a wrong password is told also where something else comes in masses.
    rejected: HashMap<Discriminant<Rejection>, Seldom>,
    pub differs: Seldom,
    pub third: Seldom,
    pub contradicted: Seldom,
    pub leaves: Seldom,
    pub is_master: Seldom,
}

impl Repeated {
    /// As [`Seldom::happened`].
    pub fn rejected(&mut self, now: Instant, rejection: &Rejection) -> Option<u64> {
        let kind = self.rejected.entry(discriminant(rejection)).or_default();
        kind.happened(now)
    }
}

/// For the end of such a line.
pub(super) fn times(count: u64) -> String {
    match count {
        1 => String::new(),
        count => format!(" ({count} times since this was last said)"),
    }
}
