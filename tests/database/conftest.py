"""What the tests of the database share: the server and the databases of tests/postgres.py."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from authz.storage.schema import upgrade
from tests.postgres import SMALL, MakeDatabase, a_data_dir

__all__ = ["SMALL", "MakeDatabase", "a_data_dir"]


@pytest.fixture(scope="session")
def migrated_name(make_database: MakeDatabase) -> str:
    """The name of a migrated database without anybody in it."""
    url = make_database()
    with asyncio.Runner() as runner:
        runner.run(upgrade(url))
    return url.split("@/")[1].split("?")[0]


@pytest.fixture
def calendar_url(
    migrated_name: str, make_database: MakeDatabase, drop_database: Callable[[str], None]
) -> Iterator[str]:
    """The URL of a migrated database of this test alone."""
    made = make_database(migrated_name)
    yield made
    drop_database(made)
