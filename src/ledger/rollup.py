"""Totals of the books by account and day, carried forward off the hot path.

House and merchant accounts have no running balance where decisions are made, so that no row is hot.
Here each holder's movements are read once, from the mark of the last run up to the holder's last
number: numbers are given in commit order without a gap, so nothing late is ever passed by.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.accounts import House
from ledger.passes import Step

if TYPE_CHECKING:
    from ledger.journal import Tx

ALL_LOTS: Final = 0
"""The account that stands for all lots: each has its running balance in its holder's row."""

# Read and marked in one snapshot: a holder's row and its movements are committed together.
DUE: Final = """
    select h.holder_id, coalesce(m.seq, 0) as since,
        least(h.last_seq, coalesce(m.seq, 0) + $2) as until, h.last_seq
    from holders h left join rolled_marks m using (holder_id)
    where h.holder_id = any ($1) and h.last_seq > coalesce(m.seq, 0) order by h.holder_id
"""
# As in the trial balance: a hold stands as pending on both sides until its settlement ends it.
FOLD: Final = """
    with due as (
        select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
            as d (holder_id, since, until)
    ), moved as (
        select t.debit_account, t.credit_account, (t.at at time zone $4)::date as day,
            case t.kind when 'hold' then t.amount_minor when 'direct' then 0
                else -h.amount_minor end as pending,
            case when t.kind in ('direct', 'post') then t.amount_minor else 0 end as posted
        from due d
        join transfers t on t.holder_id = d.holder_id and t.seq > d.since and t.seq <= d.until
        left join transfers h on t.kind in ('post', 'void')
            and h.holder_id = t.holder_id and h.seq = t.about_seq
    ), sides as (
        select debit_account as account, day, pending as debits_pending, posted as debits_posted,
            0::bigint as credits_pending, 0::bigint as credits_posted from moved
        union all
        select credit_account, day, 0, 0, pending, posted from moved
    )
    insert into rolled_totals as r
    select case when account >= 4096 then 0 else account end as account_id, day,
        sum(debits_pending), sum(debits_posted), sum(credits_pending), sum(credits_posted)
    from sides group by 1, 2 order by 1, 2
    on conflict (account_id, day) do update set
        debits_pending = r.debits_pending + excluded.debits_pending,
        debits_posted = r.debits_posted + excluded.debits_posted,
        credits_pending = r.credits_pending + excluded.credits_pending,
        credits_posted = r.credits_posted + excluded.credits_posted
"""
MARK: Final = """
    insert into rolled_marks as m
    select * from unnest($1::bigint[], $2::bigint[])
    on conflict (holder_id) do update set seq = excluded.seq
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
    select count(*), coalesce(sum(h.last_seq - coalesce(m.seq, 0)), 0)::bigint
    from holders h left join rolled_marks m using (holder_id)
    where h.last_seq > coalesce(m.seq, 0)
"""


class Due(Struct, frozen=True):
    """The movements of one step: of each holder those after `since`, up to `until`."""

    holder_ids: list[int]
    since: list[int]
    until: list[int]


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


Also = Callable[["Tx", Due], Awaitable[None]]
"""Something else to be added up from the same movements, under the same marks."""


async def step(
    tx: "Tx",
    zone: str,
    holder_ids: list[int],
    also: tuple[Also, ...] = (),
    *,
    movements_max: int,
) -> Step:
    """Carry these holders forward. Days are civil days of `zone`.

    The caller's SQL transaction must be repeatable read: whoever does the same at the same time
    then gets asyncpg.SerializationError or UniqueViolationError, and nothing is counted twice.
    `movements_max` bounds the movements of one holder in one step.
    """
    rows = await tx.fetch(DUE, holder_ids, movements_max)
    if not rows:
        return Step(0, [])
    due = Due(*([row[place] for row in rows] for place in range(3)))
    await tx.execute(FOLD, due.holder_ids, due.since, due.until, zone)
    for each in also:
        await each(tx, due)
    await tx.execute(MARK, due.holder_ids, due.until)
    return Step(len(rows), [row[0] for row in rows if row[2] < row[-1]])


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
    row = await tx.fetchrow(BEHIND)
    assert row is not None, "an aggregate is always one row"
    return row[0], row[1]
