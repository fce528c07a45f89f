"""The trial balance by a scan of all movements: what the totals carried forward must come to."""

from typing import TYPE_CHECKING

from ledger.accounts import House
from ledger.rollup import Line

if TYPE_CHECKING:
    from ledger.journal import Tx

# A hold stands on both its accounts as pending until its settlement takes that back, so a post
# contributes what it moves and, by its hold, what it ends.
TRIAL_BALANCE = """
    with moved as (
        select debit_account, credit_account,
            case kind when 'hold' then amount_minor else 0 end as pending,
            case when kind in ('direct', 'post') then amount_minor else 0 end as posted
        from transfers where kind <> 'void'
        union all
        select s.debit_account, s.credit_account, -h.amount_minor, 0
        from transfers s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
        where s.kind in ('post', 'void')
    ), sides as (
        select debit_account as account, pending as debits_pending, posted as debits_posted,
            0::bigint as credits_pending, 0::bigint as credits_posted from moved
        union all
        select credit_account, 0, 0, pending, posted from moved
    )
    select
        case when account < 0 then 'MERCHANT_PAYABLE' when account >= 4096 then 'HOLDER_LOT'
            else account::text end as line,
        sum(debits_pending)::bigint, sum(debits_posted)::bigint,
        sum(credits_pending)::bigint, sum(credits_posted)::bigint
    from sides group by line
"""


async def trial_balance(tx: "Tx") -> dict[str, Line]:
    """All debits and credits by line of the chart."""
    lines = {}
    for line, *sums in await tx.fetch(TRIAL_BALANCE):
        name = House(int(line)).name if line.isdecimal() else line
        lines[name] = Line(name, *sums)
    return lines
