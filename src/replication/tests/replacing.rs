//! Replies for changes that others replaced before they were sent.

use super::*;

/// Fills every shard with so much that a frame ends before the place that a key has then.
fn set_much(pair: &Pair) {
    for number in 0..60 {
        pair.a
            .set(pair.now, &format!("large{number}"), &[b'x'; 40_000]);
    }
}

/// Talks until the reply with the ticket `last` leaves, a piece of a frame at a time. That with
/// `replaced` leaves when the peer has the new value.
fn assert_waits_for_the_new_value(pair: &mut Pair, replaced: Ticket, last: Ticket) {
    while !pair.a.store.acknowledged().covers(last) {
        for piece in pair.sent_by_a().chunks(8_000) {
            pair.bring_to_b(piece);
            pair.step_from_b();
            if pair.a.store.acknowledged().covers(replaced) {
                assert_eq!(pair.b.value(pair.now, "k"), Some(b"new".to_vec()));
            }
        }
    }
}

#[test]
fn a_reply_waits_for_what_replaced_its_change_before_it_was_sent() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"old");
    pair.run(100);
    let replaced = pair.a.set(pair.now, "k", b"replaced");
    set_much(&pair);
    let last = pair.a.set(pair.now, "k", b"new");
    assert_waits_for_the_new_value(&mut pair, replaced, last);
}

#[test]
fn a_reply_waits_for_what_replaced_its_change_after_that_was_lost_on_its_way() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"old");
    pair.run(100);
    let replaced = pair.a.set(pair.now, "k", b"replaced");
    drop(pair.sent_by_a());
    set_much(&pair);
    let last = pair.a.set(pair.now, "k", b"new");
    pair.cut();
    pair.connect();
    assert_waits_for_the_new_value(&mut pair, replaced, last);
}
