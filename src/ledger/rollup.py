"""Totals of the books by account and day, carried forward off the hot path.

House and merchant accounts have no running balance where decisions are made, so that no row is hot.
Here every movement is read once, behind the mark of the last pass (`passes.py`).
"""

from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.accounts import House
from ledger.passes import Portion

if TYPE_CHECKING:
    from ledger.journal import Tx

ALL_LOTS: Final = 0
"""The account that stands for all lots: each has its running balance in its holder's row."""

ROLLING_UP: Final = "roll-up"
"""The name of the pass; the totals are those of the movements behind its mark."""

# As in the trial balance: a hold stands as pending on both sides until its settlement ends it.
FOLD: Final = """
    with moved as materialized (
        select holder_id, kind, debit_account, credit_account, amount_minor, about_seq,
            (at at time zone $6)::date as day
        from transfers
        where sql_tx >= $1 and (sql_tx >= $2 or sql_tx = any ($3))
            and sql_tx < $4 and sql_tx <> all ($5)
    ), counted as (
        select debit_account, credit_account, day,
            case kind when 'hold' then amount_minor else 0 end as pending,
            case when kind in ('direct', 'post') then amount_minor else 0 end as posted
        from moved
        union all
        select m.debit_account, m.credit_account, m.day, -h.amount_minor, 0
        from moved m join transfers h on h.holder_id = m.holder_id and h.seq = m.about_seq
        where m.kind in ('post', 'void')
    ), pairs as (
        select case when debit_account >= 4096 then 0 else debit_account end as debit_account,
            case when credit_account >= 4096 then 0 else credit_account end as credit_account,
            day, sum(pending) as pending, sum(posted) as posted
        from counted group by 1, 2, 3
    ), sides as (
        select debit_account as account_id, day, pending as debits_pending,
            posted as debits_posted, 0 as credits_pending, 0 as credits_posted from pairs
        union all
        select credit_account, day, 0, 0, pending, posted from pairs
    ), folded as (
        insert into rolled_totals as r
        select account_id, day, sum(debits_pending), sum(debits_posted), sum(credits_pending),
            sum(credits_posted)
        from sides group by account_id, day order by account_id, day
        on conflict (account_id, day) do update set
            debits_pending = r.debits_pending + excluded.debits_pending,
            debits_posted = r.debits_posted + excluded.debits_posted,
            credits_pending = r.credits_pending + excluded.credits_pending,
            credits_posted = r.credits_posted + excluded.credits_posted
    )
    select count(*) from moved
"""
LINES: Final = """
    select case when account_id < 0 then 'MERCHANT_PAYABLE' when account_id = 0 then 'HOLDER_LOT'
            else account_id::text end as line,
        sum(debits_pending)::bigint, sum(debits_posted)::bigint,
        sum(credits_pending)::bigint, sum(credits_posted)::bigint
    from rolled_totals where $1::date is null or day <= $1 group by line order by line
"""
ACCOUNT: Final = """
    select day, debits_pending, debits_posted, credits_pending, credits_posted
    from rolled_totals where account_id = $1 order by day
"""
BEHIND: Final = """
    select count(distinct holder_id), count(*) from transfers
    where sql_tx >= $1 and (sql_tx >= $2 or sql_tx = any ($3))
"""


class Line(Struct, frozen=True):
    """One line of the trial balance at the watermark, in cents."""

    name: str
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


class DayTotals(Struct, frozen=True):
    """What moved on one account on one day, in cents."""

    day: date
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


async def fold(tx: "Tx", zone: str, portion: Portion) -> int:
    """Add a portion to the totals; how many movements it has. Days are civil days of `zone`.

    The caller's SQL transaction must be repeatable read, and the portion be read in it.
    """
    movements: int = await tx.fetchval(FOLD, *portion.whole, zone)
    return movements


async def trial_balance(tx: "Tx", until: date | None = None) -> list[Line]:
    """All debits and credits by line of the chart at the watermark, up to a day, included."""
    lines = []
    for row in await tx.fetch(LINES, until):
        line = row["line"]
        name = House(int(line)).name if line.lstrip("-").isdecimal() else line
        lines.append(Line(name, *tuple(row)[1:]))
    return lines


async def days_of(tx: "Tx", account_id: int) -> list[DayTotals]:
    """What moved on a house or merchant account, or on `ALL_LOTS`, day by day."""
    return [DayTotals(*row) for row in await tx.fetch(ACCOUNT, account_id)]


async def behind(tx: "Tx") -> tuple[int, int]:
    """How many holders, and how many of their movements, are not in the totals yet."""
    portion = await Portion.read(tx, ROLLING_UP)
    row = await tx.fetchrow(BEHIND, *portion.unseen)
    assert row is not None, "an aggregate is always one row"
    return row[0], row[1]
