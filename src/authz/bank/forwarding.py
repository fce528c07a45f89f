"""Store and forward: what was left behind is settled, and the bank told until it acknowledges.

Several processes share the work: rows are claimed with `skip locked` and a lease. Settling twice is
impossible (a payment has one finish key), telling twice is harmless (a repeat says that it is one).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final

import asyncpg
import structlog
from msgspec import msgpack
from msgspec.structs import replace

from authz.bank.kept import open_card
from authz.bank.link import NotSent, Silent
from authz.bank.moves import note_moves
from authz.bank.stans import NoStanLeft
from authz.bank.teller import BankDesk, finish_of
from authz.bank.words import (
    APPROVED,
    ORIGINAL_NOT_FOUND,
    Place,
    Stamp,
    completion,
    reference_of,
    refund,
    reversal,
)
from authz.custody.vault import Unreadable
from authz.decide.topup import OWED, STANDING, Event, LegState, NoticeKind, moved
from authz.iso8583 import numbers as de
from authz.iso8583.message import Message
from authz.outcomes import Outcome
from authz.requests import Request
from authz.storage.rows import columns

Decide = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome | None]]]

CHUNK: Final = 100
LEASE_S: Final = 10
ANSWER_S: Final = 5.0
DELAY_FIRST_S: Final = 0.5
DELAY_MAX_S: Final = 300.0
PATIENCE_S: Final = 20.0

# By the clock of the engines, which wrote it: the database's may be another.
LEFT_BEHIND: Final = """
    update pending_payments p set settle_after = $1::timestamptz + $2::interval
    from (
        select holder_id, number from pending_payments where settle_after <= $1
        order by settle_after limit $3 for update skip locked
    ) as d
    where p.holder_id = d.holder_id and p.number = d.number
    returning p.holder_id, p.number, p.request
"""
# A leg's notices go in their order: the next only when the one before is acknowledged.
DUE: Final = """
    select n.holder_id, n.number, n.notice_no, n.stan is null as first
    from bank_notices n
    where n.acknowledged_at is null and n.due_at <= clock_timestamp() and not exists (
        select 1 from bank_notices e where e.holder_id = n.holder_id and e.number = n.number
            and e.notice_no < n.notice_no and e.acknowledged_at is null)
    order by n.due_at, n.holder_id, n.number limit $1 for update of n skip locked
"""
CLAIM: Final = """
    update bank_notices n set due_at = clock_timestamp() + $6, attempts = n.attempts + 1,
        stan = coalesce(n.stan, c.stan), sent_at = coalesce(n.sent_at, c.at)
    from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::timestamptz[])
        as c (holder_id, number, notice_no, stan, at)
    join bank_legs l on l.holder_id = c.holder_id and l.number = c.number
    join bank_cards b on b.holder_id = l.holder_id and b.card_no = l.card_no
    join sealed_numbers s on s.holder_id = b.holder_id and s.kind = 'BANK_CARD'
        and s.name = int8send(b.card_no)
    where n.holder_id = c.holder_id and n.number = c.number and n.notice_no = c.notice_no
    returning n.holder_id, n.number, n.notice_no, n.kind, n.amount_minor, n.left_minor, n.attempts,
        n.stan, n.sent_at, n.since, l.kind as leg_kind, l.amount_minor as leg_minor,
        l.stan as leg_stan, l.asked_at, l.terminal, l.mid, l.card_no, b.expiry, s.key_id,
        s.encrypted
"""
AGAIN: Final = """
    update bank_notices set due_at = clock_timestamp() + $4, response_code = $5
    where holder_id = $1 and number = $2 and notice_no = $3 and acknowledged_at is null
"""
ACKNOWLEDGED: Final = """
    update bank_notices set acknowledged_at = $4, response_code = $5
    where holder_id = $1 and number = $2 and notice_no = $3 and acknowledged_at is null
    returning kind
"""
LEG: Final = """
    select state, left_minor, refunded_minor, notices from bank_legs
    where holder_id = $1 and number = $2 for update
"""
STEP: Final = "update bank_legs set state = $3 where holder_id = $1 and number = $2"

_decode: Final = msgpack.Decoder(Request).decode
_log = structlog.get_logger()


async def settle_left_behind(pool: asyncpg.Pool, decide: Decide) -> int:
    """Settle payments whose process is gone: nothing stands of them, and the bank will be told."""
    settled = 0
    lease = timedelta(seconds=LEASE_S)
    while rows := await pool.fetch(LEFT_BEHIND, datetime.now(UTC), lease, CHUNK):
        finishes = []
        for holder_id, number, request in rows:
            asked = replace(_decode(request), deadline_s=monotonic() + PATIENCE_S)
            finishes.append(finish_of(asked, (holder_id, number), None, late=True))
        outcomes = await decide(finishes)
        settled += sum(outcome is not None for outcome in outcomes)
        if not all(outcomes):
            break  # the database is away: later
    return settled


async def tell_the_bank(desk: BankDesk) -> int:
    """Say every notice that is due once; how many the bank acknowledged."""
    acknowledged = 0
    while desk.link.is_open and (rows := await _claimed(desk)):
        said = await asyncio.gather(*(_say(desk, row) for row in rows))
        acknowledged += sum(said)
        if not all(said):
            break
    return acknowledged


async def _claimed(desk: BankDesk) -> list[Any]:
    try:
        return await _claim(desk)
    except NoStanLeft as error:
        _log.error("bank_not_told", why=str(error))
        return []


async def _claim(desk: BankDesk) -> list[Any]:
    async with desk.pool.acquire() as sql, sql.transaction():
        # Of a bank that is being tried out, one thing at a time is asked.
        due = await sql.fetch(DUE, CHUNK if desk.link.breaker.closed else 1)
        if not due:
            return []
        stamps = iter(await desk.stans.stamps(sum(row["first"] for row in due)))
        wanted = [(*row[:3], *_stamp_of(row, stamps)) for row in due]
        lease = timedelta(seconds=LEASE_S)
        claimed: list[Any] = await sql.fetch(CLAIM, *columns(wanted), lease)
        return claimed


def _stamp_of(row: Any, stamps: Iterator[Stamp]) -> tuple[str | None, datetime | None]:
    """A new one for what is said for the first time; a repeat keeps its own."""
    if not row["first"]:
        return None, None
    stamp = next(stamps)
    return stamp.stan, stamp.at


async def _say(desk: BankDesk, row: Mapping[str, Any]) -> bool:
    """Tell one notice; whether the bank acknowledged it."""
    name = row["holder_id"], row["number"], row["notice_no"]
    code: str | None = None
    try:
        answer = await desk.link.ask(message_of(desk, row), ANSWER_S)
        code = answer.fields.get(de.RESPONSE_CODE)
    except (NotSent, Silent):
        pass
    except Unreadable as error:
        _log.error("bank_card_unreadable", why=str(error))
    if is_acknowledged(NoticeKind(row["kind"]), code):
        await acknowledge(desk.pool, name, code or "")
        return True
    if code is not None:
        _log.warning("bank_refuses_notice", kind=row["kind"], code=code, attempts=row["attempts"])
    await desk.pool.execute(AGAIN, *name, timedelta(seconds=delay_s(row["attempts"])), code)
    return False


def delay_s(attempts: int) -> float:
    """How long the next attempt waits, twice as long each time."""
    return min(DELAY_FIRST_S * 2.0 ** (attempts - 1), DELAY_MAX_S)


def is_acknowledged(kind: NoticeKind, code: str | None) -> bool:
    """Whether the bank's answer ends a notice: what it does not know, it need not undo."""
    undo = kind is NoticeKind.REVERSAL
    return code == APPROVED or (undo and code == ORIGINAL_NOT_FOUND)


def message_of(desk: BankDesk, row: Mapping[str, Any]) -> Message:
    """The notice as a message. Raises `Unreadable`."""
    card = open_card(desk.vault, row)
    reference = reference_of(row["number"])
    place = Place(desk.institution, reference, row["terminal"], row["mid"], row["since"])
    stamp = Stamp(row["stan"], row["sent_at"].astimezone(UTC))
    mti = "0200" if row["leg_kind"] == "PURCHASE" else "0100"
    original = mti, Stamp(row["leg_stan"], row["asked_at"].astimezone(UTC))
    again = row["attempts"] > 1
    match NoticeKind(row["kind"]):
        case NoticeKind.REVERSAL:
            amounts = row["leg_minor"], row["left_minor"]
            return reversal(card, place, stamp, original, amounts, again=again)
        case NoticeKind.CAPTURE:
            return completion(card, place, stamp, original, row["amount_minor"], again=again)
        case NoticeKind.REFUND:
            return refund(card, place, stamp, original, row["amount_minor"], again=again)


async def acknowledge(pool: asyncpg.Pool, name: tuple[int, int, int], code: str) -> None:
    """Note that the bank has heard; the leg may have come to its end by it."""
    leg, now = name[:2], datetime.now(UTC)
    async with pool.acquire() as sql, sql.transaction():
        row = await sql.fetchrow(LEG, *leg)
        kind = await sql.fetchval(ACKNOWLEDGED, *name, now, code)
        if row is None or kind is None:
            return
        event = _end(LegState(row["state"]), NoticeKind(kind), name[2], row)
        if event is not None:
            state, why = moved(LegState(row["state"]), event), f"the bank answered {code}"
            await sql.execute(STEP, *leg, state.value)
            await note_moves(sql, [(*leg, now)], state, event, why, "store-and-forward")


def _end(state: LegState, kind: NoticeKind, notice_no: int, leg: Any) -> Event | None:
    """What the last word to the bank means for the leg."""
    if notice_no < leg["notices"]:
        return None
    if kind is NoticeKind.REVERSAL and state in OWED:
        return Event.ACKNOWLEDGE_REVERSAL
    given_back = leg["left_minor"] == leg["refunded_minor"]
    if kind is NoticeKind.REFUND and state in STANDING and given_back:
        return Event.ACKNOWLEDGE_REFUND
    return None
