"""The law of vintages: what becomes of a lot but by payments and gifts has its reason noted.

Like the laws of the books it returns how many rows it checked and the first that break it; $1 is
how many to name. It shares no code with what plans and books the moves.
"""

from typing import Final

from ledger.accounts import House
from ledger.laws import Law

# From lot to lot it is exchanged; into the expired account it expires, and out of it, naming what
# went in, it is given on request or lost. What goes back to an employer may be a correction too:
# that is for the law of those (`loads/laws.py`).
MOVES_ARE_NOTED: Final = Law(
    "moves_are_noted",
    "what is exchanged, expires, is lost or left by who left is noted with its lot and vintage, and"
    " nothing else is",
    """
    with moved as (
        select holder_id, seq, about_seq, debit_account, credit_account, amount_minor, day,
            case when kind <> 'direct' or authorization_id is not null then 'none'
                when debit_account = $2 and credit_account >= 4096 then 'REQUESTED'
                when debit_account = $2 and credit_account = $3 then 'LOST'
                when debit_account < 4096 then 'none'
                when credit_account = $2 then 'EXPIRED'
                when credit_account = $4 then 'RETURNED'
                when credit_account >= 4096 then 'EXCHANGED'
                else 'none' end as reason
        from transfers
        where debit_account in ($2, $3) or credit_account in ($2, $3)
            or (debit_account >= 4096 and (credit_account >= 4096 or credit_account = $4))
    ), left_lots as (
        select m.holder_id, m.seq, m.reason, m.amount_minor, m.day, m.credit_account,
            case m.debit_account when $2 then e.debit_account else m.debit_account end as lot
        from moved m left join transfers e
            on e.holder_id = m.holder_id and e.seq = m.about_seq and m.debit_account = $2
    ), placed as (
        select m.holder_id, m.seq, m.reason, m.amount_minor, m.day, m.lot & 4095 as lot_no,
            a.vintage, m.credit_account < 4096 or t.origin = 'EXCHANGE'
                and t.from_vintage = a.vintage and t.vintage = a.vintage + 1 as follows
        from left_lots m
        left join ledger_accounts a on a.holder_id = m.holder_id and a.account_id = m.lot
        left join ledger_accounts t on t.holder_id = m.holder_id and t.account_id = m.credit_account
    ), compared as (
        select holder_id, seq, m.reason as moved, m.amount_minor, n.reason as noted,
            m.reason = replace(n.reason, '_LATE', '') and m.amount_minor = n.amount_minor
                and m.day = n.day and m.lot_no = n.lot_no and m.vintage = n.vintage
                and m.follows as agree
        from placed m full join vintage_moves n using (holder_id, seq)
    )
    select (select count(*) from compared), array(
        select format('holder %s seq %s: %s of %s, noted as %s',
            holder_id, seq, coalesce(moved, 'no such move'), amount_minor, coalesce(noted, 'none'))
        from compared where agree is not true and (noted is not null or moved <> 'RETURNED')
        order by holder_id, seq limit $1)
    """,
    (int(House.EXPIRED), int(House.LOST), int(House.RETURNED_TO_EMPLOYER)),
)
