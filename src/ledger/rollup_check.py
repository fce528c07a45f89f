"""The proof of the totals: an account's sums of a day are those of its movements behind a mark."""

from typing import Final

from ledger.laws import Law
from ledger.rollup import ROLLING_UP

# Reads every row again with other words than the roll-up: by kind, and holds by their settlement,
# which frees them on its own day.
_TOTALS: Final = """
    with behind as (
        select t.*, (t.at at time zone $3)::date as on_day
        from transfers t join pass_marks m on m.name = $2
        where t.sql_tx < m.below and t.sql_tx <> all (m.at_work)
    ), ended as (
        select h.debit_account, h.credit_account, h.amount_minor, s.on_day
        from behind s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
        where s.kind in ('post', 'void')
    ), rows as (
        select debit_account as account_id, on_day, kind, 1 as side, amount_minor as minor
        from behind
        union all
        select credit_account, on_day, kind, -1, amount_minor from behind
        union all
        select debit_account, on_day, 'freed', 1, amount_minor from ended
        union all
        select credit_account, on_day, 'freed', -1, amount_minor from ended
    ), booked as (
        select case when account_id >= 4096 then 0 else account_id end as account_id, on_day,
            array[
                coalesce(sum(minor) filter (where kind = 'hold' and side = 1), 0)
                    - coalesce(sum(minor) filter (where kind = 'freed' and side = 1), 0),
                coalesce(sum(minor) filter (where kind in ('direct', 'post') and side = 1), 0),
                coalesce(sum(minor) filter (where kind = 'hold' and side = -1), 0)
                    - coalesce(sum(minor) filter (where kind = 'freed' and side = -1), 0),
                coalesce(sum(minor) filter (where kind in ('direct', 'post') and side = -1), 0)
            ] as minors
        from rows group by 1, 2
    ), said as (
        select account_id, day as on_day,
            array[debits_pending, debits_posted, credits_pending, credits_posted]::numeric[]
                as minors
        from rolled_totals
    ), compared as (
        select account_id, on_day, s.minors as said, b.minors as booked
        from said s full join booked b using (account_id, on_day)
    )
    select (select count(*) from compared), array(
        select format('account %s on %s: rolled up %s, the books say %s',
            account_id, on_day, said, booked)
        from compared where coalesce(said, '{0,0,0,0}') <> coalesce(booked, '{0,0,0,0}')
        order by account_id, on_day limit $1)
"""


def totals_are_the_books(zone: str) -> Law:
    """The law of the totals, whose days are civil days of `zone`."""
    return Law(
        "totals_are_the_books",
        "what was rolled up of an account and day is what its movements behind the mark add up to",
        _TOTALS,
        (ROLLING_UP, zone),
    )
