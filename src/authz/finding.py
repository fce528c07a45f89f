"""The SQL that finds what a message means without naming it exactly: first sendings and originals.

Rare beside the road, so these statements run only for batches that hold such a request.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from authz.kept import kept_answer
from authz.pending import leg_of
from authz.requests import Kind, Request
from authz.state import HOUSE_HOLDER, KeptAnswer, Payment, PaymentName
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

# A peer that restamps DE7 or changes DE37 still means the same payment (wire.md, request key).
READ_RESTAMPED: Final = """
    select r.key_hash, k.fingerprint,
           a.reason, a.requested_minor, a.approved_minor, a.balance_minor, a.usable_minor,
           a.approval_code, a.holder_id, a.authorization_id, a.business_day
    from unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::timestamptz[])
        as r (key_hash, holder_id, fingerprint, kind, acquirer, terminal, stan, since)
    join authorizations a on a.holder_id = r.holder_id and a.holder_id = any ($2)
        and a.kind = r.kind and a.acquirer = r.acquirer and a.terminal = r.terminal
        and a.stan = r.stan and a.at >= r.since
    join request_keys k on k.holder_id = a.holder_id
        and k.authorization_id = a.authorization_id and k.fingerprint = r.fingerprint
    union all
    select r.key_hash, k.fingerprint, null, null, null, null, null, null,
           p.holder_id, p.number, null
    from unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::timestamptz[])
        as r (key_hash, holder_id, fingerprint, kind, acquirer, terminal, stan, since)
    join pending_payments p on p.holder_id = r.holder_id and p.holder_id = any ($2)
        and p.acquirer = r.acquirer and p.terminal = r.terminal and p.stan = r.stan
    join bank_legs l on l.holder_id = p.holder_id and l.number = p.number and l.kind = r.kind
    join request_keys k on k.key_hash = p.key_hash and k.fingerprint = r.fingerprint
    order by 10
"""
_HOUSE: Final = frozenset({Kind.ADVICE})
"""What is booked also for a card that nobody issued."""
RESTAMPED_WINDOW: Final = timedelta(hours=24)

READ_BY_REFERENCE: Final = """
    select r.key_hash, a.holder_id, a.authorization_id
    from unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[])
        as r (key_hash, rrn, terminal, acquirer, approval_code)
    join authorizations a on a.rrn = r.rrn and a.terminal = r.terminal
        and a.acquirer = r.acquirer and a.kind in ('PURCHASE', 'HOLD', 'ADVICE')
        and (r.approval_code is null or a.approval_code = r.approval_code)
    union all
    select r.key_hash, p.holder_id, p.number
    from unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[])
        as r (key_hash, rrn, terminal, acquirer, approval_code)
    join pending_payments p on p.terminal = r.terminal and p.acquirer = r.acquirer
        and p.rrn = r.rrn
"""
READ_BY_STAN: Final = """
    select r.key_hash, a.holder_id, a.authorization_id
    from unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
        as r (key_hash, holder_id, stan, terminal, acquirer, month_day)
    join authorizations a on a.holder_id = r.holder_id and a.holder_id = any ($2)
        and a.stan = r.stan and a.terminal = r.terminal and a.acquirer = r.acquirer
        and a.kind in ('PURCHASE', 'HOLD', 'ADVICE') and to_char(a.day, 'MMDD') = r.month_day
    union all
    select r.key_hash, p.holder_id, p.number
    from unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
        as r (key_hash, holder_id, stan, terminal, acquirer, month_day)
    join pending_payments p on p.terminal = r.terminal and p.acquirer = r.acquirer
        and p.holder_id = r.holder_id and p.stan = r.stan
"""
READ_PAYMENTS: Final = """
    select a.holder_id, a.authorization_id, a.account_no, a.kind, a.day, a.mid, a.requested_minor,
           a.approved_minor, a.facts,
           exists (select 1 from authorizations r
                   where r.holder_id = a.holder_id and r.about_id = a.authorization_id
                     and (r.kind = 'CANCEL' or r.kind = 'REVERSAL' and r.eligible_minor = 0)
                  ) as reversed,
           l.holder_id, l.number, l.state, l.amount_minor, l.left_minor, l.refunded_minor, l.notices
    from unnest($1::bigint[], $2::bigint[]) as p (holder_id, authorization_id)
    join authorizations a
        on a.holder_id = p.holder_id and a.authorization_id = p.authorization_id
    left join bank_legs l on l.holder_id = a.holder_id and l.number = a.authorization_id
    where a.kind in ('PURCHASE', 'HOLD', 'ADVICE')
"""
READ_MOVEMENTS: Final = """
    select p.authorization_id as payment, t.*
    from unnest($1::bigint[], $2::bigint[]) as p (holder_id, authorization_id)
    join transfers t on t.holder_id = p.holder_id and t.holder_id = any ($1)
    left join authorizations a
        on a.holder_id = t.holder_id and a.authorization_id = t.authorization_id
    where t.authorization_id = p.authorization_id or a.about_id = p.authorization_id
    order by t.holder_id, t.seq
"""


class Named(Struct, frozen=True):
    """Which payments a batch's requests may be about, by request where only a reference says it.

    `holders` are those whose books the batch touches through them.
    """

    payments: set[PaymentName]
    originals: dict[bytes, tuple[PaymentName, ...]]
    holders: set[int]


async def read_restamped(
    sql: "Tx",
    requests: Sequence[Request],
    holder_of: Mapping[bytes, int],
    kept: dict[bytes, KeptAnswer],
    test_clock: datetime | None,
) -> None:
    """Find the first sending of repeats whose exact key nobody knows; adds to `kept`."""
    wanted = [
        (r.key_hash, _books_of(r, holder_of), r.fingerprint, r.kind.value, r.acquirer,
         r.terminal, r.stan, (test_clock or r.received_at) - RESTAMPED_WINDOW)
        for r in requests
        if r.repeat and r.key_hash not in kept and (r.card_ref in holder_of or r.kind in _HOUSE)
    ]  # fmt: skip
    if wanted:
        for row in await sql.fetch(READ_RESTAMPED, *_columns(wanted)):
            kept[row[0]] = kept_answer(row[1:])


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
    originals |= await _by_stan(sql, vague, holder_of)
    names.update(name for found in originals.values() for name in found)
    holders = {holder_id for holder_id, _ in names}
    if any(r.kind is Kind.ADVICE and r.card_ref not in holder_of for r, _ in about):
        holders.add(HOUSE_HOLDER)
    return Named(names, originals, holders)


async def _by_reference(sql: "Tx", about: Sequence[Any]) -> dict[bytes, tuple[PaymentName, ...]]:
    wanted = [
        (r.key_hash, o.rrn, r.terminal, r.acquirer, o.approval_code) for r, o in about if o.rrn
    ]
    return _grouped(await sql.fetch(READ_BY_REFERENCE, *_columns(wanted))) if wanted else {}


async def _by_stan(
    sql: "Tx", about: Sequence[Any], holder_of: Mapping[bytes, int]
) -> dict[bytes, tuple[PaymentName, ...]]:
    wanted = [
        (r.key_hash, _books_of(r, holder_of), o.stan, r.terminal, r.acquirer, o.month_day)
        for r, o in about
        if o.stan and o.month_day and r.card_ref
    ]
    return _grouped(await sql.fetch(READ_BY_STAN, *_columns(wanted))) if wanted else {}


async def read_payments(sql: "Tx", names: Collection[PaymentName]) -> dict[PaymentName, Payment]:
    """Those of the named that are payments, with all their movements."""
    if not names:
        return {}
    columns = _columns(sorted(names))
    movements: dict[PaymentName, list[Transfer]] = {}
    for row in await sql.fetch(READ_MOVEMENTS, *columns):
        movements.setdefault((row["holder_id"], row[0]), []).append(Transfer.from_row(row))
    return {
        (row[0], row[1]): Payment(
            row[0],
            row[1],
            row[2],
            Kind(row[3]),
            row[4],
            row[5],
            row[6],
            row[7],
            tuple(movements.get((row[0], row[1]), ())),
            row[8],
            row[9],
            None if row[10] is None else leg_of(row[10:]),
        )
        for row in await sql.fetch(READ_PAYMENTS, *columns)
    }


def _books_of(request: Request, holder_of: Mapping[bytes, int]) -> int:
    """Under whom the request's payment is booked: a card that nobody issued is the house's."""
    return holder_of.get(request.card_ref, HOUSE_HOLDER)


def _grouped(rows: Sequence[Any]) -> dict[bytes, tuple[PaymentName, ...]]:
    found: dict[bytes, tuple[PaymentName, ...]] = {}
    for key_hash, holder_id, number in rows:
        found[key_hash] = (*found.get(key_hash, ()), (holder_id, number))
    return found


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
