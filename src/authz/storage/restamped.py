"""The SQL that finds what was meant under another DE7: first sendings of repeats, and repeats.

Rare beside the road: it runs only for batches that hold such a repeat.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from authz.decide.loose_ends import STOPPABLE
from authz.requests import TURNED_OUT, Kind, Request
from authz.state import KeptAnswer, PaymentName
from authz.storage.kept import kept_answer
from authz.storage.rows import books_of, columns, grouped

if TYPE_CHECKING:
    from ledger.journal import Tx

# A peer that restamps DE7 or changes DE37 still means the same payment (INTERFACE, request key). An
# answer is known by its own fields: its key has the first DE7, which nobody knows here.
READ_RESTAMPED: Final = """
    select r.key_hash, r.fingerprint,
           a.reason, a.requested_minor, a.approved_minor, a.balance_minor, a.usable_minor,
           a.approval_code, a.holder_id, a.authorization_id, a.business_day, a.facts
    from unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::timestamptz[], $9::bigint[], $11::text[], $12::text[])
        as r (key_hash, holder_id, fingerprint, kind, acquirer, terminal, stan, since,
              amount_minor, turned_out, mid)
    join authorizations a on a.holder_id = r.holder_id and a.holder_id = any ($2)
        and a.kind in (r.kind, r.turned_out) and a.acquirer = r.acquirer and a.terminal = r.terminal
        and a.stan = r.stan and a.at >= r.since
        and a.requested_minor = r.amount_minor and a.mid = r.mid
    union all
    select r.key_hash, k.fingerprint, null, null, null, null, null, null,
           p.holder_id, p.number, null, null
    from unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::timestamptz[])
        as r (key_hash, holder_id, fingerprint, kind, acquirer, terminal, stan, since)
    join pending_payments p on p.holder_id = r.holder_id and p.holder_id = any ($2)
        and p.acquirer = r.acquirer and p.terminal = r.terminal and p.stan = r.stan
    join bank_legs l on l.holder_id = p.holder_id and l.number = p.number and l.kind = r.kind
    join request_keys k on k.key_hash = p.key_hash and k.fingerprint = r.fingerprint
    union all
    select r.key_hash, k.fingerprint, null, null, null, null, null, null,
           0, k.authorization_id, null, null
    from unnest($1::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
                $9::bigint[], $10::bytea[], $13::bool[])
        as r (key_hash, kind, acquirer, terminal, stan, since, amount_minor, card_ref, tells)
    join loose_ends l on l.terminal = r.terminal and l.acquirer = r.acquirer and l.stan = r.stan
        and l.amount_minor = r.amount_minor and l.card_ref in (r.card_ref, '') and l.at >= r.since
        and r.kind = any ($14) and l.advised = r.tells
    join request_keys k on k.key_hash = l.key_hash and k.holder_id = 0
    order by 10
"""
# A reversal may name a first sending that never came, while its repeat did. The clock is read here,
# since this is asked before all that says whose books are touched.
READ_REPEATED: Final = """
    select r.key_hash, k.holder_id, k.authorization_id
    from unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[],
                $7::timestamptz[])
        as r (key_hash, acquirer, terminal, stan, amount_minor, card_ref, now)
    join loose_ends l on l.terminal = r.terminal and l.acquirer = r.acquirer and l.stan = r.stan
        and l.amount_minor = r.amount_minor and r.card_ref in (l.card_ref, '')
        and l.at >= coalesce((select test_clock from control), r.now) - $8::interval
    join request_keys k on k.key_hash = l.key_hash and k.holder_id > 0
"""
_HOUSE: Final = frozenset({Kind.ADVICE})
"""What is booked also for a card that nobody issued."""
_STOPPABLE: Final = [kind.value for kind in STOPPABLE]
RESTAMPED_WINDOW: Final = timedelta(hours=24)


async def read_restamped(
    sql: "Tx",
    requests: Sequence[Request],
    holder_of: Mapping[bytes, int],
    known: Collection[bytes],
    test_clock: datetime | None,
) -> dict[bytes, KeptAnswer]:
    """The first sendings of repeats, by the key of the repeat, where that is not `known`.

    It may be one that a reversal overtook: then it is the tombstone.
    """
    wanted = [
        (r.key_hash, books_of(r, holder_of), r.fingerprint, r.kind.value, r.acquirer,
         r.terminal, r.stan, (test_clock or r.received_at) - RESTAMPED_WINDOW,
         r.purchase.amount_minor, r.card_ref, TURNED_OUT.get(r.kind, r.kind).value, r.mid,
         r.tells)
        for r in requests
        if r.repeat and r.key_hash not in known and (r.card_ref in holder_of or r.kind in _HOUSE)
    ]  # fmt: skip
    if not wanted:
        return {}
    rows = await sql.fetch(READ_RESTAMPED, *columns(wanted), _STOPPABLE)
    return {row[0]: kept_answer(row[1:]) for row in rows}


async def by_repeat(sql: "Tx", requests: Sequence[Request]) -> dict[bytes, tuple[PaymentName, ...]]:
    """The payments that came as repeats of the messages that these reversals name, by reversal."""
    wanted = [
        (r.key_hash, r.acquirer, r.terminal, r.about.first_stan, r.about.amount_minor, r.card_ref,
         r.received_at)
        for r in requests
        if r.kind is Kind.REVERSAL and r.about is not None and r.about.amount_minor is not None
    ]  # fmt: skip
    if not wanted:
        return {}
    return grouped(await sql.fetch(READ_REPEATED, *columns(wanted), RESTAMPED_WINDOW))
