"""Totals carried forward are the totals of a full scan, whoever writes while they are made."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import journal
from ledger.accounts import House
from ledger.audit import audit_books
from ledger.passes import ELSEWHERE, Portion, move_mark
from ledger.rollup import ALL_LOTS, ROLLING_UP, Line, behind, days_of, fold, trial_balance
from tests.database import full_scan
from tests.database.books import DAY, DELI, a_small_world, buying, empty_books
from tests.postgres import MakeDatabase

if TYPE_CHECKING:
    from ledger.journal import Tx

ZONE = "Europe/Paris"
MOVEMENTS = 45
"""Of three holders."""


@pytest.fixture
def books(make_database: MakeDatabase, drop_database: Callable[[str], None]) -> Iterator[str]:
    """The URL of a database in which three holders' lives are committed; proved afterwards."""
    url = make_database()
    asyncio.run(fill(url))
    yield url
    asyncio.run(prove(url))
    drop_database(url)


async def fill(url: str) -> None:
    await empty_books(url)
    sql = await asyncpg.connect(url)
    async with sql.transaction():
        await a_small_world(sql)
    await sql.close()


async def prove(url: str) -> None:
    sql = await asyncpg.connect(url)
    async with sql.transaction(isolation="repeatable_read"):
        assert (await audit_books(sql)).holds
    await sql.close()


@pytest.fixture
async def sql(books: str) -> AsyncIterator[asyncpg.Connection]:
    """A SQL connection to these books."""
    connection = await asyncpg.connect(books)
    yield connection
    await connection.close()


async def roll(sql: asyncpg.Connection) -> int:
    """One roll-up of the books alone; how many movements it took."""
    async with sql.transaction(isolation="repeatable_read"):
        portion = await Portion.read(sql, ROLLING_UP)
        await move_mark(sql, ROLLING_UP, portion)
        return await fold(sql, ZONE, portion)


async def by_scan(tx: "Tx") -> list[Line]:
    return list((await full_scan.trial_balance(tx)).values())


def in_order(lines: list[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.name)


async def test_what_was_rolled_up_is_the_full_scan(sql: asyncpg.Connection) -> None:
    assert await behind(sql) == (3, MOVEMENTS)
    assert await roll(sql) == MOVEMENTS
    assert await behind(sql) == (0, 0)
    assert in_order(await trial_balance(sql)) == in_order(await by_scan(sql))


async def test_a_second_run_finds_nothing_and_changes_nothing(sql: asyncpg.Connection) -> None:
    await roll(sql)
    before = await trial_balance(sql)
    assert await roll(sql) == 0
    assert await trial_balance(sql) == before


async def test_an_account_is_told_day_by_day(sql: asyncpg.Connection) -> None:
    await roll(sql)
    (day,) = await days_of(sql, DELI)
    assert (day.day, day.debits_posted, day.credits_posted) == (DAY, 750, 7200)
    (lots,) = await days_of(sql, ALL_LOTS)
    assert lots.debits_pending == 1800
    (loaded,) = await days_of(sql, House.EMPLOYER_PREPAID)
    assert loaded.debits_posted == 24_000


async def test_of_two_at_once_the_second_counts_nothing(
    books: str, sql: asyncpg.Connection
) -> None:
    other = await asyncpg.connect(books)
    work = other.transaction(isolation="repeatable_read")
    await work.start()
    portion = await Portion.read(other, ROLLING_UP)
    assert await roll(sql) == MOVEMENTS
    with pytest.raises(ELSEWHERE):
        await move_mark(other, ROLLING_UP, portion)
    await work.rollback()
    await other.close()
    assert in_order(await trial_balance(sql)) == in_order(await by_scan(sql))


class Writer:
    """Somebody who buys for one holder, and may take long to commit it."""

    def __init__(self, sql: asyncpg.Connection, holder_id: int) -> None:
        self._sql, self._holder_id = sql, holder_id
        self._work = sql.transaction()
        self.at_work = False

    async def act(self, commits: bool) -> None:
        """Begin to buy; whoever has begun commits it, or takes it back."""
        if not self.at_work:
            self._work = self._sql.transaction()
            await self._work.start()
            await journal.post_for_holder(self._sql, self._holder_id, buying(self._holder_id))
        elif commits:
            await self._work.commit()
        else:
            await self._work.rollback()
        self.at_work = not self.at_work


acts = st.tuples(st.integers(0, 2), st.booleans())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(between=st.lists(st.lists(acts, max_size=4), min_size=2, max_size=5))
async def test_what_is_written_while_others_are_at_work_is_counted_once(
    books: str, between: list[list[tuple[int, bool]]]
) -> None:
    connections = [await asyncpg.connect(books) for _ in range(4)]
    sql, *rest = connections
    try:
        writers = [Writer(each, holder_id) for holder_id, each in enumerate(rest, 1)]
        for some in between:
            for number, commits in some:
                await writers[number].act(commits)
            await roll(sql)
            assert in_order(await trial_balance(sql)) == in_order(await by_scan(sql))
        for writer in writers:
            if writer.at_work:
                await writer.act(commits=True)
        await roll(sql)
        assert await behind(sql) == (0, 0)
        assert in_order(await trial_balance(sql)) == in_order(await by_scan(sql))
    finally:
        for each in connections:
            await each.close()
