"""The check itself: a check that cannot fail proves nothing, so every loss is planted here."""

import pytest

from ledger import Ledger, read_ledger, value_of


def ledger_of(tmp_path, *lines):
    path = tmp_path / "ledger"
    path.write_text("".join(f"{line}\n" for line in lines))
    return Ledger(read_ledger(path))


def check(ledger, **found):
    """Compare with one reader and return `kind key` of each violation."""
    ledger.compare(found, "a reader")
    return [f"{violation.kind} {violation.key}" for violation in ledger.verdict().violations]


TWO_SETS = [
    "try 1.0 1 set k 7 10",
    "ack 1.1 1 stored",
    "try 1.2 2 set k 7 10",
    "ack 1.3 2 stored",
]
SET_AND_DELETE = [
    "try 1.0 1 set k 0 4",
    "ack 1.1 1 stored",
    "try 1.2 2 delete k",
    "ack 1.3 2 deleted",
]


def test_a_value_names_the_operation_that_wrote_it():
    assert value_of(123, 10) == b"123.123.12"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"k": (7, b"2.2.2.2.2.")}, []),
        ({}, ["lost k"]),
        ({"k": (7, b"1.1.1.1.1.")}, ["older k"]),
        ({"k": (8, b"2.2.2.2.2.")}, ["foreign k"]),
        ({"k": (7, b"3.3.3.3.3.")}, ["foreign k"]),
    ],
    ids=["right", "missing", "the one before", "other flags", "never written"],
)
def test_only_the_last_acknowledged_write_is_right(tmp_path, found, expected):
    assert check(ledger_of(tmp_path, *TWO_SETS), **found) == expected


def test_a_deleted_key_that_is_back_is_resurrected(tmp_path):
    assert check(ledger_of(tmp_path, *SET_AND_DELETE), k=(0, b"1.1.")) == ["resurrected k"]


def test_a_deleted_key_that_stays_away_is_right(tmp_path):
    assert check(ledger_of(tmp_path, *SET_AND_DELETE)) == []


@pytest.mark.parametrize("value", [b"2.2.2.2.2.", b"3.3.3.3.3."])
def test_a_write_of_unknown_outcome_may_be_there_or_not(tmp_path, value):
    ledger = ledger_of(tmp_path, *TWO_SETS, "try 1.4 3 set k 7 10", "err 1.9 3 timed out")
    assert check(ledger, k=(7, value)) == []


def test_a_write_of_unknown_outcome_does_not_excuse_an_older_value(tmp_path):
    ledger = ledger_of(tmp_path, *TWO_SETS, "try 1.4 3 set k 7 10", "err 1.9 3 timed out")
    assert check(ledger, k=(7, b"1.1.1.1.1.")) == ["older k"]


def test_an_attempt_without_any_end_is_of_unknown_outcome(tmp_path):
    assert check(ledger_of(tmp_path, *TWO_SETS, "try 1.4 3 delete k")) == []


def test_a_delete_of_unknown_outcome_does_not_excuse_an_older_value(tmp_path):
    ledger = ledger_of(tmp_path, *TWO_SETS, "try 1.4 3 delete k", "err 1.9 3 reset")
    assert check(ledger, k=(7, b"1.1.1.1.1.")) == ["older k"]


def test_an_acknowledged_write_ends_the_doubt(tmp_path):
    lines = [*TWO_SETS, "try 1.4 3 delete k", "err 1.9 3 reset"]
    ledger = ledger_of(tmp_path, *lines, "try 2.0 4 set k 7 10", "ack 2.1 4 stored")
    assert check(ledger, k=(7, b"2.2.2.2.2.")) == ["older k"]


@pytest.mark.parametrize(
    ("line", "answer", "expected"),
    [
        ("add k 0 4", "stored", ["lost k"]),
        ("append k 4", "not_stored", ["lost k"]),
        ("touch k 60", "not_found", ["lost k"]),
        ("delete k", "not_found", ["lost k"]),
        ("get k", "absent", ["lost k"]),
        ("get k", "7:10:2975725d", ["older k"]),
        ("get k", "7:10:00000000", ["foreign k"]),
        ("cas k 7:10:2975725d 7 10", "stored", ["older k"]),
        ("cas k 7:10:f3c1403e 7 10", "exists", ["foreign k"]),
    ],
)
def test_an_answer_that_contradicts_an_earlier_one_is_seen(tmp_path, line, answer, expected):
    ledger = ledger_of(tmp_path, *TWO_SETS, f"try 1.4 3 {line}", f"ack 1.5 3 {answer}")
    assert check(ledger, k=(7, b"2.2.2.2.2.")) == expected


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("add k 0 4", "not_stored"),
        ("append k 4", "stored"),
        ("cas k 0:4:00000000 0 4", "exists"),
        ("touch k 60", "touched"),
        ("delete k", "deleted"),
        ("get k", "0:4:00000000"),
    ],
)
def test_an_answer_that_shows_a_deleted_key_is_seen(tmp_path, line, answer):
    ledger = ledger_of(tmp_path, *SET_AND_DELETE, f"try 1.4 3 {line}", f"ack 1.5 3 {answer}")
    assert check(ledger) == ["resurrected k"]


def test_a_counter_that_went_back_is_older(tmp_path):
    lines = ["try 1.0 1 start k 0", "ack 1.1 1 stored"]
    for number, answer in ((2, 1005), (3, 1010), (4, 1010)):
        lines += [f"try 1.2 {number} incr k 5", f"ack 1.3 {number} {answer}"]
    assert check(ledger_of(tmp_path, *lines), k=(0, b"1010")) == ["older k"]


def test_append_keeps_the_flags_and_what_was_there(tmp_path):
    ledger = ledger_of(tmp_path, *TWO_SETS, "try 1.4 3 append k 4", "ack 1.5 3 stored")
    assert check(ledger, k=(7, b"2.2.2.2.2.3.3.")) == []


def test_a_cas_with_an_outdated_token_is_refused_and_changes_nothing(tmp_path):
    line = "try 1.4 3 cas k 7:10:2975725d 7 10"
    ledger = ledger_of(tmp_path, *TWO_SETS, line, "ack 1.5 3 exists")
    assert check(ledger, k=(7, b"2.2.2.2.2.")) == []


def test_a_read_of_a_value_in_doubt_does_not_end_the_doubt(tmp_path):
    lines = [*TWO_SETS, "try 1.4 3 set k 7 10", "err 1.9 3 timed out"]
    ledger = ledger_of(tmp_path, *lines, "try 2.0 4 get k", "ack 2.1 4 7:10:ba52ae1f")
    assert check(ledger, k=(7, b"2.2.2.2.2.")) == []


def test_the_longest_gap_counts_writes_only(tmp_path):
    ledger = ledger_of(
        tmp_path,
        *TWO_SETS,
        "try 1.5 3 get k",
        "ack 1.6 3 7:10:f3c1403e",
        "try 1.7 4 touch k 9",
        "ack 3.3 4 touched",
    )
    verdict = ledger.verdict()
    assert (round(verdict.longest_gap, 3), verdict.gap_began) == (2.0, 1.3)


def test_a_service_that_never_came_back_is_a_gap_to_the_end(tmp_path):
    verdict = ledger_of(tmp_path, *TWO_SETS).verdict(until=11.3)
    assert round(verdict.longest_gap, 3) == 10.0


def test_an_error_answer_is_reported(tmp_path):
    ledger = ledger_of(tmp_path, "try 1.0 1 set k 0 4", "err 1.1 1 refused: SERVER_ERROR busy")
    assert ledger.verdict().errors == ["refused: SERVER_ERROR busy"]
