"""The roll-up as a job: totals of the books and payables of merchants, carried on to the end."""

import asyncpg
import structlog

from authz.settlement.payables import ZONE, Payables
from ledger.rollup import step
from rules.rulebook import Rulebook

HOLDERS_A_STEP = 2_000
MOVEMENTS_A_HOLDER = 5_000
ELSEWHERE = (
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
)
"""What the database says to the second of two who carry the same holders forward."""

_log = structlog.get_logger()


async def roll_up(
    pool: asyncpg.Pool, book: Rulebook, *, holders_max: int = HOLDERS_A_STEP
) -> dict[str, int]:
    """Carry every holder forward, in one pass by holder, a SQL transaction a step.

    Where another process is at the same work, it is left to it.
    """
    payables, done, after = Payables(book), 0, 0
    try:
        while True:
            async with pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
                moved = await step(
                    sql,
                    ZONE,
                    (payables.add,),
                    holders_max=holders_max,
                    movements_max=MOVEMENTS_A_HOLDER,
                    after=after,
                )
            if moved is None:
                return {"holders": done}
            done, after = done + moved.holders, moved.behind
    except ELSEWHERE:
        _log.info("roll_up_elsewhere")
        return {"holders": done}
