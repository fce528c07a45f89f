"""How a command comes to its settings, its keys and the store, by URL or embedded."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from authz.access.acts import CLI, DONE, REFUSED, Act, acting, note, system_user
from authz.commands.saying import aside
from authz.custody.keys import (
    DEVELOPMENT_FILE,
    KeyFile,
    development_keys,
    given_keys,
    read_key_file,
)
from authz.postgres import holds_cluster
from authz.refusal import Refused, Unknown
from authz.settings import Settings, load
from authz.sources import store
from authz.storage import database, server_check
from authz.usage import UsageError
from ledger.seal import SealKey

T = TypeVar("T")


def settings_of(
    database_url: str | None, data_dir: Path | None, config: Path | None, **more: Any
) -> Settings:
    """The effective settings by the options of every such command, and by `more` flags."""
    return load({"database_url": database_url, "data_dir": data_dir, "config": config, **more})


def url_of(settings: Settings, *, new: bool = False) -> str:
    """The database URL. A server that this process starts is stopped at its exit.

    Only a `new` database is made where there is none: a mistyped directory is refused by
    UsageError.
    """
    place = settings.data_dir
    if settings.database_url is None and not new and not holds_cluster(place):
        raise UsageError(
            f"there is no database in {place}; name another --data-dir or a --database-url,"
            f" or make one: millesime db upgrade --data-dir {place}"
        )
    return store(settings)[0]


def keys_of(settings: Settings) -> KeyFile:
    """The keys that were given, or those of the development file: its making is told, once."""
    given = given_keys(settings.keys)
    if given is not None:
        return given
    keys, path, made_now = development_keys(settings.data_dir)
    if made_now:
        aside(f"no --keys given: made a development key file, {path}")
    return keys


def keys_at_hand(settings: Settings) -> KeyFile | None:
    """The keys if there are any; a development file is not made for it."""
    beside = settings.data_dir / DEVELOPMENT_FILE
    return given_keys(settings.keys) or (read_key_file(beside) if beside.exists() else None)


def seal_key_of(settings: Settings) -> SealKey | None:
    """The key that seals the books, if there is one."""
    keys = keys_at_hand(settings)
    return None if keys is None else keys.seal_key()


async def as_act(url: str, action: str, about: str, work: Awaitable[T]) -> T:
    """Do the work as an act of whoever runs this process, and write it down.

    What notes itself in its SQL transaction is noted there; the rest, and a refusal, afterwards.
    """
    with acting(Act(system_user(), CLI, action, about)) as act:
        try:
            done = await work
        except UsageError:
            act.noted = False  # what was noted before is undone with its SQL transaction
            with suppress(database.DatabaseError):  # what was refused first is what to tell
                await _note_alone(url, act, REFUSED)
            raise
        await _note_alone(url, act, DONE)
        return done


async def _note_alone(url: str, act: Act, outcome: str) -> None:
    if not act.noted:
        async with opened(url) as sql:
            await note(sql, outcome=outcome)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[asyncpg.Connection]:
    """One SQL connection in the engine's role, its schema checked. Raises DatabaseError."""
    sql = await database.connect(url)
    try:
        await server_check.check(sql)
        yield sql
    finally:
        await sql.close()


@asynccontextmanager
async def at_the_office(url: str) -> AsyncIterator[asyncpg.Connection]:
    """One SQL transaction of an office operation; what it refuses is a UsageError."""
    async with opened(url) as sql, sql.transaction():
        try:
            yield sql
        except (Refused, Unknown) as refused:
            raise UsageError(str(refused)) from None


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[asyncpg.Connection]:
    """One moment of the books, for reading, however long that takes. Raises DatabaseError."""
    async with opened(url) as sql:
        await sql.execute("set statement_timeout = 0")
        async with sql.transaction(isolation="repeatable_read", readonly=True):
            yield sql


@asynccontextmanager
async def pooled(url: str) -> AsyncIterator[asyncpg.Pool]:
    """Two SQL connections in the engine's role, the schema checked. Raises DatabaseError."""
    async with opened(url):
        pass
    pool = await database.open_pool(url, size=2)
    try:
        yield pool
    finally:
        await pool.close()
