"""Real `millesime serve` processes on a database of the test, and what a test asks of them.

Everything goes through the command line and TCP, as any user would; the books are read by SQL.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from authz.storage import database, schema
from authz.world.load import load_world
from simulators.auditor import Booked
from simulators.engine_process import Engine, running
from tests.authz.hsm.keys import IMK, PIN_KEY, some_safe
from tests.road.people import DIGESTER, Setting, as_world

NOON: Final = "2026-11-24T12:30:00+01:00"
DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")


def key_file(folder: Path) -> Path:
    """The keys of `tests.road`: of card references, card numbers, chips and PIN pads."""
    path = folder / "keys.toml"
    key = f'key = "{bytes(range(32)).hex()}"\n'
    digest, numbers = (f'key_id = "{name}"\n{key}' for name in ("test", "pan-test"))
    path.write_text(
        f"[pan_digest]\n{digest}[[pan_encryption]]\n{numbers}"
        f'[[emv_master]]\nbin = "999967"\nkey_id = "cards"\nkey = "{IMK.hex()}"\n'
        f'[[emv_master]]\nbin = "999979"\nkey_id = "tokens"\nkey = "{IMK.hex()}"\n'
        f'[[zone]]\nprofile = "ascii"\nkey_id = "pads"\nkey = "{PIN_KEY.hex()}"\n'
    )
    path.chmod(0o600)
    return path


async def populate(url: str, people: Iterable[tuple[int, Setting]], folder: Path) -> Path:
    """Migrate an empty database and load these people; the world file stays for the terminals."""
    file = folder / "world.json"
    file.write_bytes(msgspec.json.encode(as_world(*people)))
    await schema.upgrade(url)
    sql = await database.connect(url)
    try:
        await load_world(sql, file, DIGESTER, safe=some_safe())
    finally:
        await sql.close()
    return file


@asynccontextmanager
async def engine_on(
    url: str, folder: Path, *flags: str, iso_port: int = 0, name: str = "engine", at: str = NOON
) -> AsyncIterator[Engine]:
    """One engine process for the length of a block; a second one needs a `name` of its own."""
    doors = ("--iso-port", str(iso_port), "--http-port", "0", "--test-clock", at)
    arguments = (*doors, "--database-url", url, "--keys", str(key_file(folder)), *flags)
    child = running(arguments, folder / f"{name}.log")
    # In threads: whoever stands between the engine and its database needs the loop meanwhile.
    engine = await asyncio.to_thread(child.__enter__)
    try:
        yield engine
    finally:
        await asyncio.to_thread(child.__exit__, None, None, None)


async def ask_books(url: str, question: str, *arguments: object) -> Sequence[Any]:
    """Rows of the books, read as the superuser."""
    sql = await asyncpg.connect(url)
    try:
        return list(await sql.fetch(question, *arguments))
    finally:
        await sql.close()


async def durable(url: str) -> bool:
    """Whether an answer that was committed survives a loss of power."""
    return [(await ask_books(url, f"show {name}"))[0][0] for name in DURABLE] == ["on"] * 3


async def booked(url: str) -> list[Booked]:
    """Every kept decision as the auditor of the simulators wants it."""
    rows = await ask_books(
        url,
        """
        select a.terminal, a.rrn, a.reason, a.approved_minor, a.holder_id, a.day,
               (select coalesce(sum(t.amount_minor), 0)::bigint from transfers t
                where t.holder_id = a.holder_id and t.authorization_id = a.authorization_id)
        from authorizations a
        """,
    )
    codes = {"APPROVED": "00", "APPROVED_PARTIAL": "10"}
    return [
        Booked(till, rrn, codes.get(reason, "05"), approved, vouchers, str(holder), str(day))
        for till, rrn, reason, approved, holder, day, vouchers in rows
    ]
