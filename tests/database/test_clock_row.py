"""Nobody takes the test clock from under a living engine, nor gives one to a real one."""

from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from authz.service.parts import sql_sessions
from authz.service.prepare import prepare
from authz.settings import load
from authz.storage import database
from authz.storage.clock_row import READ, set_clock
from authz.usage import UsageError

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
LATER = datetime(2026, 12, 24, 11, 30, tzinfo=UTC)


async def test_the_clock_of_a_living_engine_is_not_removed(calendar_url: str) -> None:
    sql = await database.connect(calendar_url)
    await set_clock(sql, NOON)
    engine = await database.open_pool(calendar_url, size=1, hot=True)
    async with engine.acquire() as session:  # a session that was given back shows it still
        await session.fetchval("select 1")
    with pytest.raises(UsageError, match="another engine of this database runs with --test-clock"):
        await set_clock(sql, None)
    assert await sql.fetchval(READ) == NOON
    await set_clock(sql, LATER)
    await engine.close()
    await set_clock(sql, None)
    assert await sql.fetchval(READ) is None
    await sql.close()


async def test_a_real_engine_is_not_put_on_a_test_clock(calendar_url: str) -> None:
    sql = await database.connect(calendar_url)
    engine = await database.open_pool(calendar_url, size=1, hot=True)
    with pytest.raises(UsageError, match="runs at real time"):
        await set_clock(sql, NOON)
    await engine.close()
    await sql.close()


async def test_more_workers_than_the_database_lets_in_are_refused_before_any_starts(
    calendar_url: str, tmp_path: Path
) -> None:
    sql: asyncpg.Connection = await database.connect(calendar_url)
    room = await sql.fetchval("select current_setting('max_connections')::int") - 3
    await sql.close()
    flags = {"database_url": calendar_url, "data_dir": tmp_path, "lanes": 2}
    each = sql_sessions(load(flags | {"workers": 1}))
    with pytest.raises(UsageError, match=f"has room for {room}; raise its max_connections"):
        await prepare(load(flags | {"workers": room // each + 1}), calendar_url)
    await prepare(load(flags | {"workers": room // each}), calendar_url)


async def test_who_is_refused_for_the_world_leaves_the_clock(
    calendar_url: str, tmp_path: Path
) -> None:
    sql: asyncpg.Connection = await database.connect(calendar_url)
    await set_clock(sql, NOON)
    flags = {"database_url": calendar_url, "data_dir": tmp_path, "world": tmp_path / "none.json"}
    with pytest.raises(UsageError, match="cannot be read"):
        await prepare(load(flags), calendar_url)
    assert await sql.fetchval(READ) == NOON
    await sql.close()
