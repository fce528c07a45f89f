"""A PostgreSQL of its own for the tests, and an empty database for each of them.

DATABASE_URL is not looked at: tests never touch a database that someone may need.
"""

import asyncio
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from authz.postgres import Embedded, ensure_running, remove

SMALL = {"shared_buffers": "128MB", "max_wal_size": "1GB", "autovacuum": "off"}
"""Tests share the machine with their reader; durability stays as in the product.

No counting of rows at a moment of its own: counted over rows that a test took back, a table seems
empty, and a proof of the next test went through it row by row for minutes.
"""

_NUMBERS = itertools.count(1)

MakeDatabase = Callable[..., str]


@contextmanager
def a_data_dir() -> Iterator[Path]:
    """A new directory that the server's account can enter when the tests run as root."""
    data_dir = Path(tempfile.mkdtemp(prefix="millesime-"))
    data_dir.chmod(0o755)
    yield data_dir
    remove(data_dir)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """The server of this test run."""
    with a_data_dir() as data_dir:
        server = ensure_running(data_dir, SMALL)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def postgres_url(embedded: Embedded) -> str:
    """The URL of the maintenance database, as superuser: for making and dropping databases."""
    return embedded.url_of("postgres")


@pytest.fixture(scope="session")
def make_database(embedded: Embedded) -> MakeDatabase:
    """Make a database and give its URL: `make_database(template="...")`."""

    def make(template: str = "template0") -> str:
        name = f"test_{os.getpid()}_{next(_NUMBERS)}"
        administer(embedded.url_of("postgres"), f"create database {name} template {template}")
        return embedded.url_of(name)

    return make


@pytest.fixture(scope="session")
def drop_database(embedded: Embedded) -> Callable[[str], None]:
    """Drop the database of a URL, whoever is still connected to it."""

    def drop(url: str) -> None:
        name = url.split("@/")[1].split("?")[0]
        administer(embedded.url_of("postgres"), f"drop database {name} with (force)")

    return drop


@pytest.fixture
def database_url(
    make_database: MakeDatabase, drop_database: Callable[[str], None]
) -> Iterator[str]:
    """The URL of an empty database of this test alone."""
    url = make_database()
    yield url
    drop_database(url)


def administer(url: str, command: str) -> None:
    """Run one command outside of any SQL transaction, on a loop and a connection of its own."""

    async def run() -> None:
        handle = await asyncpg.connect(url)
        try:
            await handle.execute(command)
        finally:
            await handle.close()

    with asyncio.Runner() as runner:
        runner.run(run())
