"""Whom a job goes through: those whose books moved since it last did, and once a day everybody.

Movements come into the table in the order of their instants, so that a block range index finds the
recent ones whatever the history. Everybody's turn finds what was booked long after its instant.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg
from msgspec import Struct

if TYPE_CHECKING:
    from ledger.journal import Tx

LATE_MAX: Final = timedelta(minutes=2)
"""How long after its instant a movement may be committed and still be found by the next pass.

A request's deadlines are seconds. What every pass reads once more grows with this: at lunch each
minute is some ninety thousand holders. A long job's movements wait for everybody's turn.
"""
EVERYBODY_AFTER: Final = timedelta(days=1)

MARK: Final = "select begun_at, everybody_at from pass_marks where name = $1"
SET_MARK: Final = """
    insert into pass_marks as m values ($1, $2, $2)
    on conflict (name) do update set begun_at = excluded.begun_at,
        everybody_at = case when $3 then excluded.everybody_at else m.everybody_at end
"""
MOVED: Final = "select distinct holder_id from transfers where at >= $1 order by holder_id"
EVERYBODY: Final = "select holder_id from holders where holder_id > $1 order by holder_id limit $2"


class Step(Struct, frozen=True):
    """How many holders a step carried forward, and who had more than one step takes."""

    holders: int
    unfinished: list[int]


Take = Callable[["Tx", list[int]], Awaitable[Step]]
"""One step, for holders in the order of their ids, in a SQL transaction of repeatable read."""


async def go_through(
    pool: asyncpg.Pool, name: str, now: datetime, take: Take, *, holders_max: int
) -> None:
    """Take everybody who may have moved since the last pass of this name, some at a time.

    The pass is marked once it has come to its end: what breaks off begins again where it began.
    """
    async with pool.acquire() as sql:
        since = await moved_since(sql, name, now)
    chunks = _everybody(pool, holders_max) if since is None else _moved(pool, since, holders_max)
    async for holder_ids in chunks:
        while holder_ids:
            async with pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
                holder_ids = (await take(sql, holder_ids)).unfinished
    async with pool.acquire() as sql:
        await sql.execute(SET_MARK, name, now, since is None)


async def moved_since(tx: "Tx", name: str, now: datetime) -> datetime | None:
    """From which instant on movements may have escaped the last pass; None: it is everybody's turn.

    That is so once a day, the first time, and when a test clock was set back.
    """
    mark = await tx.fetchrow(MARK, name)
    if mark is None or not mark["everybody_at"] <= now < mark["everybody_at"] + EVERYBODY_AFTER:
        return None
    begun_at: datetime = mark["begun_at"]
    return None if begun_at > now else begun_at - LATE_MAX


async def covered_until(tx: "Tx", name: str) -> datetime | None:
    """Up to which instant the last pass of this name surely saw all movements; None: never."""
    mark = await tx.fetchrow(MARK, name)
    return None if mark is None else mark["begun_at"] - LATE_MAX


async def _everybody(pool: asyncpg.Pool, holders_max: int) -> AsyncIterator[list[int]]:
    last = 0
    while rows := await pool.fetch(EVERYBODY, last, holders_max):
        yield [row[0] for row in rows]
        last = rows[-1][0]


async def _moved(pool: asyncpg.Pool, since: datetime, holders_max: int) -> AsyncIterator[list[int]]:
    """One reading of the recent movements: to ask again for each chunk would read them as often."""
    holder_ids = [row[0] for row in await pool.fetch(MOVED, since)]
    for first in range(0, len(holder_ids), holders_max):
        yield holder_ids[first : first + holders_max]
