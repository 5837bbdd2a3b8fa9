//! A whole connection with a store behind it: the same answers however the bytes are cut and
//! whether or not they have to wait for the peer; output and memory stay bounded.

use twincached::connection::{Connection, Context, Facts, Process};
use twincached::protocol::Limits;
use twincached::store::{Options, Store};
use vrrp::time::Instant;

use super::cuts;

const NOW: Instant = Instant::from_millis(10_000);
const ITEM_SIZE_MAX: usize = 64 * 1024;
/// Output at once: the bound within the connection, one more item, and a listing's last line.
const OUTPUT_MAX: usize = 256 * 1024 + 2 * ITEM_SIZE_MAX;
/// Kept between two reads: a request that is not complete, what waits for the peer, and the room
/// by which buffers double.
const MEMORY_MAX: usize = 2 * (256 * 1024 + 4 * ITEM_SIZE_MAX);
/// Pieces in which one read's answers may leave.
const ROUNDS_MAX: usize = 10_000;

/// What stands behind the connection.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    /// A store alone.
    Store,
    /// A store that has a peer, but whose answers do not wait.
    Replicated,
    /// A store whose answers wait until the peer has the change; and each read executes 20
    /// requests at most.
    Waiting,
}

/// Says `input` to a new server whole and in pieces, without a peer and with one.
pub fn run(input: &[u8]) {
    // A caller reads at most 64 KiB at once.
    if input.len() > ITEM_SIZE_MAX {
        return;
    }
    let cuts = cuts::of(input);
    let how = format!("cut at {cuts:?}");
    let whole = answers(input, &[input.len()], Behind::Store);
    assert_same(&answers(input, &cuts, Behind::Store), &whole, &how);
    // Tombstones take versions, so that a replicated store tells other cas uniques.
    let whole = answers(input, &[input.len()], Behind::Replicated);
    let waited = answers(input, &cuts, Behind::Waiting);
    // What a store with a peer counts depends on when the peer followed.
    if !shows_statistics(&whole) {
        assert_same(&waited, &whole, &format!("waiting, {how}"));
    }
}

fn assert_same(left: &[u8], right: &[u8], how: &str) {
    let (left_text, right_text) = (left.escape_ascii(), right.escape_ascii());
    // A dump shows items in no order of theirs: tombstones that have gone meanwhile change it.
    let is_dump_in_other_order = || shows_dump(right) && sorted_lines(left) == sorted_lines(right);
    assert!(
        left == right || is_dump_in_other_order(),
        "{how}:\n{left_text}\nand whole:\n{right_text}"
    );
}

fn sorted_lines(answers: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = answers.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

fn shows_dump(answers: &[u8]) -> bool {
    let ends = |mark: &[u8]| answers.windows(mark.len()).any(|window| window == mark);
    ends(b"EN\r\n") || ends(b"key=")
}

fn shows_statistics(answers: &[u8]) -> bool {
    let shows = |word: &[u8]| answers.windows(word.len()).any(|window| window == word);
    shows(b"STAT ") || shows(b"\x81\x10")
}

fn answers(input: &[u8], ends: &[usize], behind: Behind) -> Vec<u8> {
    let waits = behind == Behind::Waiting;
    let store = Store::new(&Options {
        memory: 2 << 20,
        item_size_max: ITEM_SIZE_MAX,
        threads: 1,
        hash_seed: [1, 2, 3, 4],
        zero_unix_ms: 1_700_000_000_000,
        evict: true,
        replicated: behind != Behind::Store,
    });
    if waits {
        store.attach_peer(&[], true);
        store.acknowledged().set_holding(true);
    }
    let mut facts = Facts::default();
    facts.settings.flush_enabled = true;
    facts.settings.dump_enabled = true;
    facts.settings.watch_enabled = true;
    facts.settings.requests_per_event = if waits { 20 } else { 0 };
    facts.settings.cas_enabled = true;
    let section = |_: &str| Vec::new();
    let context = Context {
        store: &store,
        facts: &facts,
        process: Process::default,
        section: &section,
        passwords: None,
        hold: twincached::command::Hold::Nothing,
    };
    let mut connection = Connection::new(Limits {
        item_size_max: ITEM_SIZE_MAX,
    });
    let (mut all, mut out, mut at) = (Vec::new(), Vec::new(), 0);
    for &end in ends {
        connection.handle_bytes(NOW, &input[at..end], &context, &mut out);
        at = end;
        take(&connection, &mut out, &mut all);
        let mut rounds = 0;
        while connection.is_blocked() || connection.is_holding() || connection.has_work() {
            if waits {
                acknowledge(&store);
            }
            connection.resume(NOW, &context, &mut out);
            take(&connection, &mut out, &mut all);
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "the answers never end");
        }
        if connection.is_closing() {
            break;
        }
    }
    all
}

fn take(connection: &Connection, out: &mut Vec<u8>, all: &mut Vec<u8>) {
    assert!(out.len() <= OUTPUT_MAX, "{} bytes at once", out.len());
    let kept = connection.memory();
    assert!(kept <= MEMORY_MAX, "{kept} bytes kept");
    all.append(out);
}

/// The peer has everything.
fn acknowledge(store: &Store) {
    for shard in 0..store.shards() {
        let walk = store.walk(NOW, shard, usize::MAX, |_| true);
        assert!(store.acknowledge(shard, walk.position), "never sent");
    }
    store.acknowledge_watermark(store.watermark());
}
