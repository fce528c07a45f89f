"""What the road keeps at hand is its own, whole, and always replaced."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import pytest

from authz.storage import database
from authz.storage.sessions import KeptSessions

WAIT_S: Final = 5.0
NAME: Final = "select pg_backend_pid()"


@pytest.fixture
async def pool(calendar_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Two SQL connections."""
    made = await database.open_pool(calendar_url, size=2)
    yield made
    made.terminate()


async def name_of_one(kept: KeptSessions) -> int:
    """Which server process the next statement goes to."""
    async with kept.acquire(timeout=WAIT_S) as sql:
        name: int = await sql.fetchval(NAME)
        return name


async def test_a_batch_finds_the_connection_of_the_last(pool: asyncpg.Pool) -> None:
    kept = KeptSessions(pool)
    first = await name_of_one(kept)
    assert [await name_of_one(kept) for _ in range(3)] == [first] * 3
    assert pool.get_idle_size() == 1, "it is still ours"


async def test_two_at_a_time_have_one_each(pool: asyncpg.Pool) -> None:
    kept = KeptSessions(pool)
    async with kept.acquire(timeout=WAIT_S) as sql:
        assert await sql.fetchval(NAME) != await name_of_one(kept)


async def test_who_finds_none_free_waits_no_longer_than_it_said(pool: asyncpg.Pool) -> None:
    kept = KeptSessions(pool)
    async with kept.acquire(timeout=WAIT_S), kept.acquire(timeout=WAIT_S):
        with pytest.raises(TimeoutError):
            async with kept.acquire(timeout=0.05):
                pass


async def test_what_failed_goes_back_to_the_pool_and_the_error_comes_through(
    pool: asyncpg.Pool,
) -> None:
    kept = KeptSessions(pool)
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with kept.acquire(timeout=WAIT_S) as sql:
            await sql.fetchval("select 1 / 0")
    assert pool.get_idle_size() == 2


async def test_one_that_was_given_up_while_it_waited_for_an_answer_is_no_longer_ours(
    pool: asyncpg.Pool,
) -> None:
    """A statement that nobody waits for any more must not answer the next one."""
    kept, begun = KeptSessions(pool), asyncio.Event()

    async def slow() -> None:
        async with kept.acquire(timeout=WAIT_S) as sql:
            begun.set()
            await sql.fetchval("select pg_sleep(30)")

    asking = asyncio.create_task(slow())
    await begun.wait()
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert pool.get_idle_size() == 2
    async with kept.acquire(timeout=WAIT_S) as sql:
        assert await sql.fetchval("select 7") == 7


async def test_one_that_ended_while_it_lay_idle_is_replaced(
    pool: asyncpg.Pool, calendar_url: str
) -> None:
    kept = KeptSessions(pool)
    ended = await name_of_one(kept)
    owner = await database.connect(calendar_url, role=None)
    assert await owner.fetchval("select pg_terminate_backend($1)", ended)
    await owner.close()
    while pool.get_idle_size() < 2:  # noqa: ASYNC110 - the pool takes it back and makes another
        await asyncio.sleep(0.01)
    assert await name_of_one(kept) != ended


async def test_closing_gives_everything_back(pool: asyncpg.Pool) -> None:
    kept = KeptSessions(pool)
    async with kept.acquire(timeout=WAIT_S), kept.acquire(timeout=WAIT_S):
        pass
    assert pool.get_idle_size() == 0
    await kept.close()
    assert pool.get_idle_size() == 2
    await asyncio.wait_for(pool.close(), WAIT_S)
