"""An employee leaves, and vouchers are given away: the rest of the rest (CRD-06, VIN-03)."""

import json
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from authz.credentials.change import profile_of
from authz.holders.gifts import Gift, add_charity, give
from authz.holders.leaving import Closed, close_account
from authz.refusal import Refused, Unknown
from authz.requests import Kind
from authz.world.load import load_world
from rules.decision import Reason
from rules.facts import TokenStatus, Wallet
from tests.database.town import Town, town
from tests.road.people import DIGESTER, Setting, as_world

ONE = {1: Setting()}
CLOSED_AT = "select array_agg(closed_at) from closures"
FRIDAY = "2026-11-27T12:30:00+01:00"
JANUARY = "2027-01-15T12:30:00+01:00"


async def leave(t: Town, account: str = "acc-1") -> Closed:
    async with t.pool.acquire() as sql, sql.transaction():
        return await close_account(sql, account, "left on Friday", t.books)


async def give_to(t: Town, charity: str, amount_minor: int, account: str = "acc-1") -> Gift:
    async with t.pool.acquire() as sql, sql.transaction():
        await add_charity(sql, "restos", "Restos du Cœur")
        return await give(sql, account, charity, amount_minor, t.books)


async def test_the_rest_goes_back_and_the_card_stops_at_once(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        assert await leave(t) == Closed(10_000, 0)
        assert await t.lots() == [(2026, None, 0, 0, 0)]
        assert not (await t.pay(100)).approved
        assert await leave(t) == Closed(0, 0)


async def test_holds_stay_open_and_what_they_free_follows(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2300, kind=Kind.HOLD)
        assert await leave(t) == Closed(7700, 2300)
        assert (await t.about(Kind.CAPTURE, hold, 2000)).reason is Reason.APPROVED
        assert (await t.run("exchange-vintages"))["returned"] == 300
        await t.about(Kind.REFUND, hold, 500)
        suspense = await t.pool.fetchval(
            "select sum(amount_minor) from transfers where credit_account = 220"
        )
        assert suspense == 500


async def test_a_phone_pays_nothing_any_more(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, {1: Setting(phone=Wallet.APPLE_PAY)}) as t:
        await leave(t)
        assert not (await t.pay(100)).approved


@pytest.mark.parametrize("known", [True, False])
async def test_an_account_whose_record_says_so_is_closed_like_any_other(
    calendar_url: str, tmp_path: Path, *, known: bool
) -> None:
    """Changed by its record, or new in a world file: tokens end, the rest goes back."""
    here = Setting(phone=Wallet.APPLE_PAY)
    async with town(calendar_url, tmp_path, {1: here} if known else {2: here}) as t:
        world = as_world((1, here))
        world["accounts"][0] |= {"status": "CLOSED"}
        if known:
            assert await t.put("account", world["accounts"][0]) == "changed"
        else:
            (tmp_path / "more.json").write_text(json.dumps(world))
            async with t.pool.acquire() as sql:
                await load_world(cast("asyncpg.Connection", sql), tmp_path / "more.json", DIGESTER)
        assert [lot[2] for lot in await t.lots()] == [10_000]
        assert (await t.run("exchange-vintages"))["returned"] == 10_000
        assert await t.lots() == [(2026, None, 0, 0, 0)]
        async with t.pool.acquire() as sql:
            token = (await profile_of(sql, "token", "tok-1")).token("tok-1")
        assert token.status is TokenStatus.DELETED
        assert await t.pool.fetchval(CLOSED_AT) == [t.now]
        assert await leave(t) == Closed(0, 0)


async def test_an_account_that_was_closed_is_opened_by_no_record(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await leave(t)
        account = as_world((1, ONE[1]))["accounts"][0]
        with pytest.raises(Refused) as refused:
            await t.put("account", account | {"works_outside": True})
        assert refused.value.code == "STATUS_IS_FINAL"
        closed = account | {"works_outside": True, "status": "CLOSED"}
        assert await t.put("account", closed) == "changed"
        assert await t.pool.fetchval(CLOSED_AT) == [t.now]


async def test_nobody_leaves_who_is_not_there(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        with pytest.raises(Unknown):
            await leave(t, "acc-9")
        with pytest.raises(Unknown):
            await give_to(t, "restos", 100, "acc-9")


async def test_a_gift_takes_the_oldest_first_and_leaves_the_cap_alone(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting(lots={2026: 450, 2027: 10_000})}) as t:
        await t.at(JANUARY)
        assert await give_to(t, "restos", 5000) == Gift("Restos du Cœur", 5000, 5450)
        assert await t.lots() == [(2026, None, 0, 0, 0), (2027, None, 5450, 0, 0)]
        assert (await t.pay(2500)).reason is Reason.APPROVED


@pytest.mark.parametrize(
    ("charity", "amount_minor", "code"),
    [
        ("nobody", 100, "UNKNOWN_CHARITY"),
        ("restos", 10_001, "INSUFFICIENT_BALANCE"),
    ],
)
async def test_a_gift_that_cannot_be_made_moves_nothing(
    calendar_url: str, tmp_path: Path, charity: str, amount_minor: int, code: str
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        with pytest.raises(Refused) as refused:
            await give_to(t, charity, amount_minor)
        assert refused.value.code == code
        assert await t.lots() == [(2026, None, 10_000, 0, 0)]


async def test_a_closed_account_gives_nothing_away(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await leave(t)
        with pytest.raises(Refused, match="closed"):
            await give_to(t, "restos", 1)
