"""One parameter through time: dated rows that neither overlap nor leave a gap."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Generic, TypeVar

from msgspec import Struct

Value = TypeVar("Value")
ONE_DAY = timedelta(days=1)


class TimelineError(ValueError):
    """Rows that cannot be one timeline; the message names both rows by their dates."""


class Row(Struct, Generic[Value], frozen=True):
    """A value in force from `first` to `last`, both included, and the text that says so."""

    first: date
    last: date
    value: Value
    source: str


class Timeline(Struct, Generic[Value], frozen=True):
    """Rows in the order of time. `at` answers None only where `whole` was not asked for."""

    rows: tuple[Row[Value], ...]

    def at(self, day: date) -> Row[Value] | None:
        """Return the row in force on `day`."""
        for row in reversed(self.rows):
            if row.first <= day:
                return row if day <= row.last else None
        return None


def timeline(rows: list[Row[Value]], *, whole: bool) -> Timeline[Value]:
    """Put rows in order; raise TimelineError on overlap and, if `whole`, on any gap."""
    ordered = sorted(rows, key=lambda row: row.first)
    for row in ordered:
        if row.last < row.first:
            raise TimelineError(f"the row from {row.first} ends before it begins, on {row.last}")
    for before, after in pairwise(ordered):
        if after.first <= before.last:
            raise TimelineError(f"the rows from {before.first} and {after.first} overlap")
        if whole and after.first != before.last + ONE_DAY:
            raise TimelineError(f"nothing is in force between {before.last} and {after.first}")
    if whole and (not ordered or ordered[0].first != date.min or ordered[-1].last != date.max):
        raise TimelineError("the first row needs an open beginning and the last an open end")
    return Timeline(tuple(ordered))
