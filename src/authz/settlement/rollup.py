"""The roll-up as a job: totals of the books and payables of merchants, carried on together."""

import asyncpg
import structlog

from authz.settlement.payables import ZONE, Payables
from ledger.passes import ELSEWHERE, Portion, move_mark
from ledger.rollup import ROLLING_UP, fold
from rules.rulebook import Rulebook

_log = structlog.get_logger()


async def roll_up(pool: asyncpg.Pool, book: Rulebook) -> dict[str, int]:
    """Carry forward what was booked since the last time, in one SQL transaction.

    Where another process is at the same work, it is left to it.
    """
    try:
        async with pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
            portion = await Portion.read(sql, ROLLING_UP)
            await move_mark(sql, ROLLING_UP, portion)
            movements = await fold(sql, ZONE, portion)
            await Payables(book).add(sql, portion)
    except ELSEWHERE:
        _log.info("roll_up_elsewhere")
        return {"movements": 0}
    return {"movements": movements}
