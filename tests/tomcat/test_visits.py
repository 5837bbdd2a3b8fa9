"""Planted losses have to be found, and what is none must not be called one."""

import pytest

from visits import Totals, Visit


def lost_in(*answers):
    """Updates that one tab finds lost, for each answer; a negative number is a look."""
    visit = Visit()
    return [
        visit.updated(number, visit.expectation())
        if number > 0
        else visit.read(-number, visit.expectation())
        for number in answers
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((1, 2, 3, -3, 4), [0, 0, 0, 0, 0]),
        # An update without an answer was done.
        ((1, 2, 4), [0, 0, 0]),
        ((1, 2, 3, 2), [0, 0, 0, 2]),
        ((1, 2, 3, 3), [0, 0, 0, 1]),
        ((1, 2, 3, -1, 2), [0, 0, 0, 2, 0]),
        # What is lost is counted once; the numbers after it are expected.
        ((5, 3, 4, 5, 6), [0, 3, 0, 0, 0]),
    ],
)
def test_a_counter_that_goes_back_has_lost_updates(answers, expected):
    assert lost_in(*answers) == expected


def test_two_tabs_may_answer_in_any_order():
    visit = Visit()
    first, second = visit.expectation(), visit.expectation()
    assert visit.updated(2, second) == 0
    assert visit.updated(1, first) == 0


def test_two_tabs_with_the_same_number_have_lost_an_update():
    visit = Visit()
    first, second = visit.expectation(), visit.expectation()
    assert visit.updated(1, first) == 0
    assert visit.updated(1, second) == 1


def test_a_loss_is_counted_once_for_two_tabs():
    visit = Visit()
    visit.updated(10, visit.expectation())
    first, second = visit.expectation(), visit.expectation()
    assert visit.updated(8, first) == 3
    assert visit.updated(9, second) == 0


def test_totals_join_as_sums_and_the_longest_request():
    totals = Totals(requests=3, sessions_lost=1, longest=2.0)
    totals.add(Totals(requests=4, updates_lost=2, longest=1.5))
    assert totals == Totals(
        requests=7, sessions_lost=1, updates_lost=2, logouts_undone=0, failed=0, longest=2.0
    )
