"""What somebody must look at: totals that do not balance, days unsealed, merchants paid too late.

Light enough to run all day, on totals and marks; the whole proof is `millesime audit`.
"""

from datetime import datetime, timedelta
from typing import Final

import asyncpg
import structlog

from authz.bank.matters import read_matters
from authz.settlement.payables import Payables
from ledger.rollup import trial_balance
from ledger.seal import unsealed
from rules.rulebook import Rulebook

UNSEALED_MAX: Final = timedelta(days=1)
"""How old a movement may be that no block holds."""

Alarms = dict[str, int]
"""What is wrong, by its name, and how often; zeros where nothing is."""

_log = structlog.get_logger()


async def alarms(pool: asyncpg.Pool, book: Rulebook, now: datetime) -> Alarms:
    """Look, and log what is wrong. `now` is UTC."""
    async with (
        pool.acquire() as sql,
        sql.transaction(isolation="repeatable_read", readonly=True),
    ):
        lines = await trial_balance(sql)
        late = await unsealed(sql, now - UNSEALED_MAX)
        bank = await read_matters(sql)
        wait = timedelta(days=book.on(now.date()).pay_merchant_days)  # R.3262-25
        due = await Payables(book).owed(sql, now.date() - wait - timedelta(days=1))
    off_minor = abs(sum(line.debits_posted - line.credits_posted for line in lines))
    overdue = sum(1 for each in due if each.payable)
    found = {"books_unbalanced": off_minor, "unsealed": late, "payments_overdue": overdue}
    found |= bank.alarms()
    for what, count in found.items():
        if count:
            _log.error("alarm", what=what, count=count)
    return found
