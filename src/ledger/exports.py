"""The books as files: the journal as CSV and the accounting entries (FEC), row by row.

Rows stream from a cursor in the caller's snapshot, so that a year of movements needs no memory.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from ledger import fec
from ledger.fec import Booked
from ledger.names import authorization_of
from ledger.rollup import Line
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK_ROWS: Final = 1_000
JOURNAL_COLUMNS: Final = (
    "booked_on", "at", "holder_id", "seq", "kind", "debit_account", "credit_account",
    "amount_minor", "authorization", "about_seq", "day",
)  # fmt: skip
TRIAL_COLUMNS: Final = (
    "line", "debits_pending", "debits_posted", "credits_pending", "credits_posted",
)  # fmt: skip

FORMULA_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r")

# In the order of their booking; holder and number part what was booked in one instant.
BOOKED: Final = """
    select (at at time zone $3)::date as booked_on, * from transfers
    where (at at time zone $3)::date between $1 and $2
        and at >= $1::date - interval '1 day' and at < $2::date + interval '2 days'
    order by at, holder_id, seq
"""


# What each account stood at before a day: above zero where more was debited.
STOOD_AT: Final = """
    with before as (
        select debit_account, credit_account, amount_minor from transfers
        where kind in ('direct', 'post') and (at at time zone $2)::date < $1
    )
    select account_id, sum(minor)::bigint as minor from (
        select debit_account as account_id, amount_minor as minor from before
        union all
        select credit_account, -amount_minor from before
    ) as sides group by account_id having sum(minor) <> 0 order by account_id
"""


async def booked(tx: "Tx", first: date, last: date, zone: str) -> AsyncIterator[Booked]:
    """The movements booked from `first` to `last`, civil days of `zone`, in order."""
    async for row in tx.cursor(BOOKED, first, last, zone, prefetch=CHUNK_ROWS):
        yield Booked(Transfer.from_row(row), row["booked_on"])


async def journal(tx: "Tx", first: date, last: date, zone: str) -> AsyncIterator[str]:
    """Every movement as a line of CSV, holds and releases too, after the names of the columns."""
    yield csv_line(JOURNAL_COLUMNS)
    async for each in booked(tx, first, last, zone):
        t = each.transfer
        yield csv_line(
            (
                each.booked_on, t.at.isoformat(), t.holder_id, t.seq, t.kind, t.debit_account,
                t.credit_account, t.amount_minor, authorization_of(t), t.about_seq, t.day,
            )
        )  # fmt: skip


async def entries(tx: "Tx", first: date, last: date, zone: str) -> AsyncIterator[str]:
    """The lines of the FEC of these days; numbers begin at 1, so that a file is one fiscal year.

    The first entry is what the accounts stood at before (A.47 A-1), where they stood at anything.
    """
    number = 0
    yield fec.HEADER
    async for line in _opening(tx, first, zone):
        number = 1
        yield line
    async for each in booked(tx, first, last, zone):
        if fec.is_entry(each.transfer):
            number += 1
            for line in fec.entry(each, number):
                yield line


async def _opening(tx: "Tx", first: date, zone: str) -> AsyncIterator[str]:
    result_minor = 0
    async for account_id, minor in tx.cursor(STOOD_AT, first, zone, prefetch=CHUNK_ROWS):
        if fec.is_taken_over(account_id):
            yield fec.opening(account_id, minor, first)
        else:
            result_minor += minor
    if result_minor:
        yield fec.opening_result(result_minor, first)


def trial_lines(balance: Iterable[Line]) -> Iterable[str]:
    """A trial balance as CSV, with its sums in the last line: debits and credits are equal."""
    yield csv_line(TRIAL_COLUMNS)
    sums = [0, 0, 0, 0]
    for line in balance:
        figures = (
            line.debits_pending, line.debits_posted, line.credits_pending, line.credits_posted,
        )  # fmt: skip
        sums = [a + b for a, b in zip(sums, figures, strict=True)]
        yield csv_line((line.name, *figures))
    yield csv_line(("TOTAL", *sums))


def csv_line(values: Iterable[Any]) -> str:
    """One line of CSV (RFC 4180); nothing is an empty field, and no text is a formula.

    Who opens the file in a spreadsheet runs what begins like a formula (OWASP, CSV injection), and
    numbers and names of merchants come from outside: such a text gets an apostrophe in front.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(map(_cell, values))
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_BEGINNINGS):
        return f"'{value}"
    return "" if value is None else value
