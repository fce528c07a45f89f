"""The sealer as a job: everything committed is sealed, a SQL transaction for each head."""

from datetime import datetime

import asyncpg
import structlog

from authz.settlement.rollup import ELSEWHERE
from ledger.seal import SealKey, seal

HOLDERS_A_HEAD = 2_000
MOVEMENTS_A_BLOCK = 5_000

_log = structlog.get_logger()


async def seal_books(
    pool: asyncpg.Pool, key: SealKey, now: datetime, *, holders_max: int = HOLDERS_A_HEAD
) -> dict[str, int]:
    """Seal everybody's movements, in one pass by holder; how many heads that made. `now` is UTC.

    What is booked behind the pass is the next one's.

    Where another process is at the same work, it is left to it. Raises ledger.seal.SealError where
    the books have a gap: they are not sealed over it, and somebody must look.
    """
    heads, after = 0, 0
    try:
        while True:
            async with pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
                behind = await seal(
                    sql,
                    key,
                    now,
                    holders_max=holders_max,
                    movements_max=MOVEMENTS_A_BLOCK,
                    after=after,
                )
            if behind is None:
                return {"heads": heads}
            heads, after = heads + 1, behind
    except ELSEWHERE:
        _log.info("sealed_elsewhere")
        return {"heads": heads}
