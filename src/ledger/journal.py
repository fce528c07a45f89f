"""The only Python writer of the books. The caller owns the SQL transaction: nothing commits here.

Every function takes any number of rows in a constant number of statements. Rows travel as arrays
of row types, those of the tables where all of a row comes from here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from ledger.accounts import AccountRow
from ledger.running import Running, after
from ledger.transfers import Movement, Transfer

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    Tx: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

POST = "select ledger_post($1)"

OPEN_ACCOUNTS = "insert into ledger_accounts select * from unnest($1::ledger_accounts[])"

OPEN_HOLDERS = "insert into holders select * from unnest($1::holders[])"

LOCK_HOLDER = "select 1 from holders where holder_id = $1 for update"

# Locked in id order: two writers of overlapping sets then wait for each other, never in a ring.
LOCK_HOLDERS = "select * from holders where holder_id = any ($1) order by holder_id for update"

HOLD_AMOUNTS = """
    select t.holder_id, t.seq, t.amount_minor
    from transfers t
    join unnest($1::bigint[], $2::bigint[]) as about (holder_id, seq) using (holder_id, seq)
    where t.holder_id = any ($1) and t.kind = 'hold'
"""

# The rows are locked by now, in order, so the plan's order of updating cannot lead to a ring.
SAVE_HOLDERS = """
    update holders h set
        version = a.version, last_seq = a.last_seq, usage_since = a.usage_since,
        usage_accounts = a.usage_accounts, usage_days = a.usage_days, usage_minor = a.usage_minor,
        lot_available = a.lot_available, lot_held = a.lot_held,
        profile = coalesce(a.profile, h.profile)
    from unnest($1::holders[]) as a
    where h.holder_id = a.holder_id and h.holder_id = any ($2)
"""


class Locked(Struct, frozen=True):
    """A holder under lock: the figures that count, and the profile, which the books never open."""

    running: Running
    profile: bytes


class Change(Struct, frozen=True, kw_only=True):
    """What a writer wants done to one holder.

    `transfers` are numbered on from the locked `last_seq`; `accounts` are lots to be opened first.
    `account_of` leads from the number of a lot to its account: movements that spend, or give back
    what was spent, need it, and no others.
    A `profile` of None is left as it is. Any change moves the holder's version, so that a
    decision which read the old state is made again.
    """

    transfers: Sequence[Transfer] = ()
    accounts: Sequence[AccountRow] = ()
    account_of: Mapping[int, int] = {}
    profile: bytes | None = None


Build: TypeAlias = Callable[[Locked], Change | None]
"""Decides, under the lock, what happens to a holder; None leaves it untouched."""


async def post(tx: "Tx", transfers: Collection[Transfer]) -> None:
    """Write movements, already numbered, in one statement.

    Raises asyncpg.UniqueViolationError for a number that is taken or a hold that is settled, and
    asyncpg.CheckViolationError for a row that breaks a law.
    """
    await tx.execute(POST, [transfer.as_row() for transfer in transfers])


async def open_accounts(tx: "Tx", rows: Collection[AccountRow]) -> None:
    """Open accounts of the books in one statement. Raises UniqueViolationError for known ones."""
    await tx.execute(OPEN_ACCOUNTS, [row.as_row() for row in rows])


async def open_holders(tx: "Tx", holders: Collection[Locked]) -> None:
    """Write the rows of new holders in one statement, with the figures of their first transfers."""
    rows = [(*holder.running.as_row(), holder.profile, b"") for holder in holders]
    await tx.execute(OPEN_HOLDERS, rows)


async def lock(tx: "Tx", holder_id: int) -> None:
    """Keep everybody else from changing one holder until the SQL transaction ends."""
    await tx.execute(LOCK_HOLDER, holder_id)


async def post_for_holder(tx: "Tx", holder_id: int, build: Build) -> Running:
    """Change one holder under its lock; the figures as they are afterwards. See `post_many`."""
    return (await post_many(tx, [holder_id], build))[holder_id]


async def post_many(tx: "Tx", holder_ids: Collection[int], build: Build) -> dict[int, Running]:
    """Change many holders under their locks, in a constant number of statements.

    Locks the holders in id order, asks `build` for the change of each, books it all and keeps the
    holders' figures in step. Returns the figures afterwards, by holder.
    Raises LookupError for a holder that does not exist.
    """
    locked = await _lock(tx, holder_ids)
    changes = [(holder, change) for holder in locked if (change := build(holder)) is not None]
    hold_minor = await _hold_amounts(tx, [t for _, change in changes for t in change.transfers])
    figures = {holder.running.holder_id: holder.running for holder in locked}
    rows = []
    for holder, change in changes:
        holder_id = holder.running.holder_id
        holds = hold_minor.get(holder_id, {})
        figures[holder_id] = after(holder.running, change.transfers, holds, change.account_of)
        rows.append((*figures[holder_id].as_row(), change.profile, None))
    await open_accounts(tx, [row for _, change in changes for row in change.accounts])
    await post(tx, [transfer for _, change in changes for transfer in change.transfers])
    await tx.execute(SAVE_HOLDERS, rows, [row[0] for row in rows])
    return figures


async def _lock(tx: "Tx", holder_ids: Collection[int]) -> list[Locked]:
    rows = await tx.fetch(LOCK_HOLDERS, list(holder_ids))
    if missing := set(holder_ids) - {row["holder_id"] for row in rows}:
        raise LookupError(f"no such holder: {min(missing)}")
    return [Locked(Running.from_row(row), row["profile"]) for row in rows]


async def _hold_amounts(tx: "Tx", transfers: Collection[Transfer]) -> dict[int, dict[int, int]]:
    """The amounts of holds that are posted, by holder and number. A void says its own amount."""
    posts = [transfer for transfer in transfers if transfer.kind is Movement.POST]
    holder_ids = [transfer.holder_id for transfer in posts]
    rows = await tx.fetch(HOLD_AMOUNTS, holder_ids, [transfer.about_seq for transfer in posts])
    amounts: dict[int, dict[int, int]] = {}
    for row in rows:
        amounts.setdefault(row["holder_id"], {})[row["seq"]] = row["amount_minor"]
    return amounts
