"""The settlement date as it stands, and the time of day that moves it on where a setting says."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from authz.settlement.business_day import current_day
from rules.geography import PARIS, civil_day

if TYPE_CHECKING:
    from ledger.journal import Tx

BUSINESS_DAY: Final = "select business_day from control"
ADVANCE: Final = "update control set business_day = $1 where coalesce(business_day, $2) < $1"
"""$1 is the day that begins, $2 the one that holds where no cutover ever set one."""


async def settlement_date(sql: "Tx | asyncpg.Pool", now: datetime) -> date:
    """The settlement date at an instant (UTC)."""
    return current_day(await sql.fetchval(BUSINESS_DAY), now)


async def close_day(pool: asyncpg.Pool, close_time: time | None, now: datetime) -> dict[str, int]:
    """Begin the next settlement date once `close_time` has passed in Paris; `now` is UTC.

    Never goes back, so that a cutover by message (0800) that came before stays.
    """
    if close_time is None:
        return {"closed": 0}
    today = civil_day(now, PARIS)
    passed = now.astimezone(PARIS).time() >= close_time
    begins = today + timedelta(days=1) if passed else today
    return {"closed": int((await pool.execute(ADVANCE, begins, today)).removeprefix("UPDATE "))}
