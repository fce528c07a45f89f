"""The window of a chip's counter: each use once, late ones while they are near."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.atc import WIDTH, is_unseen, with_seen
from rules.facts import AtcWindow


def seen(*uses: int) -> AtcWindow:
    window = AtcWindow()
    for atc in uses:
        assert is_unseen(window, atc)
        window = with_seen(window, atc)
    return window


# What came, in order; what comes now; whether it is taken.
USES = (
    ((), 0, True),
    ((), 500, True),
    ((7,), 7, False),
    ((7,), 8, True),
    ((7,), 65535, True),
    ((7, 9), 8, True),
    ((7, 9, 8), 8, False),
    ((100,), 84, True),
    ((100,), 83, False),
    ((84, 100), 84, False),
    ((83, 99), 83, False),
    ((83, 100), 84, True),
    ((100, 200), 184, True),
    ((100, 200), 183, False),
    ((100, 99, 101), 99, False),
    ((100, 99, 115), 99, False),
    ((100, 99, 116), 99, False),
)


@pytest.mark.parametrize(("before", "atc", "taken"), USES)
def test_a_use_is_taken_as_the_table_says(before: tuple[int, ...], atc: int, taken: bool) -> None:
    assert is_unseen(seen(*before), atc) is taken


@given(st.lists(st.integers(0, 60), max_size=60))
def test_the_window_is_a_set_of_all_that_was_seen(uses: list[int]) -> None:
    """The same by a set that forgets nothing: unseen, and not too far below the highest."""
    window, taken = AtcWindow(), set[int]()
    for atc in uses:
        near = not taken or atc >= max(taken) - WIDTH
        assert is_unseen(window, atc) is (near and atc not in taken)
        if is_unseen(window, atc):
            window = with_seen(window, atc)
            taken.add(atc)
            assert window.highest == max(taken) and 0 <= window.seen < 1 << WIDTH
