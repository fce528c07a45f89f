"""The audit as a job: the proof of some holders at a time, round after round, beside the engine.

What it costs is bounded by a slice; where it has come to is a row, so that it goes on after a
restart, and two processes never prove the same slice at once. Laws that no slice can prove (totals,
seals, settlement, keys) are for `watch` and for `millesime audit`.
"""

from collections.abc import Mapping
from typing import Final

import asyncpg
import structlog

from authz.audit.prove import prove_slice
from authz.metrics import Metrics
from rules.rulebook import Rulebook

SLICE_HOLDERS: Final = 500
"""Holders in a slice unless a setting says otherwise."""
BROKEN: Final = "books_broken"
_PATIENCE: Final = "select set_config('statement_timeout', '60s', true)"
_TAKE: Final = "select last_holder, broken from audit_mark for update skip locked"
# The round that ends without a violation is the one that says when all was last well.
_MOVE: Final = """
    update audit_mark set
        last_holder = $1, broken = case when $3 then 0 else broken + $2 end,
        proved_at = case when $2 = 0 then clock_timestamp() else proved_at end,
        round_at = case when $3 and broken + $2 = 0 then clock_timestamp() else round_at end
    returning extract(epoch from proved_at)::float8, extract(epoch from round_at)::float8
"""

_log = structlog.get_logger()


async def audit_slice(
    pool: asyncpg.Pool,
    rulebooks: Mapping[str, Rulebook],
    holders_max: int = SLICE_HOLDERS,
    metrics: Metrics | None = None,
) -> dict[str, int]:
    """Prove the next holders and every answer to them; how many, and how often a law is broken.

    `rulebooks` by version. After the last holder the next run begins with the first.
    """
    async with pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
        await sql.execute(_PATIENCE)
        mark = await sql.fetchrow(_TAKE)
        if mark is None:  # another process is at it
            return {"holders": 0, "broken": 0}
        proved = await prove_slice(sql, rulebooks, mark["last_holder"], holders_max)
        at_end = proved.holders < holders_max
        last_holder = 0 if at_end else proved.last_holder
        moved = await sql.fetchrow(_MOVE, last_holder, proved.violations, at_end)
        assert moved is not None, "the mark is locked, so it is there"
    for law in proved.broken:
        _log.critical(BROKEN, law=law.name, where=law.violations)
    if metrics is not None:
        total = mark["broken"] + proved.violations
        metrics.audited(moved[0], moved[1], total, at_end=at_end)
    return {"holders": proved.holders, "broken": proved.violations}
