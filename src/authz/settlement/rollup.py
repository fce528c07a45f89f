"""The roll-up as a job: totals of the books and payables of merchants, carried on to the end."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog

from authz.settlement.payables import ZONE, Payables
from ledger.passes import Step, go_through
from ledger.rollup import step
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

ROLLING_UP: Final = "roll-up"
"""The name of the roll-up's pass."""
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
    pool: asyncpg.Pool, book: Rulebook, now: datetime, *, holders_max: int = HOLDERS_A_STEP
) -> dict[str, int]:
    """Carry forward what moved since the last time, a SQL transaction a step. `now` is UTC.

    Where another process is at the same work, it is left to it.
    """
    payables, carried = Payables(book), 0

    async def take(tx: "Tx", holder_ids: list[int]) -> Step:
        nonlocal carried
        also = (payables.add,)
        done = await step(tx, ZONE, holder_ids, also, movements_max=MOVEMENTS_A_HOLDER)
        carried += done.holders
        return done

    try:
        await go_through(pool, ROLLING_UP, now, take, holders_max=holders_max)
    except ELSEWHERE:
        _log.info("roll_up_elsewhere")
    return {"holders": carried}
