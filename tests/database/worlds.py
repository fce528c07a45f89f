"""A migrated database, worlds to load into it, and the proof of its books at the end of a test."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from authz.audit.prove import prove_all
from authz.custody.pan import PanDigester
from authz.storage import database, schema
from authz.world.load import WorldReport, load_world
from rules.rulebook import bundled
from tests.authz.world.builders import World, write

if TYPE_CHECKING:
    from tests.database.conftest import MakeDatabase

DIGESTER = PanDigester(b"k" * 32, "test")
BOOK = bundled("fr-meal")


@pytest.fixture(scope="session")
def world_url(make_database: "MakeDatabase") -> str:
    """The URL of a migrated database without any rows, for tests that leave none behind."""
    url = make_database()
    with asyncio.Runner() as runner:
        runner.run(schema.upgrade(url))
    return url


@pytest.fixture
async def sql(world_url: str) -> AsyncIterator[asyncpg.Connection]:
    """An SQL connection in the engine's role, in a transaction that is proved and rolled back."""
    connection = await database.connect(world_url)
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    yield connection
    broken = await broken_laws(connection)
    await transaction.rollback()
    await connection.close()
    assert broken == ()


async def broken_laws(sql: asyncpg.Connection) -> tuple[str, ...]:
    """The names of the laws that do not hold, in the caller's snapshot."""
    return (await prove_all(sql, {BOOK.version: BOOK})).broken


async def load(sql: asyncpg.Connection, folder: Path, world: World) -> WorldReport:
    """Load a world by way of a file."""
    return await load_world(sql, write(folder / "world.json", world), DIGESTER)
