"""What a batch reads, in a constant number of statements; a holder is one row with its version."""

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import msgpack
from msgspec.structs import replace

from authz.decide.counters import Counters
from authz.requests import Request
from authz.state import Holder, KeptAnswer, Payment, PaymentName, Profile, State, UsedDay
from authz.storage.finding import find_named, read_payments
from authz.storage.kept import kept_answer
from authz.storage.pending import read_pending
from authz.storage.reference import Reference
from authz.storage.restamped import read_restamped
from ledger.queries import usage_of

if TYPE_CHECKING:
    from ledger.journal import Tx

_decode_profile: Final = msgpack.Decoder(Profile).decode
_decode_counters: Final = msgpack.Decoder(tuple[Counters, ...]).decode

READ_KEPT: Final = """
    select k.key_hash, k.fingerprint,
           a.reason, a.requested_minor, a.approved_minor, a.balance_minor, a.usable_minor,
           a.approval_code, k.holder_id, k.authorization_id, a.business_day, a.facts
    from request_keys k
    left join authorizations a
        on a.holder_id = k.holder_id and a.authorization_id = k.authorization_id
    where k.key_hash = any ($1)
"""
# One row at least: the control row, beside the holders. Those whose holder nobody remembers come
# by their card's reference: to look it up first would be one more round trip for a batch.
READ_HOLDERS: Final = """
    select c.reference_epoch, c.test_clock, c.business_day,
           h.holder_id, h.version, h.last_seq, h.usage_since, h.usage_accounts, h.usage_days,
           h.usage_minor, h.lot_available, h.lot_held, h.profile, h.counters
    from control c left join holders h on h.holder_id = any ($1::bigint[] || array(
        select k.holder_id from credentials k where k.card_ref = any ($2)
    ))
"""
READ_OWNERS: Final = "select card_ref, holder_id from credentials where card_ref = any ($1)"
LOCK_HOLDERS: Final = """
    select 1 from holders where holder_id = any ($1) order by holder_id for update
"""
NEAR: Final = timedelta(days=2)


class Reader:
    """Reads the state of batches; remembers reference tables between them."""

    def __init__(self, reference: Reference) -> None:
        """`reference` is this process's memory of merchants and employers."""
        self._reference = reference

    async def read(
        self,
        sql: "Tx",
        requests: Sequence[Request],
        holder_of: Mapping[bytes, int],
        *,
        doubt_all: bool,
    ) -> State:
        """Everything that deciding `requests` needs. `holder_of` has the cards that are remembered.

        The state's own has all of them that somebody holds.

        Without `doubt_all`, only what says itself that it came before, or is about something that
        did, is looked up by its key; for all others the save finds out, and refuses. A holder's
        version is read before, or with, all that is read of the holder's past: what another
        process commits in between moves it, and the save is refused (ARCHITECTURE, corner 9).
        """
        kept: dict[bytes, KeptAnswer] = {}
        if after_others := [r for r in requests if doubt_all or r.repeat or r.about is not None]:
            keys = _keys(after_others)
            kept = {row[0]: kept_answer(row[1:]) for row in await sql.fetch(READ_KEPT, keys)}
            # Where the past is looked for, its holder must be known first.
            holder_of = await with_owners(sql, after_others, holder_of)
        named = await find_named(sql, requests, holder_of, kept)
        strangers = _strangers(requests, holder_of)
        waiting = _undecided(kept)
        known = {*holder_of.values(), *named.holders, *(holder_id for holder_id, _ in waiting)}
        rows = await sql.fetch(READ_HOLDERS, [*known], [*strangers])
        epoch, test_clock, business_day = rows[0][:3]
        tables = self._reference.tables(epoch)
        holders = {row[3]: _holder(row) for row in rows if row[3] is not None}
        if strangers:
            holder_of = {**holder_of, **_owners(holders, strangers)}
        restamped = await read_restamped(sql, requests, holder_of, kept, test_clock)
        waiting |= _undecided(restamped)
        # In this order: what is settled between the two is found in both, and never in neither.
        pending = await read_pending(sql, named.payments | waiting)
        meant = await read_payments(sql, named.payments)
        await _read_old_usage(sql, holders, meant.payments.values(), test_clock)
        await tables.learn_merchants(sql, ((r.acquirer, r.mid) for r in requests))
        await tables.learn_employers(
            sql, (held.employer_no for h in holders.values() for held in h.profile.accounts)
        )
        return State(
            holders,
            {card_ref: holder for card_ref, holder in holder_of.items() if holder in holders},
            kept,
            tables.merchants,
            tables.employers,
            test_clock,
            meant.payments,
            named.originals,
            business_day,
            pending,
            refunds=meant.refunds,
            completions=meant.completions,
            restamped=restamped,
        )


async def with_owners(
    sql: "Tx", requests: Sequence[Request], holder_of: Mapping[bytes, int]
) -> Mapping[bytes, int]:
    """`holder_of` with the holders of all cards of the requests that somebody holds."""
    if not (strangers := _strangers(requests, holder_of)):
        return holder_of
    return {**holder_of, **{row[0]: row[1] for row in await sql.fetch(READ_OWNERS, [*strangers])}}


def _undecided(answers: Mapping[bytes, KeptAnswer]) -> set[PaymentName]:
    """The payments among these that still wait for the bank."""
    return {
        (kept.outcome.holder_id, kept.outcome.authorization_id)
        for kept in answers.values()
        if kept.undecided
    }


def _strangers(requests: Sequence[Request], holder_of: Mapping[bytes, int]) -> set[bytes]:
    """Cards whose holder is not known yet."""
    return {r.card_ref for r in requests if r.card_ref not in holder_of} - {b""}


def _owners(holders: Mapping[int, Holder], strangers: Set[bytes]) -> dict[bytes, int]:
    """Whose these cards are, as their holders' own rows say."""
    return {
        credential.card_ref: holder_id
        for holder_id, holder in holders.items()
        for credential in holder.profile.credentials
        if credential.card_ref in strangers
    }


def _keys(requests: Sequence[Request]) -> list[bytes]:
    """The keys of the requests, and those of the payments that they are about."""
    keys = [request.key_hash for request in requests]
    for request in requests:
        if request.about is not None:
            keys.extend(request.about.keys)
    return keys


def _holder(row: Any) -> Holder:
    (_, _, _, holder_id, version, last_seq, since, accounts, days, minor, available, held,
     profile, counters) = row  # fmt: skip
    return Holder(
        holder_id,
        version,
        last_seq,
        since,
        tuple(map(UsedDay, accounts, days, minor)),
        tuple(available),
        tuple(held),
        _decode_profile(profile),
        _decode_counters(counters) if counters else (),
    )


async def _read_old_usage(
    sql: "Tx",
    holders: dict[int, Holder],
    payments: Collection[Payment],
    test_clock: datetime | None,
) -> None:
    """A day that has left the holder's row is summed from the books where it may be asked for.

    That is the day of a payment that something is about (a late capture goes by its cap), and
    today, if the clock was set back.
    """
    today = (test_clock or datetime.now(UTC)).date()
    first, last = today - NEAR, today + NEAR
    wanted = {n: [first, last] for n, holder in holders.items() if holder.usage_since > first}
    for payment in payments:
        if payment.day < holders[payment.holder_id].usage_since:
            wanted.setdefault(payment.holder_id, []).append(payment.day)
    if not wanted:
        return
    every = [day for days in wanted.values() for day in days]
    older: dict[int, dict[tuple[int, date], int]] = {holder_id: {} for holder_id in wanted}
    for row in await usage_of(sql, list(wanted), min(every), max(every)):
        holder = holders[row.holder_id]
        if row.day < holder.usage_since:
            account_no = holder.profile.lots[row.lot_no - 1].account_no
            totals = older[row.holder_id]
            key = (account_no, row.day)
            totals[key] = totals.get(key, 0) + row.used_minor
    for holder_id, used in older.items():
        holder = holders[holder_id]
        before = tuple(UsedDay(account, day, minor) for (account, day), minor in used.items())
        holders[holder_id] = replace(holder, used=holder.used + before)
