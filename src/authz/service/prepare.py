"""Before the doors open, once for all workers: what is wrong is found, clock and world are set."""

from collections import deque

import structlog

from authz.bank import tls as bank_tls
from authz.bank.desk import vault_for_bank
from authz.custody.digest_check import agree_on_digest_key
from authz.custody.keys import KeyFile, given_keys
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import refuse_missing_keys
from authz.door.addresses import Address
from authz.door.dialects import dialect, doors_have_keys, profiles_are_good
from authz.door.server import listening_socket
from authz.senders.choice import refuse_unsigned
from authz.service.parts import sql_sessions
from authz.settings import Settings
from authz.sources import keys_of, rulebooks
from authz.storage import database, schema, server_check
from authz.storage.clock_row import set_clock
from authz.world.load import load_world
from authz.world.read import read_world

_log = structlog.get_logger()


def ports_are_free(settings: Settings) -> None:
    """A second engine must find its ports taken before it touches clock or world of the first."""
    doors = [door.address for door in settings.listeners]
    for address in (*doors, Address(settings.host, settings.http_port)):
        listening_socket(address, shared_port=False).close()


def certificates_are_good(settings: Settings) -> None:
    """Certificates that cannot be used are found here, once for all workers. Raises UsageError."""
    for files in {settings.http_tls, *map(settings.iso_tls, settings.listeners)}:
        if files is not None:
            files.context()
    bank_tls.refuse_unusable(settings)


def arguments_are_good(settings: Settings) -> None:
    """Whatever can be told without a store, before one is made. Raises UsageError."""
    rulebooks(settings.rulebook)
    profiles_are_good(settings.profiles_dir)
    for door in settings.listeners:
        dialect(door, settings.profiles_dir)
    given = given_keys(settings.keys)
    if given is not None:
        keys_suffice(settings, given)
    if settings.world is not None:
        deque(read_world(settings.world), maxlen=0)


def keys_suffice(settings: Settings, keys: KeyFile) -> None:
    """Every key that doors, bank and webhooks take is there. Raises UsageError."""
    vault_for_bank(settings, keys)
    doors_have_keys(settings, Safe.of(keys).module)
    webhook = keys.code_webhook
    refuse_unsigned(settings, None if webhook is None else webhook.key)


async def prepare(settings: Settings, url: str) -> None:
    """Once for all workers: schema, keys, clock and world.

    Keys come after the store: a mistake in its address must not leave a new key file behind. Clock
    and world come last and together: who is refused has changed neither, for engines that run.
    """
    if settings.database_url is None:
        await schema.upgrade(url)
    sql = await database.connect(url)
    try:
        await server_check.check(sql)
        await server_check.refuse_too_few_sessions(sql, sql_sessions(settings))
        keys = keys_of(settings)
        digester, safe = keys.digester(), Safe.of(keys)
        keys_suffice(settings, keys)
        await refuse_missing_keys(sql, safe.vault)
        async with sql.transaction():
            await set_clock(sql, settings.test_clock)
            await agree_on_digest_key(sql, digester)
            if settings.world is not None:
                report = await load_world(sql, settings.world, digester, safe=safe)
                _log.info("world_loaded", loaded=report.loaded, skipped=report.skipped)
    finally:
        await sql.close()
