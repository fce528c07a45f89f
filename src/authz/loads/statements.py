"""The SQL of orders: rows are only ever added."""

from typing import Final

EMPLOYER: Final = """
    select c.test_clock, e.employer_no, e.employer_id, e.record
    from employers e cross join control c where e.employer_id = $1
"""
ACCOUNTS: Final = """
    select d.name, h.holder_id, h.profile from directory d join holders h using (holder_id)
    where d.kind = 'account' and d.name = any ($1)
"""
EMPLOYER_IDS: Final = "select employer_no, employer_id from employers where employer_no = any ($1)"
BY_REFERENCE: Final = "select load_no from loads where reference = $1"
KEPT: Final = "select answer from operation_keys where key_hash = $1"
KEEP: Final = """
    insert into operation_keys (key_hash, fingerprint, status, answer, kept_at)
    values ($1, $1, 201, $2, $3)
"""
NEXT_LOAD: Final = "select nextval('load_nos')"
ADD_LOAD: Final = """
    insert into loads (load_no, employer_no, reference, order_ref, total_minor, ordered_at)
    values ($1, $2, $3, $4, $5, $6)
"""
ADD_LINES: Final = "insert into load_lines select * from unnest($1::load_lines[])"
ADD_BOOKINGS: Final = "insert into load_bookings select * from unnest($1::load_bookings[])"

# The lots of delivered lines that a correction means: the employer's own, for the same account,
# month and face value (LOD-04).
DELIVERED: Final = """
    select l.holder_id, l.account_no, l.period, l.face_minor, b.lot_no
    from load_lines l join load_bookings b using (holder_id, load_no, line_no)
    join loads using (load_no)
    where l.holder_id = any ($1) and employer_no = $2 and l.count > 0 and b.lot_no is not null
    order by l.load_no desc, l.line_no desc
"""

# Titles by account and month. A correction is booked in cents, below zero; what is booked without a
# lot was frozen (LOD-02).
TITLES: Final = """
    select l.holder_id, l.account_no, l.period,
        sum(case when l.count > 0 then l.count else b.amount_minor / l.face_minor end)::bigint
    from load_lines l left join load_bookings b using (holder_id, load_no, line_no)
    where l.holder_id = any ($1) and l.period = any ($2)
        and (b.holder_id is null or b.lot_no is not null)
    group by 1, 2, 3
"""

LOAD: Final = """
    select c.test_clock, l.*, e.employer_id, e.record, p.paid_at, p.amount_minor as paid_minor,
        exists (
            select 1 from load_bounces b left join load_bounces_settled s using (load_no, bounce_no)
            where b.load_no = l.load_no and s.load_no is null
        ) as bounced
    from loads l cross join control c join employers e using (employer_no)
    left join load_payments p using (load_no)
    where l.load_no = $1
"""
LINES: Final = """
    select l.*, b.lot_no, b.amount_minor as booked_minor, h.profile
    from load_lines l join holders h using (holder_id)
    left join load_bookings b using (holder_id, load_no, line_no)
    where l.load_no = $1 order by l.line_no
"""
STOPPED: Final = """
    select l.reference from load_bounces b join loads l using (load_no)
    left join load_bounces_settled s using (load_no, bounce_no)
    where l.employer_no = $1 and s.load_no is null order by l.load_no limit 1
"""
ADD_PAYMENT: Final = """
    insert into load_payments (load_no, amount_minor, paid_at) values ($1, $2, $3)
    on conflict do nothing returning load_no
"""
# A payment that was made good may bounce again, while none of its bounces is open.
ADD_BOUNCE: Final = """
    insert into load_bounces (load_no, bounce_no, bounced_at, why)
    select $1, 1 + count(*), $2, $3
    from load_bounces b left join load_bounces_settled s using (load_no, bounce_no)
    where load_no = $1 having count(*) = count(s.settled_at)
    on conflict do nothing returning load_no
"""
SETTLE_BOUNCE: Final = """
    insert into load_bounces_settled (load_no, bounce_no, settled_at)
    select load_no, max(bounce_no), $2 from load_bounces where load_no = $1 group by load_no
    on conflict do nothing returning load_no
"""

# What is to go back, by employer ($1, or all of them): the sum of the account of the house.
OWED: Final = """
    with parts as (
        select o.employer_no, 'corrected' as part, -b.amount_minor as minor
        from load_bookings b join loads o using (load_no) where b.amount_minor < 0
        union all
        select o.employer_no, 'frozen', l.count::bigint * l.face_minor
        from load_bookings b join load_lines l using (holder_id, load_no, line_no)
        join loads o using (load_no) where b.lot_no is null
        union all
        select employer_no, 'left', amount_minor from vintage_moves where reason = 'RETURNED'
        union all
        select employer_no, 'returned', amount_minor from employer_returns
    ), sums as (
        select employer_no,
            coalesce(sum(minor) filter (where part = 'corrected'), 0)::bigint as corrected,
            coalesce(sum(minor) filter (where part = 'left'), 0)::bigint as left_there,
            coalesce(sum(minor) filter (where part = 'frozen'), 0)::bigint as frozen,
            coalesce(sum(minor) filter (where part = 'returned'), 0)::bigint as returned
        from parts where $1::bigint is null or employer_no = $1 group by employer_no
    )
    select e.employer_id, e.record ->> 'name', corrected, left_there, frozen, returned,
        corrected + left_there + frozen - returned
    from sums join employers e using (employer_no)
    where corrected + left_there + frozen <> returned order by e.employer_id
"""
ADD_RETURN: Final = """
    insert into employer_returns (employer_no, reference, amount_minor, returned_at)
    values ($1, $2, $3, $4)
"""
RETURNED: Final = """
    select amount_minor from employer_returns where employer_no = $1 and reference = $2
"""
