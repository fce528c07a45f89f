"""Before the doors open, once for all workers: store, schema, keys, clock, rulebooks and world."""

from datetime import datetime
from pathlib import Path

import asyncpg
import structlog

from authz import database
from authz.access.tls import context_of
from authz.addresses import Address
from authz.bank.desk import vault_for_bank
from authz.digest_check import agree_on_digest_key
from authz.keys import Keys, development_keys, read_key_file
from authz.postgres import Embedded, ensure_running
from authz.safe import Safe
from authz.sealed_numbers import refuse_missing_keys
from authz.server import listening_socket
from authz.settings import Settings
from authz.usage import UsageError
from authz.world.load import load_world
from rules.rulebook import Rulebook, RulebookError, bundled, load_rulebook

_log = structlog.get_logger()


def ports_are_free(settings: Settings) -> None:
    """A second engine must find its ports taken before it touches clock or world of the first."""
    doors = [door.address for door in settings.listeners]
    for address in (*doors, Address(settings.host, settings.http_port)):
        listening_socket(address, shared_port=False).close()


def certificates_are_good(settings: Settings) -> None:
    """A certificate that cannot be shown is found here, once for all workers. Raises UsageError."""
    for files in {settings.http_tls, *map(settings.iso_tls, settings.listeners)}:
        if files is not None:
            context_of(files)


def store(settings: Settings) -> tuple[str, Embedded | None]:
    """Where the store is; the embedded server is started or joined. Raises `PostgresError`."""
    if settings.database_url is not None:
        return settings.database_url, None
    embedded = ensure_running(settings.data_dir)
    return embedded.url, embedded


def keys_of(settings: Settings) -> Keys:
    """The key file, or the development one."""
    if settings.keys is not None:
        return read_key_file(settings.keys)
    keys, path, made = development_keys(settings.data_dir)
    _log.warning("development_keys", path=str(path), made_now=made)
    return keys


def rulebooks(paths: tuple[Path, ...]) -> dict[str, Rulebook]:
    """The rulebook of each programme; a file replaces the bundled one. Raises `UsageError`."""
    books = {"fr-meal": bundled("fr-meal")}
    for path in paths:
        try:
            book = load_rulebook(path)
        except (RulebookError, OSError) as error:
            raise UsageError(f"rulebook {path}: {error}") from None
        books[book.name] = book
    return books


async def prepare(settings: Settings, url: str) -> None:
    """Once for all workers: schema, keys, clock and world.

    Keys come after the store: a mistake in its address must not leave a new key file behind.
    """
    rulebooks(settings.rulebook)
    if settings.database_url is None:
        await database.upgrade(url)
    sql = await database.connect(url)
    try:
        await database.check(sql)
        keys = keys_of(settings)
        digester, safe = keys.digester(), Safe.of(keys)
        vault_for_bank(settings, keys)
        await agree_on_digest_key(sql, digester)
        await refuse_missing_keys(sql, safe.vault)
        await _set_clock(sql, settings.test_clock)
        if settings.world is not None:
            report = await load_world(sql, settings.world, digester, safe=safe)
            _log.info("world_loaded", loaded=report.loaded, skipped=report.skipped)
    finally:
        await sql.close()


async def _set_clock(sql: asyncpg.Connection, test_clock: datetime | None) -> None:
    """The clock is a row that every process reads; a real engine never runs on a stopped one."""
    before = await sql.fetchval("select test_clock from control")
    if before is not None and test_clock is None:
        _log.warning("test_clock_removed", was=before.isoformat())
    await sql.execute("update control set test_clock = $1", test_clock)
