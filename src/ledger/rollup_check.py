"""The proof of the totals: an account's rolled sums are those of its movements behind its mark."""

from typing import Final

from ledger.laws import Law
from ledger.rollup import ROLLING_UP

# Reads every row again with other words than the roll-up: by kind, and holds by their settlement.
TOTALS_ARE_THE_BOOKS: Final = Law(
    "totals_are_the_books",
    "what was rolled up of each account is what its movements behind its mark add up to",
    """
    with behind as (
        select t.* from transfers t join pass_marks m on m.name = $2
        where t.sql_tx < m.below and t.sql_tx <> all (m.at_work)
    ), rows as (
        select case when debit_account >= 4096 then 0 else debit_account end as account_id,
            kind, 1 as side, amount_minor as minor from behind
        union all
        select case when credit_account >= 4096 then 0 else credit_account end,
            kind, -1, amount_minor from behind
    ), ended as (
        select h.debit_account, h.credit_account, h.amount_minor
        from behind s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
        where s.kind in ('post', 'void')
    ), freed as (
        select case when debit_account >= 4096 then 0 else debit_account end as account_id,
            1 as side, amount_minor as minor from ended
        union all
        select case when credit_account >= 4096 then 0 else credit_account end,
            -1, amount_minor from ended
    ), summed as (
        select account_id,
            coalesce(sum(minor) filter (where kind = 'hold' and side = 1), 0) as debits_held,
            coalesce(sum(minor) filter (where kind in ('direct', 'post') and side = 1), 0)
                as debits,
            coalesce(sum(minor) filter (where kind = 'hold' and side = -1), 0) as credits_held,
            coalesce(sum(minor) filter (where kind in ('direct', 'post') and side = -1), 0)
                as credits
        from rows group by account_id
    ), fallen as (
        select account_id, coalesce(sum(minor) filter (where side = 1), 0) as debits,
            coalesce(sum(minor) filter (where side = -1), 0) as credits
        from freed group by account_id
    ), said as (
        select account_id, sum(debits_pending) as debits_held, sum(debits_posted) as debits,
            sum(credits_pending) as credits_held, sum(credits_posted) as credits
        from rolled_totals group by account_id
    ), compared as (
        select account_id,
            array[s.debits_held, s.debits, s.credits_held, s.credits] as said,
            array[b.debits_held - coalesce(f.debits, 0), b.debits,
                b.credits_held - coalesce(f.credits, 0), b.credits] as booked
        from said s full join summed b using (account_id) left join fallen f using (account_id)
    )
    select (select count(*) from compared), array(
        select format('account %s: rolled up %s, the books say %s', account_id, said, booked)
        from compared where said is distinct from booked order by account_id limit $1)
    """,
    (ROLLING_UP,),
)
