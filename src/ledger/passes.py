"""Going through all holders in steps, each from where the last one ended: a pass costs one reading.

Starting over at every step would read everybody again for each two thousand.
"""

from collections.abc import Sequence
from typing import Any, Protocol


class Row(Protocol):
    """What a driver reads: values by their place."""

    def __getitem__(self, place: int, /) -> Any:
        """The value at a place."""


def go_on_behind(due: Sequence[Row]) -> int:
    """The holder behind whom the next step begins; who had more than one step takes comes again.

    `due` are rows by holder: the holder, the first and the last number of the step, anything, and
    the last number that the holder has.
    """
    unfinished = (row[0] for row in due if row[2] < row[-1])
    after_all: int = due[-1][0] + 1
    return next(unfinished, after_all) - 1
