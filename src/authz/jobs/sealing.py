"""The sealer as a job: everything committed is sealed, a SQL transaction for each head."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from ledger.passes import ELSEWHERE, Portion, move_mark
from ledger.seal import SEALING, SealKey, moved, seal

HOLDERS_A_HEAD: Final = 2_000
MOVEMENTS_A_BLOCK: Final = 5_000
MOVEMENTS_A_HEAD: Final = 20_000
"""Their text comes in one piece, and the same loop answers payments."""
HOLDERS_A_READING: Final = 100_000
"""Each reads the portion once more, and they lie in memory."""

_log = structlog.get_logger()


async def seal_books(
    pool: asyncpg.Pool, key: SealKey, now: datetime, *, holders_max: int = HOLDERS_A_HEAD
) -> dict[str, int]:
    """Seal what was booked since the last time; how many heads that made. `now` is UTC.

    What is booked meanwhile is sealed with it or the next time. Where another process is at the
    same work, it is left to it. Raises ledger.seal.SealError where the books have a gap: they are
    not sealed over it, and somebody must look.
    """
    heads = 0
    try:
        async with pool.acquire() as sql:
            portion = await Portion.read(sql, SEALING)
        async for holder_ids in _whose(pool, portion, holders_max):
            while holder_ids:
                async with pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
                    done = await seal(
                        sql, key, now, holder_ids,
                        block_max=MOVEMENTS_A_BLOCK, head_max=MOVEMENTS_A_HEAD,
                    )  # fmt: skip
                heads, holder_ids = heads + (done.holders > 0), done.unfinished
        async with pool.acquire() as sql:
            await move_mark(sql, SEALING, portion)
    except ELSEWHERE:
        _log.info("sealed_elsewhere")
    return {"heads": heads}


async def _whose(
    pool: asyncpg.Pool, portion: Portion, holders_max: int
) -> AsyncIterator[list[int]]:
    """The holders of a portion, so many at a time; no SQL connection is held meanwhile."""
    last = 0
    while True:
        async with pool.acquire() as sql:
            holder_ids = await moved(sql, portion, last, HOLDERS_A_READING)
        if not holder_ids:
            return
        for first in range(0, len(holder_ids), holders_max):
            yield holder_ids[first : first + holders_max]
        last = holder_ids[-1]
