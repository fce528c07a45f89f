"""The sealer as a job: everything committed is sealed, a SQL transaction for each head."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog

from authz.settlement.rollup import ELSEWHERE
from ledger.passes import Step, go_through
from ledger.seal import SealKey, seal

if TYPE_CHECKING:
    from ledger.journal import Tx

SEALING: Final = "seal"
"""The name of the sealer's pass."""
HOLDERS_A_HEAD = 2_000
MOVEMENTS_A_BLOCK = 5_000

_log = structlog.get_logger()


async def seal_books(
    pool: asyncpg.Pool, key: SealKey, now: datetime, *, holders_max: int = HOLDERS_A_HEAD
) -> dict[str, int]:
    """Seal what moved since the last time; how many heads that made. `now` is UTC.

    What is booked meanwhile is for the next time. Where another process is at the same work, it is
    left to it. Raises ledger.seal.SealError where the books have a gap: they are not sealed over
    it, and somebody must look.
    """
    heads = 0

    async def take(tx: "Tx", holder_ids: list[int]) -> Step:
        nonlocal heads
        done = await seal(tx, key, now, holder_ids, movements_max=MOVEMENTS_A_BLOCK)
        heads += done.holders > 0
        return done

    try:
        await go_through(pool, SEALING, now, take, holders_max=holders_max)
    except ELSEWHERE:
        _log.info("sealed_elsewhere")
    return {"heads": heads}
