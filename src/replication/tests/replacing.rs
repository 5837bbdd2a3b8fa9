//! Replies for changes that others replaced before they were sent.

use super::*;

#[test]
fn a_reply_waits_for_what_replaced_its_change_before_it_was_sent() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"old");
    pair.run(100);
    let replaced = pair.a.set(pair.now, "k", b"replaced");
    // So much in every shard that a frame ends before the place that the key has then.
    let large = vec![b'x'; 40_000];
    for number in 0..60 {
        pair.a.set(pair.now, &format!("large{number}"), &large);
    }
    let last = pair.a.set(pair.now, "k", b"new");
    let (now, id) = (pair.now, pair.session);
    let (a, b) = (&mut pair.a, &mut pair.b);
    while !a.store.acknowledged().covers(last) {
        let mut out = Vec::new();
        a.peer.poll_transmit(now, id, &a.store, &mut out);
        for piece in out.chunks(8_000) {
            b.peer.handle_bytes(now, id, piece, &b.store);
            let mut back = Vec::new();
            b.peer.poll_transmit(now, id, &b.store, &mut back);
            a.peer.handle_bytes(now, id, &back, &a.store);
            if a.store.acknowledged().covers(replaced) {
                assert_eq!(b.value(now, "k"), Some(b"new".to_vec()));
            }
        }
    }
}
