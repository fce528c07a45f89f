"""Payments of orders that the bank takes back: no load before they are made good (LOD-01)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from authz.loads.payments import bounce, pay
from authz.refusal import Refused
from tests.database.test_loads import ONE, PAID_IN, found, order, paid
from tests.database.town import town


async def test_a_bounce_stops_further_loads_and_takes_nothing_back(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        first, second = await order(t), await order(t)
        await paid(t, first)
        await t.pay(2500)
        async with t.pool.acquire() as sql, sql.transaction():
            await bounce(sql, first.load_no, "AM04")
        assert (await found(t, first)).state == "BOUNCED"
        assert await t.lots() == [(2026, None, 7500, 0, 0)]
        with pytest.raises(Refused) as refused:
            await paid(t, second)
        assert refused.value.code == "EMPLOYER_STOPPED"
        assert (await paid(t, first)).state == "LOADED"
        assert await t.lots() == [(2026, None, 7500, 0, 0)]
        assert (await paid(t, second)).state == "LOADED"
        # What made it good may be taken back too.
        async with t.pool.acquire() as sql, sql.transaction():
            await bounce(sql, first.load_no, "AM04")
        with pytest.raises(Refused) as refused:
            async with t.pool.acquire() as sql:
                await bounce(sql, first.load_no, "AM04")
        assert refused.value.code == "ALREADY_BOUNCED"
        assert (await found(t, first)).state == "BOUNCED"
        assert (await paid(t, first)).state == "LOADED"
        assert await t.pool.fetchval(PAID_IN) == first.total_minor + second.total_minor


async def test_a_bounce_is_made_good_once_by_two_payments_at_once(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t)
        await paid(t, placed)
        async with t.pool.acquire() as sql, sql.transaction():
            await bounce(sql, placed.load_no, "AM04")
        async with t.pool.acquire() as first, first.transaction():
            await pay(first, placed.load_no, placed.reference, placed.total_minor)
            second = asyncio.create_task(paid(t, placed))  # it sees the bounce, and waits
            await until_they_wait(first)
        with pytest.raises(Refused) as refused:
            await second
        assert refused.value.code == "ALREADY_PAID"
        assert await t.pool.fetchval(PAID_IN) == placed.total_minor


async def until_they_wait(sql: Any, how_many: int = 1) -> None:
    waiting = "select count(*) from pg_locks where not granted"
    while await sql.fetchval(waiting) < how_many:  # noqa: ASYNC110 - a lock tells nobody
        await asyncio.sleep(0.01)
