"""A save and the way back of its SQL connection: what breaks there says nothing of the commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from authz.batch.directory import Directory
from authz.decide.writes import Writes
from authz.storage.store import InDoubt, Store, StoreDown

NOTHING = Writes(afters=[], keys=[], decided=[], movements=[])


class Line:
    """Sessions whose statement and whose way back end as a test wants."""

    def __init__(self, *, taken: Any = None, answered: Any = None, back: Any = None) -> None:
        """Errors to raise, or None."""
        self._taken, self._answered, self._back = taken, answered, back

    @asynccontextmanager
    async def acquire(self, **_limits: float) -> AsyncIterator["Line"]:
        if self._taken is not None:
            raise self._taken
        try:
            yield self
        finally:
            if self._back is not None:
                raise self._back

    async def fetchval(self, *_statement: object, **_limits: float) -> None:
        if self._answered is not None:
            raise self._answered


def save(line: Any) -> None:
    asyncio.run(Store(line, Directory(known_max=0), answer_timeout_s=1).save(NOTHING))


def test_what_was_answered_stays_saved_though_the_connection_breaks_on_its_way_back() -> None:
    save(Line(back=asyncpg.InterfaceError("gone")))


@pytest.mark.parametrize("back", [None, TimeoutError(), asyncpg.InterfaceError("gone")])
def test_what_was_not_answered_is_in_doubt_however_the_connection_comes_back(back: Any) -> None:
    with pytest.raises(InDoubt):
        save(Line(answered=ConnectionResetError(), back=back))


def test_what_found_no_connection_is_surely_not_saved() -> None:
    with pytest.raises(StoreDown):
        save(Line(taken=TimeoutError()))
