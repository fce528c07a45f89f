"""The SQL that finds the payments that messages are about, with all that moved of them.

Rare beside the road, so these statements run only for batches that hold such a message.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from authz.requests import Kind, Request
from authz.state import HOUSE_HOLDER, Completion, KeptAnswer, Payment, PaymentName, Refund
from authz.storage.pending import leg_of
from authz.storage.restamped import by_repeat
from authz.storage.rows import books_of, columns, grouped
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

READ_BY_REFERENCE: Final = """
    select r.key_hash, a.holder_id, a.authorization_id
    from unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[])
        as r (key_hash, rrn, terminal, acquirer, approval_code, refund)
    join authorizations a on a.rrn = r.rrn and a.terminal = r.terminal and a.acquirer = r.acquirer
        and a.kind in ('PURCHASE', 'HOLD', 'ADVICE', 'REFUND') and (a.kind = 'REFUND') = r.refund
        and (a.kind = 'REFUND' or a.about_id is null)
        and (r.approval_code is null or a.approval_code = r.approval_code)
    union all
    select r.key_hash, p.holder_id, p.number
    from unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[])
        as r (key_hash, rrn, terminal, acquirer, approval_code, refund)
    join pending_payments p on p.terminal = r.terminal and p.acquirer = r.acquirer
        and p.rrn = r.rrn and not r.refund
"""
UNDATED_WINDOW: Final = timedelta(hours=24)
"""How old a payment may be that is named by STAN alone: DE13 is optional in a reversal."""
DATED_WINDOW: Final = timedelta(days=7)
"""How old a payment may be that our clock and the till's have on different days (ADV-02)."""
_OF_STAN: Final = """
    select r.key_hash, a.holder_id, a.authorization_id
    from unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                $7::bigint[], $8::bool[], $9::timestamptz[])
        as r (key_hash, holder_id, stan, terminal, acquirer, month_day, amount_minor, refund, now)
    join authorizations a on a.holder_id = r.holder_id and a.holder_id = any ($2)
        and a.stan = r.stan and a.terminal = r.terminal and a.acquirer = r.acquirer
        and a.kind in ('PURCHASE', 'HOLD', 'ADVICE', 'REFUND') and (a.kind = 'REFUND') = r.refund
        and (a.kind = 'REFUND' or a.about_id is null)
    cross join lateral (
        select case a.kind when 'REFUND' then a.business_day else a.day end as day,
            a.at >= coalesce((select test_clock from control), r.now) - $10::interval as is_young
    ) as d
"""
_ON_THE_DAY: Final = """
    where case when r.month_day is null then d.is_young
        else r.month_day = to_char(d.day, 'MMDD') end
"""
_OR_WAITING: Final = """
    union all
    select r.key_hash, p.holder_id, p.number
    from unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $8::bool[])
        as r (key_hash, holder_id, stan, terminal, acquirer, refund)
    join pending_payments p on p.terminal = r.terminal and p.acquirer = r.acquirer
        and p.holder_id = r.holder_id and p.stan = r.stan and not r.refund
"""
READ_BY_STAN: Final = _OF_STAN + _ON_THE_DAY + _OR_WAITING
# DE13 is the till's date, the day of a payment is ours: midnight may have passed in between.
_BESIDE_THE_DAY: Final = """
    where d.is_young and r.amount_minor in (a.requested_minor, a.approved_minor)
        and r.month_day in (to_char(d.day - 1, 'MMDD'), to_char(d.day + 1, 'MMDD'))
"""
READ_NEAR_MIDNIGHT: Final = _OF_STAN + _BESIDE_THE_DAY
# Who names what was about a payment means that payment: of a refund, a completion, an advice that
# confirmed one. What was refused took nothing, so that there is nothing to undo of it.
READ_PAYMENTS: Final = """
    select a.holder_id, a.authorization_id, a.account_no, a.kind, a.day, a.mid, a.requested_minor,
           a.approved_minor, a.facts,
           (select min(r.eligible_minor) from authorizations r
            where r.holder_id = a.holder_id and r.about_id = a.authorization_id
                and r.kind in ('REVERSAL', 'CANCEL') and r.reason = 'APPROVED') as ceiling_minor,
           (select coalesce(sum(f.approved_minor - (
                select coalesce(sum(u.approved_minor), 0) from authorizations u
                where u.holder_id = f.holder_id and u.about_id = f.authorization_id)), 0)::bigint
            from authorizations f
            where f.holder_id = a.holder_id and f.about_id = a.authorization_id
                and f.kind = 'REFUND') as refunded_minor,
           n.authorization_id, n.requested_minor, n.approved_minor,
           case n.kind when 'REFUND' then (
               select coalesce(sum(u.approved_minor), 0)::bigint from authorizations u
               where u.holder_id = n.holder_id and u.about_id = n.authorization_id) end as taken,
           l.holder_id, l.number, l.state, l.amount_minor, l.left_minor, l.refunded_minor,
           l.notices, a.stan
    from unnest($1::bigint[], $2::bigint[]) as p (holder_id, authorization_id)
    join authorizations n
        on n.holder_id = p.holder_id and n.authorization_id = p.authorization_id
    join authorizations a on a.holder_id = n.holder_id and a.authorization_id =
        case when n.kind = 'REFUND' or (n.kind in ('CAPTURE', 'ADVICE') and n.reason = 'APPROVED')
            then coalesce(n.about_id, n.authorization_id) else n.authorization_id end
    left join bank_legs l on l.holder_id = a.holder_id and l.number = a.authorization_id
    where a.kind in ('PURCHASE', 'HOLD', 'ADVICE')
"""
READ_MOVEMENTS: Final = """
    select p.authorization_id as payment, t.*
    from unnest($1::bigint[], $2::bigint[]) as p (holder_id, authorization_id)
    join transfers t on t.holder_id = p.holder_id and t.holder_id = any ($1)
    left join authorizations a
        on a.holder_id = t.holder_id and a.authorization_id = t.authorization_id
    left join authorizations u on u.holder_id = a.holder_id and u.authorization_id = a.about_id
    where p.authorization_id in (t.authorization_id, a.about_id, u.about_id)
    order by t.holder_id, t.seq
"""


class Named(Struct, frozen=True):
    """Which payments a batch's requests may be about, by request where only a reference says it.

    `holders` are those whose books the batch touches through them.
    """

    payments: set[PaymentName]
    originals: dict[bytes, tuple[PaymentName, ...]]
    holders: set[int]


async def find_named(
    sql: "Tx",
    requests: Sequence[Request],
    holder_of: Mapping[bytes, int],
    kept: Mapping[bytes, KeptAnswer],
) -> Named:
    """Find the names of the payments that requests are about.

    What has moved of them is read later (`read_payments`): after the versions of their holders.
    """
    about = [(r, r.about) for r in requests if r.about is not None and r.key_hash not in kept]
    if not about:
        return Named(set(), {}, set())
    names: set[PaymentName] = {original.name for _, original in about if original.name}
    exact: set[bytes] = set()
    for request, original in about:
        for key_hash in original.keys:
            if (known := kept.get(key_hash)) is not None and known.outcome.authorization_id:
                names.add((known.outcome.holder_id, known.outcome.authorization_id))
                exact.add(request.key_hash)
    vague = [(r, o) for r, o in about if r.key_hash not in exact and o.name is None]
    originals = await _by_reference(sql, vague)
    vague = [(r, o) for r, o in vague if r.key_hash not in originals]
    originals |= await _by_stan(sql, vague, holder_of, READ_BY_STAN, UNDATED_WINDOW)
    vague = [(r, o) for r, o in vague if r.key_hash not in originals]
    originals |= await by_repeat(sql, [r for r, _ in vague])
    dated = [
        (r, o)
        for r, o in vague
        if r.key_hash not in originals and o.month_day is not None and o.amount_minor is not None
    ]
    originals |= await _by_stan(sql, dated, holder_of, READ_NEAR_MIDNIGHT, DATED_WINDOW)
    names.update(name for found in originals.values() for name in found)
    holders = {holder_id for holder_id, _ in names}
    if any(r.kind is Kind.ADVICE and r.card_ref not in holder_of for r, _ in about):
        holders.add(HOUSE_HOLDER)
    return Named(names, originals, holders)


async def _by_reference(sql: "Tx", about: Sequence[Any]) -> dict[bytes, tuple[PaymentName, ...]]:
    wanted = [
        (r.key_hash, o.rrn, r.terminal, r.acquirer, o.approval_code, r.undoes_refund)
        for r, o in about
        if o.rrn
    ]
    return grouped(await sql.fetch(READ_BY_REFERENCE, *columns(wanted))) if wanted else {}


async def _by_stan(
    sql: "Tx",
    about: Sequence[Any],
    holder_of: Mapping[bytes, int],
    statement: str,
    window: timedelta,
) -> dict[bytes, tuple[PaymentName, ...]]:
    wanted = [
        (
            r.key_hash,
            books_of(r, holder_of),
            o.stan,
            r.terminal,
            r.acquirer,
            o.month_day,
            o.amount_minor,
            r.undoes_refund,
            r.received_at,
        )
        for r, o in about
        if o.stan and r.card_ref
    ]
    return grouped(await sql.fetch(statement, *columns(wanted), window)) if wanted else {}


class Meant(Struct, frozen=True):
    """What was found under the names: payments with all their movements, what is about some."""

    payments: dict[PaymentName, Payment] = {}
    refunds: dict[PaymentName, Refund] = {}
    completions: dict[PaymentName, Completion] = {}


async def read_payments(sql: "Tx", names: Collection[PaymentName]) -> Meant:
    """Those of the named that are payments, or refunds or completions of payments."""
    if not names:
        return Meant()
    rows = await sql.fetch(READ_PAYMENTS, *columns(sorted(names)))
    payments = {(row[0], row[1]): row for row in rows}
    movements: dict[PaymentName, list[Transfer]] = {name: [] for name in payments}
    if payments:
        for row in await sql.fetch(READ_MOVEMENTS, *columns(sorted(payments))):
            movements[row["holder_id"], row[0]].append(Transfer.from_row(row))
    told = {(row[0], row[11]): row for row in rows if row[11] != row[1]}
    return Meant(
        {name: _payment(row, movements[name]) for name, row in payments.items()},
        {name: _refund(row) for name, row in told.items() if row["taken"] is not None},
        {
            name: Completion((row[0], row[1]), *row[12:14])
            for name, row in told.items()
            if row["taken"] is None
        },
    )


def _payment(row: Any, movements: Sequence[Transfer]) -> Payment:
    return Payment(
        row[0],
        row[1],
        row[2],
        Kind(row[3]),
        row[4],
        row[5],
        row[6],
        row[7],
        tuple(movements),
        row[8],
        row[9],
        row[10],
        None if row[15] is None else leg_of(row[15:]),
        row["stan"],
    )


def _refund(row: Any) -> Refund:
    return Refund(row[11], (row[0], row[1]), *row[12:15])
