"""What somebody must look at: books off balance, unsealed days, unpaid merchants, missing holidays.

Light enough to run all day, on totals and marks; the whole proof is `millesime audit`.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

import asyncpg
import structlog

from authz.bank.matters import read_matters
from authz.settlement.payables import Payables
from authz.settlement.remit import missed
from authz.settlement.rhythm import Rhythm
from ledger.accounts import House
from ledger.rollup import Line, trial_balance
from ledger.seal import unsealed
from rules.calendar import LAST_YEAR
from rules.geography import PARIS, civil_day
from rules.rulebook import Rulebook

UNSEALED_MAX: Final = timedelta(days=1)
"""How old a movement may be that no block holds."""

HOLIDAYS_AHEAD: Final = timedelta(days=180)
"""How far ahead the table of holidays has to reach: behind it local ones are unknown (DAY-08)."""

Alarms = dict[str, int]
"""What is wrong, by its name, and how often, or by how many cents; zeros where nothing is."""

_log = structlog.get_logger()


async def alarms(pool: asyncpg.Pool, book: Rulebook, rhythm: Rhythm, now: datetime) -> Alarms:
    """Look, and log what is wrong. `now` is UTC.

    A merchant's payment is missed from the day after its pay day on, by `rhythm`, and overdue when
    the law's time is over as well: both by the civil day in Paris.
    """
    today = civil_day(now, PARIS)
    async with (
        pool.acquire() as sql,
        sql.transaction(isolation="repeatable_read", readonly=True),
    ):
        lines = await trial_balance(sql)
        late = await unsealed(sql, now - UNSEALED_MAX)
        bank = await read_matters(sql)
        unpaid = await missed(sql, book, rhythm.due(today))
        wait = timedelta(days=book.on(today).pay_merchant_days)  # R.3262-25
        waited = await Payables(book).owed(sql, today - wait - timedelta(days=1))
    off_minor = abs(sum(line.debits_posted - line.credits_posted for line in lines))
    overdue = sum(1 for each in waited if each.payable)
    found = {"books_unbalanced": off_minor, "unsealed": late}
    found |= {"payments_missed": len(unpaid), "payments_overdue": overdue}
    found |= {"owed_to_unregistered": _standing(lines, House.UNREGISTERED)}
    found |= bank.alarms() | {"holidays_missing": holidays_missing(today)}
    for what, count in found.items():
        if count:
            _log.error("alarm", what=what, count=count)
    return found


def _standing(lines: Iterable[Line], house: House) -> int:
    """What is owed by an account of the house, in cents, as rolled up."""
    return sum(
        line.credits_posted - line.debits_posted for line in lines if line.name == house.name
    )


def holidays_missing(day: date) -> int:
    """How many of the next days are in no table of holidays. Pure."""
    return max(0, (day + HOLIDAYS_AHEAD - date(LAST_YEAR, 12, 31)).days)
