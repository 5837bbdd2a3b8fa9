//! `-C`: no cas tokens. As in memcached every item shows 0, and a comparison with the token of an
//! item that exists never holds.

use crate::command::{Arithmetic, Command, Delete, ItemView, Outcome, Store};

/// No item has this token: versions stay far below it.
const NEVER: u64 = u64::MAX;

/// The command, with comparisons that never hold.
pub(super) fn command<'a>(command: &Command<'a>) -> Command<'a> {
    let never = |compare: Option<u64>| compare.map(|_| NEVER);
    match *command {
        Command::Store(store) => Command::Store(Store {
            compare: never(store.compare),
            ..store
        }),
        Command::Delete(delete) => Command::Delete(Delete {
            compare: never(delete.compare),
            ..delete
        }),
        Command::Arithmetic(arithmetic) => Command::Arithmetic(Arithmetic {
            compare: never(arithmetic.compare),
            ..arithmetic
        }),
        other => other,
    }
}

/// The item as it is shown.
pub(super) const fn item<'a>(item: &ItemView<'a>) -> ItemView<'a> {
    ItemView { cas: 0, ..*item }
}

/// The outcome as it is told.
pub(super) const fn outcome(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Stored { .. } => Outcome::Stored { cas: 0 },
        Outcome::Number {
            value,
            ttl,
            ttl_before,
            ..
        } => Outcome::Number {
            value,
            cas: 0,
            ttl,
            ttl_before,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::super::fixture::{Fixture, seconds, settings};

    fn check(input: &str, expected: &str) {
        let fixture = Fixture::with(Settings {
            cas_enabled: false,
            ..settings()
        });
        assert_eq!(fixture.say(seconds(1), input), expected, "{input:?}");
    }

    #[test]
    fn every_item_shows_token_0_and_no_comparison_holds() {
        check(
            "set a 0 0 1\r\nx\r\ngets a\r\ncas a 0 0 1 5\r\ny\r\ncas a 0 0 1 0\r\nz\r\nget a\r\n",
            "STORED\r\nVALUE a 0 1 0\r\nx\r\nEND\r\nEXISTS\r\nEXISTS\r\nVALUE a 0 1\r\nx\r\nEND\r\n",
        );
        check("cas b 0 0 1 5\r\ny\r\n", "NOT_FOUND\r\n");
    }

    #[test]
    fn meta_commands_show_token_0_too() {
        check(
            "ms a 1 c\r\n1\r\nmg a c v\r\nms a 1 C5\r\nq\r\nmd a C7\r\nma a c\r\nma a C9\r\n",
            "HD c0\r\nVA 1 c0\r\n1\r\nEX\r\nEX\r\nHD c0\r\nEX\r\n",
        );
    }
}
