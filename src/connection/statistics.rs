//! stats
use super::Context;
use crate::protocol::Reply;
use vrrp::time::Instant;
pub(super) fn answer(_: Instant, _: &Context<'_>, _: &[u8], reply: &Reply<'_>, out: &mut Vec<u8>) {
    reply.stats_end(out);
}
