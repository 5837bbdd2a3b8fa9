"""The comparison of two hosts finds every difference that it promises to find."""

import pytest

from compare import assert_same

# When it expires, cas token, size, stale, flags, value.
ITEM = (1_800_000_000, "77", 60, False, 5, b"x")


@pytest.mark.parametrize(
    "other",
    [
        (1_800_000_002, "77", 60, False, 5, b"x"),
        (-1, "77", 60, False, 5, b"x"),
        (1_800_000_000, "78", 60, False, 5, b"x"),
        (1_800_000_000, "77", 61, False, 5, b"x"),
        (1_800_000_000, "77", 60, True, 5, b"x"),
        (1_800_000_000, "77", 60, False, 6, b"x"),
        (1_800_000_000, "77", 60, False, 5, b"y"),
    ],
    ids=["life", "no end of life", "cas", "size", "stale", "flags", "value"],
)
def test_a_difference_in_one_field_is_found(other):
    assert assert_same({"k": ITEM}, {"k": ITEM}) == 1
    with pytest.raises(AssertionError):
        assert_same({"k": ITEM}, {"k": other})


def test_a_key_on_one_host_alone_is_found():
    with pytest.raises(AssertionError, match="only on one"):
        assert_same({"k": ITEM}, {})
    with pytest.raises(AssertionError, match="only on one"):
        assert_same({}, {"k": ITEM})
