//! The decoder of text, meta and binary requests: any bytes become requests or refusals, the same
//! ones however the bytes are cut, and no request makes it wait for more than it may have.

use twincached::command::{Command, KEY_LENGTH_MAX};
use twincached::protocol::{Decoder, Limits, Step};

use super::cuts;

const ITEM_SIZE_MAX: usize = 4096;
/// What may be waited for beside a value: a line, or a binary header with a key.
const BESIDE_VALUE: usize = 16 * 1024;

/// Decodes `input` whole and in pieces.
pub fn run(input: &[u8]) {
    let whole = steps(input, &[input.len()]);
    let cuts = cuts::of(input);
    assert_eq!(steps(input, &cuts), whole, "cut at {cuts:?}");
}

/// All steps, each request and refusal with the place it ends at. Skips are not told: only their
/// sum is fixed.
fn steps(input: &[u8], ends: &[usize]) -> Vec<String> {
    let limits = Limits {
        item_size_max: ITEM_SIZE_MAX,
    };
    let mut decoder = Decoder::new(limits);
    let mut found = Vec::new();
    let mut at = 0;
    for &end in ends {
        loop {
            let pending = &input[at..end];
            let step = decoder.decode(pending);
            let consumed = match &step {
                Step::Incomplete { need } => {
                    assert!(*need == 0 || *need > pending.len(), "it has what it needs");
                    let waiting = pending.len().max(*need);
                    assert!(waiting <= ITEM_SIZE_MAX + BESIDE_VALUE, "{waiting} bytes");
                    break;
                }
                Step::Skipped { consumed } => *consumed,
                Step::Request { consumed, request } => {
                    check_keys(&request.command);
                    found.push(format!("{}: {request:?}", at + consumed));
                    *consumed
                }
                Step::Refused {
                    consumed,
                    reply,
                    error,
                    forget,
                    close,
                } => {
                    // What arrived with a fatal request is dropped, and that depends on the cuts.
                    let place = if *close { 0 } else { at + consumed };
                    found.push(format!("{place}: {error:?} {forget:?} {close} {reply:?}"));
                    if *close {
                        return found;
                    }
                    *consumed
                }
            };
            assert!((1..=pending.len()).contains(&consumed), "{consumed} bytes");
            at += consumed;
        }
    }
    found.push(format!("skipped to {at}"));
    found
}

fn check_keys(command: &Command<'_>) {
    let fits = |key: &[u8]| (1..=KEY_LENGTH_MAX).contains(&key.len());
    let sound = match command {
        Command::Get(get) => get.keys().all(fits),
        Command::Read(read) => fits(read.key),
        Command::Store(store) => fits(store.key) && store.value.len() <= ITEM_SIZE_MAX,
        Command::Delete(delete) => fits(delete.key),
        Command::Arithmetic(arithmetic) => fits(arithmetic.key),
        Command::Touch(touch) => fits(touch.key),
        Command::MetaDebug { key } => fits(key),
        _ => true,
    };
    assert!(sound, "{command:?}");
}
