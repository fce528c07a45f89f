"""A key changed over one connection counts at every worker, and after a restart."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from authz.custody.key_changes import DatabaseBook
from authz.door.network import KeyChange
from authz.hsm import KeyUse
from authz.storage import schema
from simulators.engine_process import started
from simulators.frames import FrameReader, framing_of, wrap
from simulators.link import split_address
from simulators.messages import network
from simulators.wire import decode, profile_of
from tests.authz.door.test_connection import stamp
from tests.authz.hsm.keys import MAC_KEY, MASTER_KEY
from tests.authz.wire.test_message_auth import NEW_KEY, key_change, with_mac
from tests.e2e.engines import NOON, ask_books, key_file, populate
from tests.road.people import Setting

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning"),
]
ASKED_EACH = 24


def keys_with_macs(folder: Path) -> Path:
    """All the keys of `key_file`, and those of MACs and of key changes."""
    path = folder / "sealing.toml"
    more = (
        f'[[mac]]\nprofile = "ascii"\nkey_id = "mac"\nkey = "{MAC_KEY.hex()}"\n'
        f'[[zone]]\nkey_id = "zmk"\nuse = "master"\nkey = "{MASTER_KEY.hex()}"\n'
    )
    path.write_text(key_file(folder).read_text() + more)
    path.chmod(0o600)
    return path


@asynccontextmanager
async def sealing_engine(url: str, folder: Path, name: str) -> AsyncIterator[str]:
    """The address of a door that wants MACs, with two workers behind it."""
    doors = ("--iso-port", "0", "--http-port", "0", "--workers", "2", "--test-clock", NOON)
    sealed = ("--listen", "127.0.0.1:0,profile=ascii,mac=require")
    keys = ("--keys", str(keys_with_macs(folder)))
    child = started(("serve", *doors, *sealed, "--database-url", url, *keys), folder / name)
    _, ready = await asyncio.to_thread(child.__enter__)
    try:
        yield ready["listen"][0]
    finally:
        await asyncio.to_thread(child.__exit__, None, None, None)


async def told(address: str, body: bytes) -> str:
    """The response code of one message over a connection of its own."""
    framing = framing_of("2b")
    reader, writer = await asyncio.open_connection(*split_address(address))
    writer.write(wrap(body, framing))
    frames = FrameReader(framing)
    async with asyncio.timeout(10):
        while not (found := list(frames.feed(await reader.read(4096)))):
            pass
    writer.close()
    await writer.wait_closed()
    return decode(found[0], profile_of("ascii"))["39"]


async def told_each(address: str, key: bytes) -> Sequence[str]:
    """Echoes under this key over so many connections that every worker gets some."""
    echo = with_mac(network("12345", stamp(1), "301"), key=key)
    return sorted(set(await asyncio.gather(*(told(address, echo) for _ in range(ASKED_EACH)))))


async def test_a_changed_key_counts_at_every_worker_and_after_a_restart(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(1, Setting())], tmp_path)
    async with sealing_engine(database_url, tmp_path, "one.log") as address:
        assert await told_each(address, MAC_KEY) == ["00"]
        assert await told_each(address, NEW_KEY) == ["63"]
        assert await told(address, with_mac(key_change(2))) == "00"
        assert await told_each(address, NEW_KEY) == ["00"]
        assert await told_each(address, MAC_KEY) == ["00"]
    await ask_books(
        database_url, "update network_keys set changed_at = changed_at - interval '1 minute'"
    )
    async with sealing_engine(database_url, tmp_path, "two.log") as address:
        assert await told_each(address, NEW_KEY) == ["00"]
        assert await told_each(address, MAC_KEY) == ["63"]
    [row] = await ask_books(database_url, "select network_keys::text from network_keys")
    assert NEW_KEY.hex() not in row[0]


async def test_a_recorded_change_brings_no_key_back_and_makes_no_other_key(
    database_url: str, tmp_path: Path
) -> None:
    """The book of the database, over one SQL connection."""
    await schema.upgrade(database_url)
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        book = DatabaseBook(pool)

        async def takes(use: KeyUse, wrapped: bytes) -> bool:
            return await book.add("ascii", "mac", KeyChange(use, wrapped, b"abc"))

        old, new = bytes(range(16)), bytes(range(16, 32))
        assert [await takes("mac", key) for key in (old, old, new, old)] == [
            True,
            True,
            True,
            False,
        ]
        assert not await takes("pin", new)
        rewritten = (old + old[:8], old[:8] + bytes(8), bytes(8) + new[8:])
        assert not any([await takes(use, key) for use in ("mac", "pin") for key in rewritten])
        assert [each.wrapped for each in await book.recent()] == [old, new]
