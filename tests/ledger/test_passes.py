"""A pass over all holders: every step begins where the last one ended."""

import pytest

from ledger.passes import go_on_behind


@pytest.mark.parametrize(
    ("due", "behind"),
    [
        ([(7, 1, 3, 3)], 7),
        ([(2, 1, 3, 3), (5, 4, 9, 9)], 5),
        ([(2, 1, 3, 8), (5, 4, 9, 9)], 1),
        ([(2, 1, 3, 3), (5, 4, 9, 10), (8, 1, 9, 10)], 4),
    ],
    ids=["one", "all done", "the first has more", "the first of those that have more"],
)
def test_the_next_step_begins_behind_whoever_is_done(
    due: list[tuple[int, ...]], behind: int
) -> None:
    assert go_on_behind(due) == behind
