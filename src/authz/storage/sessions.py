"""SQL connections that the road keeps at hand: taken without a wait, kept for the next batch.

A pool's own taking and giving back costs four times a short statement (tasks, timers, shields); a
batch has two statements. So what a batch was done with is kept here, and only what failed goes
back to the pool, which looks whether it is fit, and replaces it where it is not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
"""Errors after which nobody knows what the database made of the last statement."""

Lent = AsyncIterator[PoolConnectionProxy]


class KeptSessions:
    """Some of a pool's SQL connections, as many as were ever needed at a time; `acquire` alike.

    Whoever closes the pool closes this first.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        """`pool` makes the connections, and replaces those that break."""
        self._pool = pool
        self._idle: list[PoolConnectionProxy] = []

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> Lent:  # noqa: ASYNC109 - the pool's own word
        """A connection of one's own for a block. Raises `LOST` where none is to be had in time."""
        sql, whole = await self._take(timeout), False
        try:
            yield sql
            whole = True
        finally:
            if whole:
                self._idle.append(sql)
            else:
                await self._give_back(sql, timeout)

    async def close(self) -> None:
        """Give everything back to the pool."""
        while self._idle:
            await self._give_back(self._idle.pop(), None)

    async def _take(self, timeout_s: float) -> PoolConnectionProxy:
        while self._idle:
            sql = self._idle.pop()
            if _is_whole(sql):
                return sql
            await self._give_back(sql, timeout_s)
        return await self._pool.acquire(timeout=timeout_s)

    async def _give_back(self, sql: PoolConnectionProxy, timeout_s: float | None) -> None:
        with suppress(*LOST):  # one that broke meanwhile is replaced when the pool is asked again
            await self._pool.release(sql, timeout=timeout_s)


def _is_whole(sql: PoolConnectionProxy) -> bool:
    try:
        return not sql.is_closed()
    except asyncpg.InterfaceError:  # it broke, and the pool took it back by itself
        return False


Sessions = asyncpg.Pool | KeptSessions
"""Where a statement of the road gets its SQL connection."""
