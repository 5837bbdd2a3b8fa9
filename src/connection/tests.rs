use std::time::Duration;

use vrrp::time::Instant;

use super::*;
use crate::replication::{self, Peer};
use crate::store::{self, Store};

const NOW: Instant = Instant::from_millis(10_000);

fn store(replicated: bool) -> Store {
    Store::new(&store::Options {
        memory: 64 << 20,
        item_size_max: 1 << 20,
        threads: 1,
        hash_seed: [1, 2, 3, 4],
        zero_unix_ms: 1_700_000_000_000,
        evict: true,
        replicated,
    })
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.settings.flush_enabled = true;
    facts.settings.cas_enabled = true;
    facts
}

struct Client {
    connection: Connection,
    facts: Facts,
    hold: Hold,
}

impl Client {
    fn new() -> Client {
        let limits = Limits {
            item_size_max: 1 << 20,
        };
        Client {
            connection: Connection::new(limits),
            facts: facts(),
            hold: Hold::Nothing,
        }
    }

    fn with<R>(
        &mut self,
        store: &Store,
        act: impl FnOnce(&mut Connection, &Context<'_>) -> R,
    ) -> R {
        let section = |_: &str| Vec::new();
        let context = Context {
            store,
            facts: &self.facts,
            process: Process::default,
            section: &section,
            hold: self.hold,
            passwords: None,
        };
        act(&mut self.connection, &context)
    }

    fn say(&mut self, store: &Store, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        self.with(store, |connection, context| {
            connection.handle_bytes(NOW, bytes, context, &mut out);
        });
        String::from_utf8_lossy(&out).into_owned()
    }

    fn resume(&mut self, store: &Store) -> String {
        let mut out = Vec::new();
        self.with(store, |connection, context| {
            connection.resume(NOW, context, &mut out)
        });
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn check(input: &str, expected: &str) {
    let store = store(false);
    assert_eq!(
        Client::new().say(&store, input.as_bytes()),
        expected,
        "{input:?}"
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    check(
        "set a 1 0 1\r\nx\r\nget a b\r\nadd a 0 0 1\r\ny\r\ndelete a\r\nget a\r\n",
        "STORED\r\nVALUE a 1 1\r\nx\r\nEND\r\nNOT_STORED\r\nDELETED\r\nEND\r\n",
    );
}

#[test]
fn noreply_is_silent_and_errors_are_memcached_s() {
    check(
        "set a 0 0 1 noreply\r\nx\r\nget a\r\n",
        "VALUE a 0 1\r\nx\r\nEND\r\n",
    );
    check("bogus\r\nget\r\n", "ERROR\r\nERROR\r\n");
    check("incr a 1\r\ntouch a 1\r\n", "NOT_FOUND\r\nNOT_FOUND\r\n");
}

#[test]
fn a_value_too_large_is_refused_and_the_old_one_is_gone() {
    let store = store(false);
    let mut client = Client::new();
    client.say(&store, b"set a 0 0 1\r\nx\r\n");
    let mut request = b"set a 0 0 2000000\r\n".to_vec();
    request.extend(vec![b'y'; 2_000_000]);
    request.extend(b"\r\nget a\r\n");
    let answer = client.say(&store, &request);
    assert_eq!(answer, "SERVER_ERROR object too large for cache\r\nEND\r\n");
}

#[test]
fn however_the_bytes_are_cut_the_answers_are_the_same() {
    let script = b"set a 5 0 6\r\nabc\r\nd\r\nget a nope a\r\nmg a v f\r\nincr n 1\r\n\
        ms m 2 T60\r\nhi\r\nmn\r\nset n 0 0 2\r\n41\r\nincr n 1\r\nappend a 0 0 1\r\n!\r\ngets\r\n\
        get a\r\nnonsense\r\nset b 0 0 x\r\nflush_all\r\nget a\r\nversion\r\n";
    let strip = |answer: String| answer;
    let whole = strip(Client::new().say(&store(false), script));
    assert!(
        whole.contains("42\r\n") && whole.contains("abc\r\nd!"),
        "{whole}"
    );
    for size in 1..40 {
        let store = store(false);
        let mut client = Client::new();
        let pieces = script.chunks(size).map(|piece| client.say(&store, piece));
        assert_eq!(pieces.collect::<String>(), whole, "pieces of {size}");
    }
}

#[test]
fn output_is_bounded_and_the_rest_of_a_retrieval_follows() {
    let store = store(false);
    let mut client = Client::new();
    let value = vec![b'v'; 100_000];
    let set = [b"set k 0 0 100000\r\n", &value[..], b"\r\n"].concat();
    client.say(&store, &set);
    let keys = "k ".repeat(100);
    let mut answer = client.say(&store, format!("get {keys}\r\nversion\r\n").as_bytes());
    assert!(answer.len() < 500_000, "{} bytes at once", answer.len());
    let mut rounds = 0;
    while client.connection.is_blocked() {
        let more = client.resume(&store);
        assert!(more.len() < 500_000);
        answer += &more;
        rounds += 1;
    }
    assert!(rounds > 20);
    assert_eq!(answer.matches("VALUE k 0 100000\r\n").count(), 100);
    assert!(answer.ends_with("END\r\nVERSION 1.6.38-twincached-0.1.0\r\n"));
}

#[test]
fn a_leaving_node_reads_but_executes_no_mutation_until_it_stays() {
    let store = store(false);
    let mut client = Client::new();
    client.say(&store, b"set a 0 0 1\r\nx\r\n");
    client.hold = Hold::Mutations;
    assert_eq!(
        client.say(&store, b"get a\r\nset a 0 0 1\r\ny\r\nget a\r\n"),
        "VALUE a 0 1\r\nx\r\nEND\r\n"
    );
    assert!(client.connection.is_blocked());
    client.hold = Hold::Nothing;
    assert_eq!(
        client.resume(&store),
        "STORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n"
    );
}

#[test]
fn a_node_that_hands_over_answers_nothing_until_it_stays() {
    let store = store(false);
    let mut client = Client::new();
    client.say(&store, b"set a 0 0 1\r\nx\r\n");
    client.hold = Hold::Everything;
    assert_eq!(client.say(&store, b"get a\r\nset a 0 0 1\r\ny\r\n"), "");
    assert!(client.connection.is_blocked());
    client.hold = Hold::Nothing;
    assert_eq!(
        client.resume(&store),
        "VALUE a 0 1\r\nx\r\nEND\r\nSTORED\r\n"
    );
}

/// A store whose replies wait for a peer that does not answer.
fn holding_store() -> Store {
    let store = store(true);
    store.attach_peer(&[], true);
    store.acknowledged().set_holding(true);
    store
}

fn acknowledge(store: &Store) {
    for shard in 0..store.shards() {
        let walk = store.walk(NOW, shard, usize::MAX, |_| true);
        assert!(store.acknowledge(shard, walk.position));
    }
}

#[test]
fn an_answer_waits_for_the_peer_and_so_does_every_one_behind_it() {
    let store = holding_store();
    let mut client = Client::new();
    assert_eq!(
        client.say(&store, b"get a\r\nset a 0 0 1\r\nx\r\nget a\r\n"),
        "END\r\n"
    );
    assert!(client.connection.is_holding());
    assert_eq!(client.resume(&store), "");
    acknowledge(&store);
    assert_eq!(
        client.resume(&store),
        "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"
    );
    assert!(!client.connection.is_holding());
}

#[test]
fn a_refusal_waits_too_and_a_silent_mutation_holds_nothing_up() {
    let store = holding_store();
    let mut client = Client::new();
    assert_eq!(
        client.say(&store, b"set a 0 0 1 noreply\r\nx\r\nget a\r\n"),
        "VALUE a 0 1\r\nx\r\nEND\r\n"
    );
    assert_eq!(client.say(&store, b"add a 0 0 1\r\ny\r\n"), "");
    acknowledge(&store);
    assert_eq!(client.resume(&store), "NOT_STORED\r\n");
}

#[test]
fn a_touching_read_waits_for_the_peer() {
    let store = holding_store();
    let mut client = Client::new();
    client.say(&store, b"set a 0 0 1 noreply\r\nx\r\n");
    acknowledge(&store);
    assert_eq!(client.say(&store, b"gat 100 a\r\n"), "");
    acknowledge(&store);
    assert_eq!(client.resume(&store), "VALUE a 0 1\r\nx\r\nEND\r\n");
}

#[test]
fn answers_that_wait_are_bounded() {
    let store = holding_store();
    let mut client = Client::new();
    let requests = b"set a 0 0 1\r\nx\r\n".repeat(20_000);
    assert_eq!(client.say(&store, &requests), "");
    assert!(client.connection.is_blocked());
    let mut answers = 0;
    for _ in 0..10 {
        acknowledge(&store);
        answers += client.resume(&store).matches("STORED").count();
    }
    assert_eq!(answers, 20_000);
}

#[test]
fn without_a_peer_in_sync_nothing_waits() {
    let store = store(true);
    let options = replication::Options {
        node_id: 1,
        boot_id: 1,
        acknowledge_peer: true,
        acknowledge_timeout: Duration::from_millis(250),
        secret: None,
        settings: replication::Settings::default(),
    };
    let _peer = Peer::new(options, &store);
    assert_eq!(
        Client::new().say(&store, b"set a 0 0 1\r\nx\r\n"),
        "STORED\r\n"
    );
}

#[test]
fn a_connection_gives_way_after_so_many_requests_and_goes_on() {
    let store = store(false);
    let mut client = Client::new();
    client.facts.settings.requests_per_event = 2;
    let first = client.say(&store, b"mn\r\nset a 0 0 1\r\nx\r\nget a\r\nmn\r\nmn\r\n");
    assert_eq!(first, "MN\r\nSTORED\r\n");
    assert!(client.connection.has_work() && client.connection.is_blocked());
    assert_eq!(client.resume(&store), "VALUE a 0 1\r\nx\r\nEND\r\nMN\r\n");
    assert_eq!(client.resume(&store), "MN\r\n");
    assert!(!client.connection.has_work() && !client.connection.is_blocked());
    assert_eq!(Facts::of(&client.facts.conn_yields), 2);
}

#[test]
fn as_many_requests_as_allowed_need_no_second_turn() {
    let store = store(false);
    let mut client = Client::new();
    client.facts.settings.requests_per_event = 2;
    assert_eq!(client.say(&store, b"mn\r\nmn\r\n"), "MN\r\nMN\r\n");
    assert!(!client.connection.has_work());
    assert_eq!(Facts::of(&client.facts.conn_yields), 0);
}

#[test]
fn a_connection_of_one_dialect_does_not_understand_the_other() {
    let limits = Limits {
        item_size_max: 1 << 20,
    };
    let store = store(false);
    let mut client = Client::new();
    client.connection = Connection::speaking(limits, Some(Dialect::Text));
    assert_eq!(
        client.say(&store, b"\x80\x0b\0\0\r\nmn\r\n"),
        "ERROR\r\nMN\r\n"
    );
    client.connection = Connection::speaking(limits, Some(Dialect::Binary));
    assert_eq!(client.say(&store, b"mn\r\n"), "");
    assert!(client.connection.is_closing());
}
