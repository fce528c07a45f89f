"""The exchange on request: asked for once and ordered, both in time; the rest is lost (VIN-07)."""

from datetime import date
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from authz.refusal import Refused, Unknown
from authz.vintages.asking import Exchanged, order_exchange, request_exchange
from authz.vintages.shares import Share, shares_of
from authz.world.change import put_record
from authz.world.read import record_of
from tests.database.test_vintages import MARCH_FIRST, ON_REQUEST, TWO
from tests.database.town import Town, town
from tests.road.people import DIGESTER


async def ask(t: Town, vintage: int = 2026, amount_minor: int | None = None) -> Exchanged:
    async with t.pool.acquire() as sql, sql.transaction():
        return await request_exchange(sql, "acc-1", vintage, amount_minor, t.books)


async def order(t: Town, vintage: int = 2026, employer: str = "emp-1") -> Exchanged:
    async with t.pool.acquire() as sql, sql.transaction():
        return await order_exchange(sql, employer, vintage, t.books, "fr-meal")


async def test_ex_32_asked_in_time_and_ordered_in_time_is_exchanged(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        await t.at(MARCH_FIRST)
        await t.run("exchange-vintages")
        await t.at("2027-03-12T10:00:00+01:00")
        assert (await ask(t)).exchanged_minor == 0
        await t.at("2027-03-30T10:00:00+02:00")
        assert (await order(t)).exchanged_minor == 4230
        assert await t.lots() == [(2027, 2026, 4230, 0, 0), (2027, None, 6000, 0, 0)]
        await t.at("2027-04-01T10:00:00+02:00")
        assert not any((await t.run("exchange-vintages")).values())


async def test_ex_32_asked_on_the_16th_is_refused_and_lost_after_the_31st(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        await t.at("2027-03-16T00:00:00+01:00")
        with pytest.raises(Refused, match="2027-03-15"):
            await ask(t)
        await t.run("exchange-vintages")
        await t.at("2027-03-31T23:59:00+02:00")
        assert (await t.run("exchange-vintages"))["lost"] == 0
        await t.at("2027-04-01T00:00:00+02:00")
        with pytest.raises(Refused, match="2027-03-31"):
            await order(t)
        assert (await t.run("exchange-vintages"))["lost"] == 4230
        async with t.pool.acquire() as sql:
            assert await shares_of(sql, 2026) == [Share("emp-1", "", 2026, 1, 4230)]


async def test_a_request_may_be_for_a_part_and_the_rest_is_lost(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        await t.at(MARCH_FIRST)
        assert (await order(t)).exchanged_minor == 0
        assert (await ask(t, amount_minor=1000)).exchanged_minor == 1000
        await t.at("2027-04-01T00:00:00+02:00")
        assert (await t.run("exchange-vintages"))["lost"] == 3230
        assert await t.lots() == [(2027, 2026, 1000, 0, 0), (2027, None, 6000, 0, 0)]


@pytest.mark.parametrize("employer", ["emp-1", "emp-lyon"])
async def test_who_was_asked_may_order_though_the_account_has_gone_to_another(
    calendar_url: str, tmp_path: Path, employer: str
) -> None:
    """VIN-07: either employer's order is enough, so that nothing is lost by a move."""
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        await t.at("2027-03-02T12:00:00+01:00")
        await t.run("exchange-vintages")
        await ask(t)
        lyon = "employer", {"id": "emp-lyon", "department": "69"}
        gone = "account", {"id": "acc-1", "employer": "emp-lyon", "person": "per-1"}
        async with t.pool.acquire() as sql:
            for kind, fields in (lyon, gone):
                record = record_of("body", kind, fields)
                await put_record(cast("asyncpg.Connection", sql), record, DIGESTER)
        await t.at("2027-03-20T12:00:00+01:00")
        assert (await order(t, employer=employer)).exchanged_minor == 4230


async def test_vin_07_the_same_request_again_is_told_as_it_stands(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        await t.at("2027-03-10T10:00:00+01:00")
        first = Exchanged(date(2027, 3, 10), 0)
        assert await ask(t, amount_minor=1000) == first
        await t.at("2027-03-12T10:00:00+01:00")
        assert await ask(t, amount_minor=1000) == first
        assert (await order(t)).exchanged_minor == 1000
        assert await ask(t, amount_minor=1000) == Exchanged(first.day, 1000)
        assert (2027, 2026, 1000, 0, 0) in await t.lots()


@pytest.mark.parametrize(("first", "second"), [(1000, 2000), (1000, None), (None, 1000)])
async def test_vin_07_a_request_for_another_amount_is_refused_and_changes_nothing(
    calendar_url: str, tmp_path: Path, first: int | None, second: int | None
) -> None:
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        await t.at("2027-03-12T10:00:00+01:00")
        await ask(t, amount_minor=first)
        with pytest.raises(Refused) as refused:
            await ask(t, amount_minor=second)
        assert refused.value.code == "ALREADY_REQUESTED"
        assert (await order(t)).exchanged_minor == (first or 4230)


async def test_what_is_exchanged_by_itself_cannot_be_asked_for(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO) as t:
        await t.at(MARCH_FIRST)
        with pytest.raises(Refused, match="AUTO"):
            await ask(t)
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        with pytest.raises(Refused, match="not expired yet"):
            await ask(t)
        with pytest.raises(Unknown):
            await order(t, employer="emp-9")
