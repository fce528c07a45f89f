"""The laws of answers, each as one statement: they share no code with what decides.

Each returns how many rows it checked and the first that break it; $1 is how many to name.
"""

from typing import Final

from ledger.accounts import House
from ledger.laws import Law

KEYS_NAME_AN_ANSWER: Final = Law(
    "keys_name_an_answer",
    "every request key names an answer that is kept, or is a tombstone",
    """
    select (select count(*) from request_keys), array(
        select format('key %s', encode(k.key_hash, 'hex')) from request_keys k
        left join authorizations a
            on a.holder_id = k.holder_id and a.authorization_id = k.authorization_id
        left join pending_payments p
            on p.holder_id = k.holder_id and p.number = k.authorization_id
        where a.holder_id is null and p.holder_id is null and k.holder_id <> 0 limit $1)
    """,
)
# A reversal keeps what it leaves in `eligible_minor`; what is about a refund is about its payment.
# A hold that another answer posts or voids ends with all of its amount.
REVERSED_STAYS_REVERSED: Final = Law(
    "reversed_stays_reversed",
    "of a payment that was reversed or cancelled stands at most what that left (REV-01, REV-02)",
    """
    with reversed as (
        select holder_id, about_id as number, min(eligible_minor) as left_minor
        from authorizations
        where kind in ('REVERSAL', 'CANCEL') and reason = 'APPROVED' and about_id is not null
        group by holder_id, about_id
    ), answers as (
        select r.holder_id, r.number, r.left_minor, a.authorization_id
        from reversed r join authorizations a
            on a.holder_id = r.holder_id and a.authorization_id = r.number
        union all
        select r.holder_id, r.number, r.left_minor, a.authorization_id
        from reversed r join authorizations a
            on a.holder_id = r.holder_id and a.about_id = r.number
        union all
        select r.holder_id, r.number, r.left_minor, b.authorization_id
        from reversed r join authorizations a
            on a.holder_id = r.holder_id and a.about_id = r.number
        join authorizations b on b.holder_id = a.holder_id and b.about_id = a.authorization_id
    ), effects as (
        select n.holder_id, n.number, n.left_minor, case
            when t.kind = 'hold' then t.amount_minor
            when t.kind = 'void' then -o.amount_minor
            when t.kind = 'post' then t.amount_minor - o.amount_minor
            when t.about_seq is null then t.amount_minor
            when o.kind = 'direct' and o.about_seq is not null then t.amount_minor  -- taken again
            else -t.amount_minor end as minor
        from answers n join transfers t
            on t.holder_id = n.holder_id and t.authorization_id = n.authorization_id
        left join transfers o on o.holder_id = t.holder_id and o.seq = t.about_seq
    ), compared as (
        select holder_id, number, left_minor, sum(minor) as minor
        from effects group by holder_id, number, left_minor
    )
    select (select count(*) from reversed), array(
        select format('holder %s payment %s: %s stands, its reversal left %s',
            holder_id, number, minor, left_minor)
        from compared where minor > left_minor order by holder_id, number limit $1)
    """,
)
# What an advice about a payment leaves held anew is owed as that was, whoever it names itself.
PAYEES_ARE_THE_MERCHANTS: Final = Law(
    "payees_are_the_merchants",
    "a payment is owed to the merchant that its message named; of an advice, perhaps to one that"
    " nobody registered",
    """
    with compared as (
        select a.holder_id, a.authorization_id, a.kind, t.credit_account, -m.merchant_no as payee
        from authorizations a
        join transfers t
            on t.holder_id = a.holder_id and t.authorization_id = a.authorization_id
        left join merchants m on m.acquirer = a.acquirer and m.mid = a.mid
        where a.kind in ('PURCHASE', 'HOLD', 'ADVICE') and a.about_id is null
            and t.kind in ('direct', 'hold') and t.about_seq is null
    )
    select (select count(*) from compared), array(
        select format('holder %s authorization %s: owed to account %s, the merchant has %s',
            holder_id, authorization_id, credit_account, coalesce(payee::text, 'none'))
        from compared where credit_account is distinct from payee
            and not (kind = 'ADVICE' and credit_account = any ($2))
        order by holder_id, authorization_id limit $1)
    """,
    ([int(House.UNREGISTERED), int(House.SUSPENSE)],),
)
