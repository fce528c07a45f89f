"""The proof of bank legs: no approved answer without both legs, no leg without an end.

Each statement returns how many rows it checked and the first that break it, like the laws of the
books; $1 is how many to name. They share no code with what writes the rows.
"""

from typing import Final

from ledger.laws import Law

LEGS_HAVE_ONE_ANSWER: Final = """
    with compared as (
        select l.holder_id, l.number, l.state, a.holder_id is not null as answered,
            p.holder_id is not null as waits
        from bank_legs l
        left join authorizations a on a.holder_id = l.holder_id and a.authorization_id = l.number
        left join pending_payments p on p.holder_id = l.holder_id and p.number = l.number
        where l.kind <> 'VERIFY'
    )
    select (select count(*) from compared), array(
        select format('holder %s payment %s: a leg in state %s, answered: %s, waiting: %s',
            holder_id, number, state, answered, waits)
        from compared
        where answered = waits or (state in ('RESERVED', 'ASKED')) <> waits
        order by holder_id, number limit $1)
"""
APPROVED_WITH_BOTH_LEGS: Final = """
    with compared as (
        select a.holder_id, a.authorization_id, a.bank_minor, l.state, l.amount_minor
        from authorizations a
        left join bank_legs l on l.holder_id = a.holder_id and l.number = a.authorization_id
        where a.bank_minor > 0 or l.holder_id is not null
    )
    select (select count(*) from compared), array(
        select format('holder %s payment %s: answered with %s of the bank, the leg is %s of %s',
            holder_id, authorization_id, bank_minor, coalesce(state, 'missing'), amount_minor)
        from compared
        where (bank_minor > 0 and (state is null or amount_minor <> bank_minor
                or state not in ('APPROVED', 'CAPTURED', 'REVERSAL_DUE', 'REVERSED', 'REFUNDED')))
            or (bank_minor = 0 and state in ('APPROVED', 'CAPTURED', 'REFUNDED'))
        order by holder_id, authorization_id limit $1)
"""
# 110 is the account of what holders' banks owe us.
LEGS_ARE_IN_THE_BOOKS: Final = """
    with moved as (
        select t.holder_id, coalesce(a.about_id, t.authorization_id) as number,
            case when t.credit_account = 110 then -t.amount_minor
                 when t.kind in ('direct', 'hold') then t.amount_minor
                 when t.kind = 'post' then t.amount_minor - h.amount_minor
                 else -h.amount_minor end as minor
        from transfers t
        left join transfers h on h.holder_id = t.holder_id and h.seq = t.about_seq
            and t.kind in ('post', 'void')
        left join authorizations a
            on a.holder_id = t.holder_id and a.authorization_id = t.authorization_id
        where (t.debit_account = 110 or t.credit_account = 110) and t.authorization_id is not null
    ), booked as (
        select holder_id, number, sum(minor) as minor from moved group by holder_id, number
    ), said as (
        select holder_id, number,
            case when state in ('RESERVED', 'ASKED') then 0
                 else left_minor - refunded_minor end as minor
        from bank_legs
    ), compared as (
        select holder_id, number, coalesce(s.minor, 0) as said, coalesce(b.minor, 0) as booked
        from said s full join booked b using (holder_id, number)
    )
    select (select count(*) from compared), array(
        select format('holder %s payment %s: the leg stands for %s, the books say %s',
            holder_id, number, said, booked)
        from compared where said <> booked order by holder_id, number limit $1)
"""
THE_BANK_IS_TOLD: Final = """
    with compared as (
        select l.holder_id, l.number, l.state,
            count(n.notice_no) filter (where n.kind = 'REVERSAL' and n.acknowledged_at is null)
                as due,
            count(n.notice_no) as notices, l.notices as said,
            bool_and(n.acknowledged_at is not null) as heard
        from bank_legs l left join bank_notices n using (holder_id, number)
        group by l.holder_id, l.number, l.state, l.notices
    )
    select (select count(*) from compared), array(
        select format('holder %s payment %s: a leg in state %s with %s reversals due',
            holder_id, number, state, due)
        from compared
        where notices <> said or (state in ('UNKNOWN', 'REVERSAL_DUE') and due = 0)
            or (state in ('REVERSED', 'REFUNDED') and not heard)
        order by holder_id, number limit $1)
"""
# While the bank is asked a verification stands for its euro, afterwards for nothing. Ages are
# compared with the youngest question, not with a clock: restored books stood still.
VERIFIED_FOR_NOTHING: Final = """
    with compared as (
        select holder_id, number, state, left_minor, state = 'ASKED' as waits,
            max(asked_at) over () - asked_at > interval '1 hour' as old, kind
        from bank_legs
    )
    select (select count(*) from compared where kind = 'VERIFY'), array(
        select format('holder %s number %s: a verification in state %s stands for %s, is old: %s',
            holder_id, number, state, left_minor, old)
        from compared
        where kind = 'VERIFY' and (waits and old or not waits and (left_minor <> 0
            or state not in ('DECLINED', 'UNKNOWN', 'REVERSAL_DUE', 'REVERSED')))
        order by holder_id, number limit $1)
"""
# What a leg may do, written down again. A state is reached at most once, so that the states of a
# leg tell their order. A verification begins with its question.
LEGS_KEEP_TO_THEIR_ROAD: Final = """
    with allowed (was, event, state) as (values
        ('', 'RESERVE', 'RESERVED'),
        ('RESERVED', 'ASK', 'ASKED'), ('RESERVED', 'DROP', 'DECLINED'),
        ('ASKED', 'APPROVE', 'APPROVED'), ('ASKED', 'DECLINE', 'DECLINED'),
        ('ASKED', 'FALL_SILENT', 'UNKNOWN'), ('ASKED', 'UNDO', 'REVERSAL_DUE'),
        ('APPROVED', 'CAPTURE', 'CAPTURED'),
        ('APPROVED', 'UNDO', 'REVERSAL_DUE'), ('CAPTURED', 'UNDO', 'REVERSAL_DUE'),
        ('APPROVED', 'ACKNOWLEDGE_REFUND', 'REFUNDED'),
        ('CAPTURED', 'ACKNOWLEDGE_REFUND', 'REFUNDED'),
        ('UNKNOWN', 'ACKNOWLEDGE_REVERSAL', 'REVERSED'),
        ('REVERSAL_DUE', 'ACKNOWLEDGE_REVERSAL', 'REVERSED')
    ), moves as (
        select holder_id, number, coalesce(lag(state) over road, '') as was, event, state,
            lead(state) over road is null as is_last
        from bank_leg_moves
        window road as (partition by holder_id, number order by array_position(array[
            'RESERVED', 'ASKED', 'APPROVED', 'CAPTURED', 'UNKNOWN', 'DECLINED', 'REVERSAL_DUE',
            'REVERSED', 'REFUNDED'], state))
    ), compared as (
        select holder_id, number, l.kind, l.state as stands, m.was, m.event, m.state, m.is_last
        from bank_legs l full join moves m using (holder_id, number)
    )
    select (select count(*) from compared), array(
        select format('holder %s payment %s: a leg in state %s moved from %s by %s to %s',
            holder_id, number, stands, was, event, state)
        from compared
        where stands is null or state is null or is_last and state <> stands
            or (was, event, state) not in (select was, event, state from allowed)
                and (kind, was, event, state) <> ('VERIFY', '', 'ASK', 'ASKED')
        order by holder_id, number limit $1)
"""
LAWS: Final = (
    Law(
        "legs_have_one_answer",
        "a bank leg waits, or its payment has its answer",
        LEGS_HAVE_ONE_ANSWER,
    ),
    Law(
        "both_legs",
        "an approved top-up has its bank leg, and no other has",
        APPROVED_WITH_BOTH_LEGS,
    ),
    Law("legs_are_booked", "what stands of a leg is what the books say", LEGS_ARE_IN_THE_BOOKS),
    Law(
        "bank_is_told", "what the bank may have charged in vain is being reversed", THE_BANK_IS_TOLD
    ),
    Law("verified_for_nothing", "the euro that verifies a card is undone", VERIFIED_FOR_NOTHING),
    Law(
        "legs_keep_to_their_road",
        "every step of a leg begins where the last one ended, and the last led to where it stands",
        LEGS_KEEP_TO_THEIR_ROAD,
    ),
)
