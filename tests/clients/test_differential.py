"""Several hundred literal exchanges, sent to memcached and to twincached: the same answers.

exchange.py says how they are written, differences.py lists every one with another answer.
"""

import pytest

from differences import DIFFERENCES
from exchange import read_exchanges

EXCHANGES = {
    exchange.name: exchange
    for name in ("text", "meta", "binary")
    for exchange in read_exchanges(name)
}

# A second that ends within an exchange shows in remaining lives. Once more is enough to tell.
ATTEMPTS = 3


def answers(exchange, both):
    """The answers of twincached and of memcached, asked again if they are not the same."""
    for _ in range(ATTEMPTS):
        ours = exchange.with_server(both["twincached"].port)
        theirs = exchange.with_server(both["memcached"].port)
        if ours == theirs:
            break
    return ours, theirs


@pytest.mark.parametrize("name", [name for name in EXCHANGES if name not in DIFFERENCES])
def test_the_answer_is_memcacheds(both, name):
    ours, theirs = answers(EXCHANGES[name], both)
    assert ours == theirs


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_answer_is_another_one_on_purpose(both, name):
    ours, theirs = answers(EXCHANGES[name], both)
    reason, answer = DIFFERENCES[name]
    assert ours == answer, reason
    assert ours != theirs, "this is no difference any more: differences.py must not list it"


def test_there_are_several_hundred():
    assert len(EXCHANGES) >= 400
    assert len(DIFFERENCES) <= 50
