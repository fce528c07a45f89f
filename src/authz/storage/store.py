"""The SQL of the road: what a batch reads, and the one statement that saves it whole."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from authz.batch.directory import Directory
from authz.decide.writes import Writes
from authz.requests import Request
from authz.state import State, has_moved
from authz.storage.reading import LOCK_HOLDERS, Reader, with_owners
from authz.storage.reference import Reference
from authz.storage.rows import books_of, columns
from authz.storage.sessions import LOST, Sessions

if TYPE_CHECKING:
    from ledger.journal import Tx

SAVE: Final = "select save_batch($1, $2, $3, $4)"
SAVE_RARE: Final = """
    select save_rare_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
# Everything, and as it was decided: another process may have kept a key since, for a repeat, and
# may have settled what waited for the bank, the other way.
STANDS: Final = """
    select not exists (
        select from unnest($1::bytea[], $2::bigint[]) as w (key_hash, authorization_id)
        left join request_keys k
            on k.key_hash = w.key_hash and k.authorization_id = w.authorization_id
        where k.key_hash is null
    ) and not exists (
        select from unnest($3::authorizations[]) as w
        left join authorizations a
            on a.holder_id = w.holder_id and a.authorization_id = w.authorization_id
            and a.reason = w.reason and a.approved_minor = w.approved_minor
        where a.holder_id is null
    )
"""
FENCE: Final = "update holders set version = version + 1 where holder_id = any ($1)"

HolderOf = Mapping[bytes, int]
Save = Callable[[Writes], Awaitable[None]]


class Conflict(Exception):
    """Something moved since it was read: load again, decide again."""


class InDoubt(Exception):
    """The save may or may not have been committed; only the database knows."""


class StoreDown(Exception):
    """The database cannot be reached, and nothing was sent that could still be committed."""


_MOVED: Final = frozenset({"MV001", "MV003", "40001", "40P01"})
_KEY_TAKEN: Final = "request_keys_pkey"
# A statement that the server ended unfinished: no memory or disk, too long, no leader. Nothing of
# it is committed, and it is no fault of what it would write (PostgreSQL, appendix A). `MV004`: the
# books came from another server and were not brought up to this one.
_UNABLE: Final = ("53", "55", "57", "58", "25006", "MV004")


def _meaning(error: asyncpg.PostgresError) -> Exception:
    """What the server's refusal of a statement means to the batch; itself where it is poison."""
    if error.sqlstate in _MOVED or error.constraint_name == _KEY_TAKEN:
        return Conflict(error.sqlstate)
    if (error.sqlstate or "").startswith(_UNABLE):
        return StoreDown(type(error).__name__)
    return error


class Store:
    """Loads and saves batches; one SQL connection for each batch at work."""

    def __init__(
        self, sessions: Sessions, directory: Directory, *, answer_timeout_s: float
    ) -> None:
        """`answer_timeout_s`: how long a statement's answer is waited for before it counts as lost.

        It must be longer than the server's own statement timeout, which ends a statement surely.
        `directory` is told whose cards were found.
        """
        self._sessions = sessions
        self._directory = directory
        self._reader = Reader(Reference())
        self._timeout_s = answer_timeout_s

    async def load(self, requests: Sequence[Request], holder_of: HolderOf) -> State:
        """Read what the batch needs, without a lock. Raises `StoreDown`, `Conflict`."""
        try:
            async with self._sessions.acquire(timeout=self._timeout_s) as sql:
                state = await self._reader.read(sql, requests, holder_of, doubt_all=False)
        except LOST as error:
            raise StoreDown(type(error).__name__) from error
        except asyncpg.PostgresError as error:
            raise _meaning(error) from error
        self._directory.remember(state.holder_of.items() - holder_of.items())
        if has_moved(state):
            raise Conflict("movements")
        return state

    async def save(self, writes: Writes) -> None:
        """Commit the batch, or nothing of it. Raises `Conflict`, `InDoubt`, `StoreDown`.

        Any other `asyncpg.PostgresError` says that the batch itself cannot be written.
        """
        sent = saved = False
        try:
            async with self._sessions.acquire(timeout=self._timeout_s) as sql:
                sent = True
                await _save(sql, writes, self._timeout_s)
                saved = True
        except LOST as error:
            if not saved:  # else it broke on its way back: nothing that was committed is undone
                raise (InDoubt if sent else StoreDown)(type(error).__name__) from error

    @asynccontextmanager
    async def exclusive(
        self, requests: Sequence[Request], holder_of: HolderOf
    ) -> AsyncIterator[tuple[State, Save]]:
        """Lock first, then read: nothing can move before the save. Same errors as `save`."""
        saving = False
        try:
            async with self._sessions.acquire(timeout=self._timeout_s) as sql, sql.transaction():
                known, holder_of = holder_of, await with_owners(sql, requests, holder_of)
                await sql.fetch(LOCK_HOLDERS, sorted(_written(requests, holder_of)))
                state = await self._reader.read(sql, requests, holder_of, doubt_all=True)
                self._directory.remember(state.holder_of.items() - known.items())

                async def save(writes: Writes) -> None:
                    nonlocal saving
                    saving = True
                    await _save(sql, writes, self._timeout_s)

                yield state, save
        except LOST as error:
            if saving:
                raise InDoubt(type(error).__name__) from error
            raise StoreDown(type(error).__name__) from error
        except asyncpg.PostgresError as error:
            raise _meaning(error) from error

    async def committed(self, writes: Writes) -> bool:
        """Whether what a save in doubt would write stands; if not, make sure that it never will.

        The lock waits for the lost statement's end if it is at work; the new version stops it if
        it still lies in a buffer on its way (ARCHITECTURE, corner 6). Raises `StoreDown`.
        """
        holders = writes.holders
        key_hashes, _, _, numbers = columns(writes.keys)
        try:
            async with self._sessions.acquire(timeout=self._timeout_s) as sql, sql.transaction():
                await sql.fetch(LOCK_HOLDERS, holders)
                stands: bool = await sql.fetchval(STANDS, key_hashes, numbers, writes.decided)
                if not stands:
                    await sql.execute(FENCE, holders)
                return stands
        except (*LOST, asyncpg.PostgresError) as error:
            raise StoreDown(type(error).__name__) from error


def _written(requests: Sequence[Request], holder_of: HolderOf) -> set[int]:
    """Whose rows the batch may write: its holders', and the house's for cards that nobody holds."""
    return {*holder_of.values(), *(books_of(r, holder_of) for r in requests if r.about is not None)}


async def _save(sql: "Tx", writes: Writes, timeout_s: float) -> None:
    rows: tuple[Sequence[object], ...] = (
        writes.afters,
        writes.keys,
        writes.decided,
        writes.movements,
    )
    bank, statement = writes.bank, SAVE
    if writes.rare:
        statement = SAVE_RARE
        rows = (*rows, writes.reserved, bank.legs, bank.steps, bank.moves, bank.notices)
        rows = (*rows, writes.loose_ends, writes.news)
    try:
        await sql.fetchval(statement, *rows, timeout=timeout_s)
    except LOST as error:
        raise InDoubt(type(error).__name__) from error
    except asyncpg.PostgresError as error:
        raise _meaning(error) from error
