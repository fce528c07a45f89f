"""Who holds which card, as far as it is remembered: the others' holders are read with their batch.

A reference belongs to one holder for ever, so what was found never goes stale. What was not found
is asked again every time: the card may have been issued a second ago.
"""

from collections.abc import Iterable


class Directory:
    """Keeps at most `known_max` references in memory, oldest out first."""

    def __init__(self, *, known_max: int) -> None:
        """Start without any."""
        self._known_max = known_max
        self._known: dict[bytes, int] = {}

    def known(self, card_ref: bytes) -> int | None:
        """The holder, if it is remembered."""
        return self._known.get(card_ref)

    def remember(self, found: Iterable[tuple[bytes, int]]) -> None:
        """Keep what a batch has found: references with their holders."""
        self._known.update(found)
        while len(self._known) > self._known_max:
            del self._known[next(iter(self._known))]
