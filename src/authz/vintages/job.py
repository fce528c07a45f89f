"""Books what became of expired vouchers: chunk by chunk, each in one SQL transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog
from msgspec import msgpack
from msgspec.structs import replace

from authz.state import Profile
from authz.storage.reference import employer_of
from authz.storage.sessions import LOST
from authz.vintages.history import read_histories
from authz.vintages.plan import NO_HISTORY, Move, Plan, Where, Why, plan
from ledger import journal
from ledger.journal import Change, Locked
from rules.facts import AccountStatus, Workplace
from rules.geography import civil_day, zone_of
from rules.parameters import ExchangeMode
from rules.rulebook import FIRST_VINTAGE, Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK_HOLDERS: Final = 200
FAILED: Final = "failed holder "
"""What a run says of a holder, by number, for whom nothing could be booked."""

# Who still has money in a lot that has ended, expired money that is not yet exchanged or lost, or
# a closed account that something came back to.
DUE: Final = """
    select holder_id from (
        select a.holder_id from ledger_accounts a join holders h using (holder_id)
        where a.kind = 'HOLDER_LOT' and a.holder_id > $1 and a.vintage = any ($2)
            and h.lot_available[(a.account_id & 4095)::int] > 0
        union
        select holder_id from vintage_moves
        where holder_id > $1 and reason in ('EXPIRED', 'REQUESTED', 'LOST')
        group by holder_id
        having sum(case reason when 'EXPIRED' then amount_minor else -amount_minor end) > 0
        union
        select c.holder_id from closures c join holders h using (holder_id)
        where c.holder_id > $1 and 0 < any (h.lot_available)
    ) as due order by holder_id limit $3
"""
LOCK: Final = """
    select holder_id, profile from holders where holder_id = any ($1) order by holder_id for update
"""
EMPLOYERS: Final = "select employer_no, record from employers where employer_no = any ($1)"
NOTE: Final = "insert into vintage_moves select * from unnest($1::vintage_moves[])"

_log = structlog.get_logger()
_decode: Final = msgpack.Decoder(Profile).decode
_encode: Final = msgpack.Encoder().encode


async def exchange_vintages(
    pool: asyncpg.Pool, books: Mapping[str, Rulebook], now: datetime
) -> dict[str, int]:
    """Book all that is due at `now` (UTC); cents moved by reason. Twice is once.

    A holder whose books cannot be moved is named under `FAILED`, and stops nobody else.
    """
    done = {why.value.lower(): 0 for why in Why}
    vintages = ended(books.values(), now)
    last = 0
    while True:
        async with pool.acquire() as tx, tx.transaction():
            rows = await tx.fetch(DUE, last, vintages, CHUNK_HOLDERS)
            if not rows:
                return done
            last = rows[-1][0]
            moves, failed = await settle_apart(tx, [row[0] for row in rows], books, now)
        for move in moves:
            done[move.why.value.lower()] += move.transfer.amount_minor
        for holder_id in failed:
            done[f"{FAILED}{holder_id}"] = 1


async def settle_apart(
    tx: "Tx", holder_ids: Sequence[int], books: Mapping[str, Rulebook], now: datetime
) -> tuple[list[Move], list[int]]:
    """What was moved, and who failed: all at once, and one by one where that cannot be."""
    try:
        async with tx.transaction():
            return await settle(tx, holder_ids, books, now), []
    except LOST:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is of one holder
        if len(holder_ids) == 1:
            _log.error("exchange_failed", holder=holder_ids[0], error=type(fault).__name__)
            return [], list(holder_ids)
    moves, failed = [], []
    for holder_id in holder_ids:
        moved, lost = await settle_apart(tx, [holder_id], books, now)
        moves += moved
        failed += lost
    return moves, failed


def ended(books: Collection[Rulebook], now: datetime) -> list[int]:
    """The vintages whose last day has passed somewhere, by any of these rulebooks."""
    latest = (now + timedelta(hours=12)).date()
    years = range(FIRST_VINTAGE, latest.year + 1)
    return [year for year in years if any(book.vintage_end(year) < latest for book in books)]


async def settle(
    tx: "Tx", holder_ids: Sequence[int], books: Mapping[str, Rulebook], now: datetime
) -> list[Move]:
    """Book what is due of these holders, in the caller's SQL transaction; what was moved.

    Locks first: what came back to a lot is read when nothing can come back any more.

    Raises Refused as NO_ROOM.
    """
    rows = await tx.fetch(LOCK, list(holder_ids))
    profiles = {row["holder_id"]: _decode(row["profile"]) for row in rows}
    workplaces = await _workplaces(tx, profiles.values())
    where = {n: _where(profile, workplaces, books, now) for n, profile in profiles.items()}
    asking = [n for n, accounts in where.items() if _needs_history(profiles[n], accounts)]
    histories = await read_histories(tx, asking, where) if asking else {}
    moves: list[Move] = []

    def build(locked: Locked) -> Change | None:
        holder_id = locked.running.holder_id
        profile = profiles[holder_id]
        history = histories.get(holder_id, NO_HISTORY)
        due = plan(locked.running, profile, where[holder_id], now, history)
        moves.extend(due.moves)
        return change_of(profile, due) if due.moves else None

    await journal.post_many(tx, list(profiles), build)
    if moves:
        await tx.execute(NOTE, [move.as_row() for move in moves])
    return moves


def change_of(profile: Profile, due: Plan) -> Change:
    """A plan as the journal takes it."""
    return Change(
        transfers=[move.transfer for move in due.moves],
        accounts=due.opened,
        profile=_encode(replace(profile, lots=due.lots)),
    )


async def _workplaces(tx: "Tx", profiles: Collection[Profile]) -> dict[int, Workplace]:
    numbers = {held.employer_no for profile in profiles for held in profile.accounts}
    rows = await tx.fetch(EMPLOYERS, list(numbers))
    return {row["employer_no"]: employer_of(row["record"]).workplace for row in rows}


def _where(
    profile: Profile,
    workplaces: Mapping[int, Workplace],
    books: Mapping[str, Rulebook],
    now: datetime,
) -> dict[int, Where]:
    """By account; one of a programme without a rulebook here is left to a process that has it."""
    found = {}
    for held in profile.accounts:
        account = held.account
        if account.programme in books:
            zone = zone_of(workplaces[held.employer_no].department)
            found[account.account_no] = Where(
                held.employer_no,
                civil_day(now, zone),
                zone,
                books[account.programme],
                account.status is AccountStatus.CLOSED,
            )
    return found


def _needs_history(profile: Profile, where: Mapping[int, Where]) -> bool:
    """Whether a lot of the person, or one that may follow it by now, is not exchanged by itself."""
    return any(
        where[lot.account_no].book.exchange_mode(vintage) is not ExchangeMode.AUTO
        for lot in profile.lots
        if lot.account_no in where
        for vintage in range(lot.vintage, where[lot.account_no].day.year + 1)
    )
