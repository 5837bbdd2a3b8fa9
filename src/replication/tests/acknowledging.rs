//! Replies that wait, and when they no longer do.

use super::*;

#[test]
fn a_reply_waits_until_the_peer_has_applied() {
    let mut pair = Pair::new();
    pair.link();
    let ticket = pair.a.set(pair.now, "k", b"v");
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.b.value(pair.now, "k"), Some(b"v".to_vec()));
}

#[test]
fn a_peer_that_is_gone_costs_one_timeout_and_then_nothing() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    let ticket = pair.a.set(pair.now, "k", b"v");
    pair.run(240);
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.run(20);
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert!(pair.a.saw(&Event::Degraded));
    let ticket = pair.a.set(pair.now, "k", b"w");
    assert!(pair.a.store.acknowledged().covers(ticket));
}

#[test]
fn a_peer_whose_port_refuses_is_not_waited_for() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    let ticket = pair.a.set(pair.now, "k", b"v");
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.a.peer.dial_failed(pair.now, true, &pair.a.store);
    pair.a.drain();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert!(pair.a.saw(&Event::ProcessDied) && pair.a.saw(&Event::Degraded));
}

#[test]
fn a_peer_that_is_back_in_time_ends_no_waiting() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(100);
    pair.cut();
    pair.run(100);
    pair.link();
    pair.run(500);
    assert!(!pair.a.saw(&Event::Degraded) && !pair.b.saw(&Event::Degraded));
}

#[test]
fn acknowledged_writes_return_a_second_after_the_peer_is_in_sync_again() {
    let mut pair = Pair::new();
    pair.link();
    pair.cut();
    pair.run(300);
    pair.link();
    pair.run(900);
    assert!(pair.a.peer.peer_is_in_sync() && !pair.a.store.acknowledged().is_holding());
    pair.run(200);
    assert!(pair.a.store.acknowledged().is_holding());
    assert!(pair.a.saw(&Event::Restored));
}

#[test]
fn the_pause_before_acknowledged_writes_doubles_up_to_a_minute_and_begins_anew() {
    let mut pair = Pair::new();
    pair.link();
    let pause = |pair: &mut Pair| {
        pair.cut();
        pair.run(300);
        pair.link();
        let began = pair.now;
        while !pair.a.store.acknowledged().is_holding() {
            pair.run(100);
            assert!(pair.now.since(began) < Duration::from_secs(100));
        }
        pair.now.since(began).as_secs()
    };
    let pauses: Vec<u64> = (0..8).map(|_| pause(&mut pair)).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    pair.run(61_000);
    assert_eq!(pause(&mut pair), 1);
}

#[test]
fn with_acknowledge_local_no_reply_waits_and_nothing_degrades() {
    let mut pair = Pair::new();
    pair.a = Node::new(Options {
        acknowledge_peer: false,
        ..options(1, 11)
    });
    pair.link();
    pair.run(200);
    assert!(pair.a.peer.peer_is_in_sync());
    let ticket = pair.a.set(pair.now, "k", b"v");
    assert!(pair.a.store.acknowledged().covers(ticket));
    pair.cut();
    pair.run(1_000);
    assert!(!pair.a.saw(&Event::Degraded));
}

#[test]
fn answers_that_trickle_in_buy_older_changes_no_more_time() {
    let mut pair = Pair::new();
    pair.link();
    pair.run(20);
    pair.a.drain();
    pair.a.events.clear();
    let began = pair.now;
    // Every 20 ms a change is sent, and after 300 ms it is acknowledged.
    let mut on_the_way = std::collections::VecDeque::new();
    let mut degraded = None;
    for number in 0..40 {
        pair.now = began + Duration::from_millis(20 * number);
        pair.a.set(pair.now, "k", b"v");
        let mut out = Vec::new();
        pair.a
            .peer
            .poll_transmit(pair.now, pair.session, &pair.a.store, &mut out);
        on_the_way.push_back((pair.now + Duration::from_millis(300), out));
        while on_the_way.front().is_some_and(|(at, _)| *at <= pair.now) {
            let (_, bytes) = on_the_way.pop_front().expect("just seen");
            let (id, now) = (pair.session, pair.now);
            pair.b.peer.handle_bytes(now, id, &bytes, &pair.b.store);
            let mut back = Vec::new();
            pair.b.peer.poll_transmit(now, id, &pair.b.store, &mut back);
            pair.a.peer.handle_bytes(now, id, &back, &pair.a.store);
        }
        pair.a.peer.handle_timeout(pair.now, &pair.a.store);
        pair.a.drain();
        if degraded.is_none() && pair.a.saw(&Event::Degraded) {
            degraded = Some(pair.now.since(began).as_millis());
        }
    }
    assert_eq!(degraded, Some(260));
}

#[test]
fn a_flush_that_the_peer_does_not_echo_costs_one_timeout_and_a_catch_up() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(100);
    // The link is silent, but stands.
    pair.linked = false;
    let ticket = pair.a.store.flush(pair.now);
    let mut lost = Vec::new();
    pair.a
        .peer
        .poll_transmit(pair.now, pair.session, &pair.a.store, &mut lost);
    pair.run(200);
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.run(60);
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert!(pair.a.saw(&Event::Degraded) && !pair.a.peer.peer_is_in_sync());
    // What was lost on the way arrives after all.
    pair.b
        .peer
        .handle_bytes(pair.now, pair.session, &lost, &pair.b.store);
    pair.linked = true;
    pair.run(100);
    assert!(pair.a.peer.peer_is_in_sync());
    assert_eq!(pair.b.value(pair.now, "k"), None);
}

#[test]
fn a_flush_reaches_the_peer_and_is_echoed() {
    let mut pair = Pair::new();
    pair.link();
    pair.a.set(pair.now, "k", b"v");
    pair.run(50);
    let ticket = pair.a.store.flush(pair.now);
    assert!(!pair.a.store.acknowledged().covers(ticket));
    pair.talk();
    assert!(pair.a.store.acknowledged().covers(ticket));
    assert_eq!(pair.b.value(pair.now, "k"), None);
}

/// A pair whose bytes take their time.
struct Far {
    pair: Pair,
    there: Cable,
    back: Cable,
}

type Cable = std::collections::VecDeque<(Instant, Vec<u8>)>;

impl Far {
    /// Degraded by a cut, and connected again.
    fn degraded() -> Far {
        let mut pair = Pair::new();
        pair.link();
        pair.cut();
        pair.run(300);
        assert!(pair.a.saw(&Event::Degraded));
        pair.link();
        Far {
            pair,
            there: Cable::new(),
            back: Cable::new(),
        }
    }

    /// Something is changed every 10 ms; every byte takes `delay` to arrive, on both ways.
    fn run_under_load(&mut self, delay_ms: u64, millis: u64) {
        let (pair, delay) = (&mut self.pair, Duration::from_millis(delay_ms));
        for number in 0..millis / 10 {
            pair.now += Duration::from_millis(10);
            let (now, id) = (pair.now, pair.session);
            pair.a.set(now, &format!("k{}", number % 50), b"v");
            pair.a.peer.handle_timeout(now, &pair.a.store);
            pair.b.peer.handle_timeout(now, &pair.b.store);
            carry(
                &mut self.there,
                delay,
                (now, id),
                (&mut pair.a, &mut pair.b),
            );
            carry(&mut self.back, delay, (now, id), (&mut pair.b, &mut pair.a));
            pair.a.drain();
            pair.b.drain();
        }
    }

    fn waits(&self) -> bool {
        self.pair.a.store.acknowledged().is_holding()
    }

    fn is_degraded(&self) -> bool {
        self.pair.a.peer.condition() == Condition::Degraded
    }

    fn degradations(&self) -> u64 {
        self.pair.a.peer.figures().degradations
    }
}

fn carry(
    cable: &mut Cable,
    delay: Duration,
    (now, id): (Instant, u64),
    (from, to): (&mut Node, &mut Node),
) {
    let mut out = Vec::new();
    from.peer.poll_transmit(now, id, &from.store, &mut out);
    cable.push_back((now + delay, out));
    while cable.front().is_some_and(|(due, _)| *due <= now) {
        let (_, bytes) = cable.pop_front().expect("just seen");
        to.peer.handle_bytes(now, id, &bytes, &to.store);
    }
}

#[test]
fn constant_load_does_not_delay_the_return_to_acknowledged_writes() {
    let mut far = Far::degraded();
    far.run_under_load(30, 900);
    assert!(!far.waits());
    far.run_under_load(30, 300);
    assert!(far.waits() && !far.is_degraded());
    assert!(far.pair.a.saw(&Event::Restored));
    far.run_under_load(30, 5_000);
    assert_eq!(far.degradations(), 1);
}

#[test]
fn a_peer_that_takes_half_the_timeout_to_answer_is_not_waited_for_again() {
    let mut far = Far::degraded();
    // 160 ms there and back: more than half of 250 ms.
    far.run_under_load(80, 5_000);
    assert!(!far.waits() && far.is_degraded());
    assert_eq!(far.degradations(), 1);
    far.run_under_load(20, 500);
    assert!(far.waits() && !far.is_degraded());
}

#[test]
fn the_pair_is_always_in_exactly_one_of_the_four_states_of_the_table() {
    let mut pair = Pair::new();
    assert_eq!(pair.a.peer.condition(), Condition::Disconnected);
    pair.link();
    assert_eq!(pair.a.peer.condition(), Condition::InSync);
    // The link stands and carries nothing, so an answer is overdue: degraded, not catching up.
    pair.linked = false;
    pair.a.set(pair.now, "k", b"v");
    drop(pair.sent_by_a());
    pair.run(300);
    assert_eq!(pair.a.peer.condition(), Condition::Degraded);
    pair.cut();
    assert_eq!(pair.a.peer.condition(), Condition::Disconnected);
    // It is connected again, and what it lacks is still to be sent.
    pair.meet();
    assert_eq!(pair.a.peer.condition(), Condition::CatchingUp);
    // It has everything, and replies do not wait yet: degraded until they do.
    pair.linked = true;
    pair.run(500);
    assert!(pair.a.peer.peer_is_in_sync() && !pair.a.store.acknowledged().is_holding());
    assert_eq!(pair.a.peer.condition(), Condition::Degraded);
    pair.run(600);
    assert!(pair.a.store.acknowledged().is_holding());
    assert_eq!(pair.a.peer.condition(), Condition::InSync);
}

#[test]
fn the_pair_is_called_restored_when_the_peer_has_what_was_answered_without_it() {
    let mut far = Far::degraded();
    far.run_under_load(50, 1_010);
    // Replies wait again, but 100 ms of changes that were answered are still on the way.
    assert!(far.waits() && far.is_degraded());
    assert!(!far.pair.a.saw(&Event::Restored));
    far.run_under_load(50, 150);
    assert!(far.waits() && !far.is_degraded());
    assert!(far.pair.a.saw(&Event::Restored));
}

#[test]
fn a_peer_lost_while_the_pair_returns_costs_one_timeout_and_a_longer_pause() {
    let mut far = Far::degraded();
    far.run_under_load(50, 1_010);
    assert!(far.waits() && far.is_degraded());
    far.pair.cut();
    far.pair.run(300);
    assert!(!far.waits());
    assert_eq!(far.degradations(), 2);
    far.pair.link();
    far.pair.run(1_500);
    assert!(!far.waits());
    far.pair.run(700);
    assert!(far.waits() && !far.is_degraded());
}
