"""The laws of loads: no voucher without a paid line, no line without its vouchers (R.3262-22).

Each statement returns how many rows it checked and the first that break it, like the laws of the
books; $1 is how many to name. They share no code with what writes the rows. A movement and the row
that explains it are of one instant, which both keep.
"""

from typing import Final

from authz.state import HOUSE_HOLDER
from ledger.accounts import House
from ledger.laws import Law

PREPAID: Final = int(House.EMPLOYER_PREPAID)
CASH: Final = int(House.TRUST_CASH)
RETURNED: Final = int(House.RETURNED_TO_EMPLOYER)

ORDERS_ADD_UP: Final = Law(
    "orders_add_up",
    "an order comes to its lines, its payment to the order, and what bounced had been paid",
    """
    with lines as (
        select load_no, sum(count::bigint * face_minor) filter (where count > 0) as minor
        from load_lines group by load_no
    ), bounced as (
        select load_no, count(*) as bounces from load_bounces group by load_no
    ), settled as (
        select load_no, count(*) as settled, count(b.load_no) as of_bounces
        from load_bounces_settled left join load_bounces b using (load_no, bounce_no)
        group by load_no
    ), compared as (
        select load_no, o.total_minor, coalesce(l.minor, 0) as lines_minor,
            p.amount_minor as paid_minor, b.bounces, s.settled, s.of_bounces
        from loads o full join lines l using (load_no) full join load_payments p using (load_no)
        full join bounced b using (load_no) full join settled s using (load_no)
    )
    select (select count(*) from compared), array(
        select format('load %s: ordered for %s, its lines come to %s, paid %s, bounced %s times',
            load_no, coalesce(total_minor::text, 'nothing'), lines_minor,
            coalesce(paid_minor::text, 'nothing'), coalesce(bounces, 0))
        from compared
        where total_minor is distinct from lines_minor or paid_minor <> total_minor
            or (bounces > 0 and paid_minor is null) or settled <> of_bounces
        order by load_no limit $1)
    """,
)
# What a correction takes back may be less than it asks for: what is spent stays spent (LOD-04).
LINES_ARE_BOOKED: Final = Law(
    "lines_are_booked",
    "a line is booked with its order's payment, whole or frozen; what takes back, with its order",
    """
    with compared as (
        select holder_id, load_no, line_no, l.count, l.count::bigint * l.face_minor as minor,
            b.lot_no, b.amount_minor as booked_minor, b.booked_at,
            case when l.count > 0 then p.paid_at else o.ordered_at end as due_at
        from load_lines l full join load_bookings b using (holder_id, load_no, line_no)
        left join loads o using (load_no) left join load_payments p using (load_no)
    )
    select (select count(*) from compared), array(
        select format('holder %s load %s line %s: %s ordered, %s booked in lot %s at %s, due at %s',
            holder_id, load_no, line_no, minor, booked_minor, lot_no, booked_at, due_at)
        from compared
        where count is null or booked_at is distinct from due_at
            or (count > 0 and booked_minor <> case when lot_no is null then 0 else minor end)
            or (count < 0 and (lot_no is null or booked_minor not between minor and 0))
        order by holder_id, load_no, line_no limit $1)
    """,
)
LOTS_ARE_ORDERED: Final = Law(
    "lots_are_ordered",
    "what came into a lot from prepayments is one booked line, or came with its account",
    """
    with ordered as (
        select holder_id, holder_id << 12 | b.lot_no as account_id, count(*) as lines,
            sum(b.amount_minor) as minor, min(b.booked_at) as at
        from load_bookings b join load_lines l using (holder_id, load_no, line_no)
        where l.count > 0 and b.lot_no is not null group by 1, 2
    ), moved as (
        select holder_id, credit_account as account_id, count(*) as movements,
            sum(amount_minor) as minor, min(at) as first, max(at) as last, min(day) as day,
            bool_and(kind = 'direct') as direct
        from transfers where debit_account = $2 and credit_account >= 4096 group by 1, 2
    ), compared as (
        select holder_id, account_id, coalesce(lines, 0) as lines, o.minor as ordered,
            coalesce(movements, 0) as movements, m.minor as moved, case origin
                when 'LOAD' then direct and lines = 1 and movements = 1 and o.minor = m.minor
                    and o.at = first and loaded_on = day and extract(year from day) = vintage
                when 'OPENING' then direct and lines is null and opened_at = first and first = last
            end as explained
        from ordered o full join moved m using (holder_id, account_id)
        left join ledger_accounts using (holder_id, account_id)
    )
    select (select count(*) from compared), array(
        select format('holder %s lot %s: %s lines of %s, %s movements of %s from prepayments',
            holder_id, account_id & 4095, lines, ordered, movements, moved)
        from compared where explained is not true order by holder_id, account_id limit $1)
    """,
    (PREPAID,),
)
# An opening is paid in where it is delivered. The join with `holders` keeps the house's rows to the
# house, whichever slice of holders is looked at.
PREPAYMENTS_ARE_EXPLAINED: Final = Law(
    "prepayments_are_explained",
    "what was prepaid came with a line, paid or made good, or with an account; what did not go into"
    " lots bounced, or goes back",
    """
    with moved as (
        select holder_id, debit_account, credit_account, at, count(*) as movements,
            sum(amount_minor) filter (where kind = 'direct') as minor
        from transfers
        where $2 in (debit_account, credit_account)
            and not (debit_account = $2 and credit_account >= 4096)
        group by 1, 2, 3, 4
    ), lines as (
        select holder_id, b.booked_at as at, l.count::bigint * l.face_minor as minor, b.lot_no
        from load_bookings b join load_lines l using (holder_id, load_no, line_no)
        where l.count > 0
    ), explained as (
        select holder_id, $3::bigint as debit_account, $2::bigint as credit_account, at, minor
        from lines
        union all
        select holder_id, $2, $4, at, minor from lines where lot_no is null
        union all
        select t.holder_id, $3, $2, t.at, t.amount_minor
        from transfers t join ledger_accounts a
            on a.holder_id = t.holder_id and a.account_id = t.credit_account
        where t.debit_account = $2 and t.credit_account >= 4096 and a.origin = 'OPENING'
        union all
        select h.holder_id, $2, $3, b.bounced_at, l.total_minor
        from load_bounces b join loads l using (load_no) join holders h on h.holder_id = $5
        union all
        select h.holder_id, $3, $2, s.settled_at, l.total_minor
        from load_bounces_settled s join loads l using (load_no) join holders h on h.holder_id = $5
    ), said as (
        select holder_id, debit_account, credit_account, at, count(*) as movements,
            sum(minor) as minor
        from explained group by 1, 2, 3, 4
    ), compared as (
        select holder_id, debit_account, credit_account, at,
            coalesce(m.movements, 0) as movements, coalesce(m.minor, 0) as moved,
            coalesce(s.movements, 0) as wanted, coalesce(s.minor, 0) as said
        from moved m full join said s using (holder_id, debit_account, credit_account, at)
    )
    select (select count(*) from compared), array(
        select format('holder %s at %s, from %s to %s: %s movements of %s, explained %s of %s',
            holder_id, at, debit_account, credit_account, movements, moved, wanted, said)
        from compared where moved <> said or movements <> wanted
        order by holder_id, at, debit_account limit $1)
    """,
    (PREPAID, CASH, RETURNED, HOUSE_HOLDER),
)
CORRECTIONS_ARE_BOOKED: Final = Law(
    "corrections_are_booked",
    "what went from a lot back to an employer was taken back by a correction, or left a closed"
    " account",
    """
    with moved as (
        select t.holder_id, t.at, sum(t.amount_minor) as minor
        from transfers t left join vintage_moves m using (holder_id, seq)
        where t.credit_account = $2 and t.debit_account >= 4096 and m.holder_id is null
        group by 1, 2
    ), taken as (
        select holder_id, b.booked_at as at, -sum(b.amount_minor) as minor
        from load_bookings b join load_lines l using (holder_id, load_no, line_no)
        where l.count < 0 and b.amount_minor <> 0 group by 1, 2
    ), compared as (
        select holder_id, at, coalesce(m.minor, 0) as moved, coalesce(t.minor, 0) as taken
        from moved m full join taken t using (holder_id, at)
    )
    select (select count(*) from compared), array(
        select format('holder %s at %s: %s went back, corrections took %s',
            holder_id, at, moved, taken)
        from compared where moved <> taken order by holder_id, at limit $1)
    """,
    (RETURNED,),
)
RETURNS_ARE_BOOKED: Final = Law(
    "returns_are_booked",
    "what is owed to employers leaves as what was paid back to them, from the voucher account",
    """
    with moved as (
        select at, sum(amount_minor) as minor, bool_and(kind = 'direct' and holder_id = $3
            and credit_account = $4) as to_the_bank
        from transfers where debit_account = $2 group by at
    ), noted as (
        select returned_at as at, sum(amount_minor) as minor from employer_returns group by 1
    ), compared as (
        select at, coalesce(m.minor, 0) as moved, coalesce(n.minor, 0) as noted, to_the_bank
        from moved m full join noted n using (at)
    )
    select (select count(*) from compared), array(
        select format('at %s: %s left what is to go back, %s was paid back', at, moved, noted)
        from compared where moved <> noted or not to_the_bank order by at limit $1)
    """,
    (RETURNED, HOUSE_HOLDER, CASH),
)
RETURNS_ARE_OWED: Final = Law(
    "returns_are_owed",
    "no employer was paid back more than was taken back, left by who left or never loaded",
    """
    with owed as (
        select o.employer_no, sum(case when l.count < 0 then -b.amount_minor
            when b.lot_no is null then l.count::bigint * l.face_minor else 0 end) as minor
        from load_bookings b join load_lines l using (holder_id, load_no, line_no)
        join loads o using (load_no) group by 1
    ), left_there as (
        select employer_no, sum(amount_minor) as minor
        from vintage_moves where reason = 'RETURNED' group by 1
    ), returned as (
        select employer_no, sum(amount_minor) as minor from employer_returns group by 1
    ), compared as (
        select employer_no, r.minor as returned, coalesce(o.minor, 0) + coalesce(l.minor, 0) as owed
        from returned r left join owed o using (employer_no)
        left join left_there l using (employer_no)
    )
    select (select count(*) from compared), array(
        select format('employer %s: %s was paid back of %s', employer_no, returned, owed)
        from compared where returned > owed order by employer_no limit $1)
    """,
)
LAWS_OF_ALL: Final = (ORDERS_ADD_UP, RETURNS_ARE_BOOKED, RETURNS_ARE_OWED)
LAWS_OF_HOLDERS: Final = (
    LINES_ARE_BOOKED,
    LOTS_ARE_ORDERED,
    PREPAYMENTS_ARE_EXPLAINED,
    CORRECTIONS_ARE_BOOKED,
)
