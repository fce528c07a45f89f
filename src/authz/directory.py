"""From a card reference to its holder: remembered in memory, else looked up many at a time.

A reference belongs to one holder for ever, so what was found never goes stale. What was not found
is asked again every time: the card may have been issued a second ago.
"""

from collections.abc import Iterable
from typing import Final

import asyncpg

from authz.sessions import LOST, Sessions
from authz.store import StoreDown

FIND: Final = "select card_ref, holder_id from credentials where card_ref = any ($1)"


class Directory:
    """Who holds which card. Keeps at most `known_max` references in memory, oldest out first."""

    def __init__(self, sessions: Sessions, *, known_max: int, answer_timeout_s: float) -> None:
        """`sessions` are used for one statement per look-up."""
        self._sessions = sessions
        self._known_max = known_max
        self._timeout_s = answer_timeout_s
        self._known: dict[bytes, int] = {}

    def known(self, card_ref: bytes) -> int | None:
        """The holder, if it is remembered."""
        return self._known.get(card_ref)

    async def find(self, card_refs: Iterable[bytes]) -> dict[bytes, int]:
        """The holders of those references that somebody holds. Raises `StoreDown`."""
        try:
            async with self._sessions.acquire(timeout=self._timeout_s) as sql:
                rows = await sql.fetch(FIND, list(card_refs), timeout=self._timeout_s)
        except (*LOST, asyncpg.PostgresError) as error:
            raise StoreDown(type(error).__name__) from error
        found = {row[0]: row[1] for row in rows}
        self._remember(found)
        return found

    def _remember(self, found: dict[bytes, int]) -> None:
        self._known.update(found)
        while len(self._known) > self._known_max:
            del self._known[next(iter(self._known))]
