"""The laws of the books, each as one statement that looks at every row and returns who breaks it.

Each statement returns two columns: how many rows it checked, and the first violations in words.
Parameters: $1 is how many violations to name; $2 and on are house accounts that the law names.
The statements share no code with the Python side: they are its second opinion.

Money of a lot moves in four ways, written once here as legs: `direct` takes or brings it, `hold`
sets it aside, `post` and `void` end their hold, and what a post leaves over is available again.
"""

from typing import Final

from msgspec import Struct

from ledger.accounts import SPENT, House


class Law(Struct, frozen=True):
    """A law: its name, what must hold in words, its statement and that statement's parameters.

    `given` are the common tables that the statement goes on from.
    """

    name: str
    words: str
    statement: str
    parameters: tuple[object, ...] = ()
    given: str = ""


SPENT_AT: Final = [int(house) for house in SPENT]
CHART: Final = [int(house) for house in House]

LEGS: Final = """
    with legs as (
        select holder_id, seq, debit_account as lot, -amount_minor as available,
            case kind when 'hold' then amount_minor else 0 end as held
        from transfers where kind in ('direct', 'hold') and debit_account >= 4096
        union all
        select holder_id, seq, credit_account, amount_minor, 0
        from transfers where kind in ('direct', 'post') and credit_account >= 4096
        union all
        select s.holder_id, s.seq, s.debit_account,
            h.amount_minor - case s.kind when 'post' then s.amount_minor else 0 end, -h.amount_minor
        from transfers s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
        where s.kind in ('post', 'void') and s.debit_account >= 4096
    )
"""

BALANCED_BY_SHAPE: Final = Law(
    "balanced_by_shape",
    "every movement has one positive amount, two accounts, and touches lots of its holder only",
    """
    select (select count(*) from transfers), array(
        select format('holder %s seq %s: %s of %s from %s to %s',
            holder_id, seq, kind, amount_minor, debit_account, credit_account)
        from transfers
        where amount_minor <= 0 or debit_account = credit_account or holder_id <= 0
            or kind not in ('direct', 'hold', 'post', 'void')
            or (debit_account >= 4096 and debit_account >> 12 <> holder_id)
            or (credit_account >= 4096 and credit_account >> 12 <> holder_id)
        order by holder_id, seq limit $1)
    """,
)

# Each row is balanced by its shape, so the totals can only part where a row names an account that
# the chart does not know: its other half is then counted and it is not.
DEBITS_EQUAL_CREDITS: Final = Law(
    "debits_equal_credits",
    "over the accounts of the chart, the debits are the credits",
    """
    with sides as (
        select holder_id, seq, amount_minor,
            debit_account < 0 or debit_account = any ($2)
                or (debit_account >= 4096 and debit_account & 4095 <> 0) as debit_known,
            credit_account < 0 or credit_account = any ($2)
                or (credit_account >= 4096 and credit_account & 4095 <> 0) as credit_known
        from transfers
    )
    select (select count(*) from sides), array(
        select format('holder %s seq %s: %s stands on an account outside the chart',
            holder_id, seq, amount_minor)
        from sides where not (debit_known and credit_known) order by holder_id, seq limit $1)
    """,
    (CHART,),
)

NUMBERS_WITHOUT_GAP: Final = Law(
    "numbers_without_gap",
    "the movements of a holder are numbered 1, 2, 3 ... up to the holder's last number",
    """
    with numbered as (
        select holder_id, min(seq) as first, max(seq) as last, count(*) as movements
        from transfers group by holder_id
    ), compared as (
        select holder_id, h.last_seq, n.first, coalesce(n.last, 0) as last,
            coalesce(n.movements, 0) as movements
        from numbered n full join holders h using (holder_id)
    )
    select (select count(*) from compared), array(
        select format('holder %s: %s movements from %s to %s, the holder says %s',
            holder_id, movements, first, last, last_seq)
        from compared
        where last_seq is null or movements <> last or last <> last_seq
            or (movements > 0 and first <> 1)
        order by holder_id limit $1)
    """,
)

LOTS_ARE_OPENED: Final = Law(
    "lots_are_opened",
    "every lot that money touches was opened, and says of which vintage it is",
    """
    with touched as (
        select debit_account as lot, min(holder_id) as holder_id, min(seq) as seq
        from transfers where debit_account >= 4096 group by debit_account
        union all
        select credit_account, min(holder_id), min(seq)
        from transfers where credit_account >= 4096 group by credit_account
    )
    select (select count(*) from touched), array(
        select format('holder %s seq %s: lot account %s was never opened',
            t.holder_id, min(t.seq), t.lot)
        from touched t left join ledger_accounts a
            on a.holder_id = t.lot >> 12 and a.account_id = t.lot and a.kind = 'HOLDER_LOT'
        where a.account_id is null group by t.holder_id, t.lot order by t.holder_id, t.lot limit $1)
    """,
)

HOLDS_SETTLE_ONCE: Final = Law(
    "holds_settle_once",
    "a hold is posted or voided at most once, posted for at most its amount, voided in full",
    """
    with settled as (
        select s.holder_id, s.about_seq, count(*) as times,
            max(s.amount_minor) as most_minor, h.amount_minor as held_minor,
            bool_or(s.kind = 'void' and s.amount_minor <> h.amount_minor) as half_void
        from transfers s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
        where s.kind in ('post', 'void')
        group by s.holder_id, s.about_seq, h.amount_minor
    )
    select (select count(*) from settled), array(
        select format('holder %s seq %s: a hold of %s was settled %s times, for up to %s',
            holder_id, about_seq, held_minor, times, most_minor)
        from settled where times > 1 or most_minor > held_minor or half_void
        order by holder_id, about_seq limit $1)
    """,
)

SETTLEMENTS_KEEP_TO_THEIR_HOLD: Final = Law(
    "settlements_keep_to_their_hold",
    "a post or void names an earlier hold and has its accounts and its day",
    """
    with settlements as (
        select holder_id, seq, kind, about_seq, debit_account, credit_account, day
        from transfers where kind in ('post', 'void')
    )
    select (select count(*) from settlements), array(
        select format('holder %s seq %s: a %s that does not keep to %s',
            s.holder_id, s.seq, s.kind, coalesce('hold ' || s.about_seq, 'any hold'))
        from settlements s left join transfers h
            on h.holder_id = s.holder_id and h.seq = s.about_seq and h.kind = 'hold'
        where h.seq is null or h.seq >= s.seq or h.day <> s.day
            or h.debit_account <> s.debit_account or h.credit_account <> s.credit_account
        order by s.holder_id, s.seq limit $1)
    """,
)

GIVE_BACKS_NAME_THEIR_ORIGINAL: Final = Law(
    "give_backs_name_their_original",
    "money comes back from where it was posted to, for the original's day, naming the original",
    """
    with backs as (
        select holder_id, seq, kind, about_seq, debit_account, credit_account, day
        from transfers
        where kind in ('direct', 'hold') and (about_seq is not null
            or (credit_account >= 4096 and (debit_account < 0 or debit_account = any ($2))))
    )
    select (select count(*) from backs), array(
        select format('holder %s seq %s: money came back that does not follow from %s',
            b.holder_id, b.seq, coalesce('seq ' || b.about_seq, 'any original'))
        from backs b left join transfers o
            on o.holder_id = b.holder_id and o.seq = b.about_seq and o.kind in ('direct', 'post')
        where o.seq is null or o.seq >= b.seq or o.day <> b.day
            or o.credit_account <> b.debit_account or b.kind <> 'direct'
        order by b.holder_id, b.seq limit $1)
    """,
    (SPENT_AT,),
)

# A refund may itself be reversed; then its original may be refunded again, and only that one.
GIVE_BACKS_STAY_WITHIN: Final = Law(
    "give_backs_stay_within",
    "what comes back of a movement, less what was taken back again, is at most its amount",
    """
    with backs as (
        select holder_id, seq, about_seq, amount_minor
        from transfers where kind = 'direct' and about_seq is not null
    ), returned as (
        select holder_id, about_seq as seq, sum(amount_minor) as minor
        from backs group by holder_id, about_seq
    ), kept as (
        select b.holder_id, b.about_seq as seq, sum(b.amount_minor - coalesce(r.minor, 0)) as minor
        from backs b left join returned r on r.holder_id = b.holder_id and r.seq = b.seq
        group by b.holder_id, b.about_seq
    ), compared as (
        select k.holder_id, k.seq, k.minor, o.amount_minor,
            o.kind = 'direct' and u.about_seq is not null as twice_removed
        from kept k join transfers o on o.holder_id = k.holder_id and o.seq = k.seq
        left join transfers u on u.holder_id = o.holder_id and u.seq = o.about_seq
            and u.kind = 'direct'
    )
    select (select count(*) from compared), array(
        select format('holder %s seq %s: %s of %s came back', holder_id, seq, minor, amount_minor)
        from compared where minor > amount_minor or minor < 0 or twice_removed
        order by holder_id, seq limit $1)
    """,
)

LOTS_NEVER_BELOW_ZERO: Final = Law(
    "lots_never_below_zero",
    "at no movement does a lot spend or hold more than it has",
    """
    , replayed as (
        select holder_id, seq, lot,
            sum(available) over so_far as available, sum(held) over so_far as held
        from legs
        window so_far as (partition by holder_id, lot order by seq)
    )
    select (select count(*) from transfers), array(
        select format('holder %s seq %s: lot %s has %s available and %s held',
            holder_id, seq, lot & 4095, available, held)
        from replayed where available < 0 or held < 0 order by holder_id, seq limit $1)
    """,
    given=LEGS,
)

LOTS_ARE_THEIR_REPLAY: Final = Law(
    "lots_are_their_replay",
    "what a holder's row says is available and held in each lot is what the books add up to",
    """
    , replayed as (
        select holder_id, lot & 4095 as lot_no, sum(available) as available, sum(held) as held
        from legs group by holder_id, lot
    ), said as (
        select h.holder_id, l.lot_no, l.available, l.held
        from holders h, unnest(h.lot_available, h.lot_held)
            with ordinality as l (available, held, lot_no)
    ), compared as (
        select holder_id, lot_no,
            coalesce(s.available, 0) as said_available, coalesce(s.held, 0) as said_held,
            coalesce(r.available, 0) as available, coalesce(r.held, 0) as held
        from said s full join replayed r using (holder_id, lot_no)
    )
    select (select count(*) from compared), array(
        select format(
            'holder %s lot %s: the row says %s available and %s held, the books %s and %s',
            holder_id, lot_no, said_available, said_held, available, held)
        from compared where said_available <> available or said_held <> held
        order by holder_id, lot_no limit $1)
    """,
    given=LEGS,
)

# Which lot belongs to which account stands in the profile, which the books do not read: here the
# accounts of a holder are added up, and the audit of decisions looks at each.
USAGE_IS_THE_BOOKS: Final = Law(
    "usage_is_the_books",
    "the voucher use of recent days in a holder's row is what the books add up to (CAP-06, CAP-07)",
    """
    with used as (
        select holder_id, day, amount_minor as minor from transfers
        where kind in ('direct', 'hold') and debit_account >= 4096
            and (credit_account < 0 or credit_account = any ($2))
        union all
        select holder_id, day, -amount_minor from transfers
        where kind = 'direct' and credit_account >= 4096
            and (debit_account < 0 or debit_account = any ($2))
        union all
        select s.holder_id, s.day,
            case s.kind when 'post' then s.amount_minor else 0 end - h.amount_minor
        from transfers s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
        where s.kind in ('post', 'void') and s.debit_account >= 4096
            and (s.credit_account < 0 or s.credit_account = any ($2))
    ), booked as (
        select u.holder_id, u.day, sum(u.minor) as minor
        from used u join holders h using (holder_id)
        where u.day >= h.usage_since group by u.holder_id, u.day
    ), said as (
        select h.holder_id, d.day, sum(d.minor) as minor
        from holders h, unnest(h.usage_days, h.usage_minor) as d (day, minor)
        where d.day >= h.usage_since group by h.holder_id, d.day
    ), compared as (
        select holder_id, day, coalesce(s.minor, 0) as said, coalesce(b.minor, 0) as booked
        from said s full join booked b using (holder_id, day)
    )
    select (select count(*) from compared), array(
        select format('holder %s on %s: the row says %s used, the books %s',
            holder_id, day, said, booked)
        from compared where said <> booked order by holder_id, day limit $1)
    """,
    (SPENT_AT,),
)

# By the other account of every movement of a lot. Only these places may give to a lot or take from
# one: never the bank account, a bank card or the issuer's own pocket (L.3262-2, L.3262-3).
# What expired may go on from there, to be lost.
PLACES: Final = """
    places as (
        select holder_id,
            coalesce(sum(minor) filter (where other = $2), 0) as loaded,
            coalesce(-sum(minor) filter (where other < 0 or other = any ($3)), 0) as spent,
            coalesce(-sum(minor) filter (where other = $4), 0) as expired,
            coalesce(-sum(minor) filter (where other = any ($5)), 0) as lost,
            coalesce(-sum(minor) filter (where other = any ($6)), 0) as returned
        from (
            select holder_id, debit_account as other, amount_minor as minor from transfers
            where kind in ('direct', 'post') and credit_account >= 4096 and debit_account < 4096
            union all
            select holder_id, credit_account, -amount_minor from transfers
            where kind in ('direct', 'post') and debit_account >= 4096 and credit_account < 4096
            union all
            select holder_id, unnest(array[debit_account, credit_account]),
                unnest(array[amount_minor, -amount_minor]) from transfers
            where kind = 'direct' and debit_account = $4 and credit_account < 4096
        ) as flows group by holder_id
    )
"""

PLACE_ACCOUNTS: Final = (
    int(House.EMPLOYER_PREPAID),
    SPENT_AT,
    int(House.EXPIRED),
    [int(House.LOST), int(House.PAPER)],
    [int(House.RETURNED_TO_EMPLOYER), int(House.SUSPENSE), int(House.CHARITY)],
)

NOTHING_GOES_ASTRAY: Final = Law(
    "nothing_goes_astray",
    "for each holder, loads = balance + held + spent + expired + lost + returned",
    """
    , kept as (
        select holder_id, sum(available) as available, sum(held) as held
        from legs group by holder_id
    ), compared as (
        select holder_id, p.loaded, k.available, k.held, p.spent, p.expired, p.lost, p.returned
        from kept k left join places p using (holder_id)
    )
    select (select count(*) from compared), array(
        select format('holder %s: loaded %s is not balance %s + held %s + spent %s + expired %s'
            || ' + lost %s + returned %s',
            holder_id, loaded, available, held, spent, expired, lost, returned)
        from compared
        where loaded is distinct from available + held + spent + expired + lost + returned
        order by holder_id limit $1)
    """,
    PLACE_ACCOUNTS,
    given=LEGS + ", " + PLACES,
)

LAWS: Final = (
    BALANCED_BY_SHAPE,
    DEBITS_EQUAL_CREDITS,
    NUMBERS_WITHOUT_GAP,
    LOTS_ARE_OPENED,
    HOLDS_SETTLE_ONCE,
    SETTLEMENTS_KEEP_TO_THEIR_HOLD,
    GIVE_BACKS_NAME_THEIR_ORIGINAL,
    GIVE_BACKS_STAY_WITHIN,
    LOTS_NEVER_BELOW_ZERO,
    LOTS_ARE_THEIR_REPLAY,
    USAGE_IS_THE_BOOKS,
    NOTHING_GOES_ASTRAY,
)

TOTALS: Final = """
    select
        (select count(*) from holders) as holders,
        (select count(*) from transfers) as transfers,
        (select coalesce(sum(amount_minor), 0)::bigint from transfers) as moved_minor,
        coalesce(sum(loaded), 0)::bigint as loaded_minor,
        (select coalesce(sum(minor), 0)::bigint from holders, unnest(lot_available) as minor)
            as balance_minor,
        (select coalesce(sum(minor), 0)::bigint from holders, unnest(lot_held) as minor)
            as held_minor,
        coalesce(sum(spent), 0)::bigint as spent_minor,
        coalesce(sum(expired), 0)::bigint as expired_minor,
        coalesce(sum(lost), 0)::bigint as lost_minor,
        coalesce(sum(returned), 0)::bigint as returned_minor
    from places limit $1
"""
