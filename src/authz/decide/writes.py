"""What the save must write, all of it or nothing: rows in the order of their tables."""

from typing import Final

from msgspec import Struct

Row = tuple[object, ...]


class LegRows(Struct, frozen=True):
    """What a batch does to bank legs."""

    legs: list[Row]
    steps: list[Row]
    moves: list[Row]
    notices: list[Row]


NO_LEGS: Final = LegRows([], [], [], [])


class Writes(Struct, frozen=True):
    """All rows of one batch."""

    afters: list[Row]
    """Holders as they are after it, by id: each with the version after the one that was read."""
    keys: list[Row]
    decided: list[Row]
    movements: list[Row]
    reserved: list[Row] = []
    """Payments that now wait for the bank."""
    bank: LegRows = NO_LEGS

    marked: bool = False
    """A payment that waits was reversed."""
    news: list[Row] = []
    """What holders must hear of."""
    loose_ends: list[Row] = []
    """Keys that a message may mean under another DE7 (`loose_ends.py`)."""

    @property
    def holders(self) -> list[int]:
        """Who is written, in the order in which the save locks them."""
        return [row[0] for row in self.afters]  # type: ignore[misc]

    @property
    def rare(self) -> bool:
        """Whether there is more than of most batches: a leg of the bank, or a loose end."""
        return bool(self.reserved or self.bank.steps or self.marked or self.loose_ends or self.news)
