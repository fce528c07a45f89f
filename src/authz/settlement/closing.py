"""Moves the settlement date on at a time of day, where a setting says so and no peer has to ask."""

from datetime import datetime, time, timedelta
from typing import Final

import asyncpg

from rules.geography import PARIS, civil_day

ADVANCE: Final = "update control set business_day = $1 where coalesce(business_day, $2) < $1"
"""$1 is the day that begins, $2 the one that holds where no cutover ever set one."""


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
