"""1 March over a database: exchanged, expired, asked for, lost; nothing appears or vanishes."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from authz.commands.jobs import app as jobs_app
from authz.requests import Kind
from authz.vintages import job
from authz.vintages.plan import Plan, plan
from ledger.running import Running
from rules.decision import Reason
from rules.rulebook import rulebook_of
from tests.database.town import town
from tests.road.people import Setting
from tests.rules.builders import BOOK

LAST_FRIDAY = "2027-02-26T12:30:00+01:00"
LAST_MINUTE = "2027-02-28T23:59:59+01:00"
MARCH_FIRST = "2027-03-01T00:00:00+01:00"
MONDAY_NOON = "2027-03-01T12:30:00+01:00"
ON_REQUEST = BOOK.derive(exchange_mode="ON_REQUEST")
NONE = BOOK.derive(exchange_mode="NONE")
MODES = [
    {"to": date(2026, 12, 31), "value": "AUTO", "source": "test"},
    {"from": date(2027, 1, 1), "value": "ON_REQUEST", "source": "test"},
]
FROM_2027 = rulebook_of({**BOOK._content, "exchange_mode": MODES}, "from-2027.toml")
"""By itself up to the vintage of 2026, on request from the next on."""
TWO = {1: Setting(lots={2026: 4230, 2027: 6000})}


async def test_ex_30_the_exchanged_lot_pays_first_and_there_is_no_gap(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO) as t:
        await t.at(MONDAY_NOON)
        assert (await t.run("exchange-vintages"))["exchanged"] == 4230
        paid = await t.pay(2000)
        assert (paid.reason, paid.balance_minor) == (Reason.APPROVED, 8230)
        assert await t.lots() == [(2027, 2026, 2230, 0, 0), (2027, None, 6000, 0, 0)]


async def test_ex_30_without_the_job_the_same_is_paid_and_shown(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO) as t:
        await t.at(MONDAY_NOON)
        assert (await t.pay(2000)).balance_minor == 8230
        before = await t.lots()
        assert before == [(2027, 2026, 2230, 0, 0), (2027, None, 6000, 0, 0)]
        assert (await t.run("exchange-vintages"))["exchanged"] == 2230
        assert await t.lots() == before


async def test_in_the_gap_that_an_issuer_leaves_the_old_vouchers_wait_and_are_shown(
    calendar_url: str, tmp_path: Path
) -> None:
    """P-EXCH-LAG: nothing is lost and nothing is moved before its day."""
    async with town(calendar_url, tmp_path, TWO, BOOK.derive(exchange_lag_days=18)) as t:
        await t.at("2027-03-18T23:59:59+01:00")
        assert (await t.run("exchange-vintages"))["exchanged"] == 0
        assert await t.lots() == [(2026, None, 0, 0, 4230), (2027, None, 6000, 0, 0)]
        assert (await t.pay(2000)).balance_minor == 4000
        await t.at("2027-03-19T00:00:00+01:00")
        assert (await t.pay(100)).balance_minor == 8130
        assert (await t.run("exchange-vintages"))["exchanged"] == 4130
        assert await t.lots() == [(2027, 2026, 4130, 0, 0), (2027, None, 4000, 0, 0)]


async def test_ex_29_the_last_day_ends_at_midnight_of_the_workplace(
    calendar_url: str, tmp_path: Path
) -> None:
    people = {1: Setting(), 2: Setting(workplace="974", merchant="974")}
    async with town(calendar_url, tmp_path, people) as t:
        await t.at(LAST_MINUTE)
        assert (await t.run("exchange-vintages"))["exchanged"] == 10_000
        assert await t.lots("acc-1") == [(2026, None, 10_000, 0, 0)]
        assert await t.lots("acc-2") == [(2027, 2026, 10_000, 0, 0)]
        await t.at(MARCH_FIRST)
        assert (await t.run("exchange-vintages"))["exchanged"] == 10_000


async def test_running_it_twice_is_once_and_a_clock_set_back_undoes_nothing(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO) as t:
        await t.at(MONDAY_NOON)
        await t.run("exchange-vintages")
        assert not any((await t.run("exchange-vintages")).values())
        await t.at(LAST_FRIDAY)
        assert not any((await t.run("exchange-vintages")).values())
        lots = [(2026, None, 0, 0, 0), (2027, 2026, 4230, 0, 0), (2027, None, 6000, 0, 0)]
        assert await t.lots() == lots
        assert (await t.pay(1000)).reason is Reason.APPROVED


async def test_years_that_were_missed_are_made_up_one_by_one(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting(lots={2024: 1000, 2025: 500})}) as t:
        await t.at(MONDAY_NOON)
        before = await t.lots()
        assert (await t.run("exchange-vintages"))["exchanged"] == 3 * 1000 + 2 * 500
        after = await t.lots()
        assert after == before == [(2027, 2026, 1000, 0, 0), (2027, 2026, 500, 0, 0)]


async def test_vin_08_a_hold_of_february_is_captured_in_march(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}) as t:
        await t.at(LAST_FRIDAY)
        hold = await t.pay(1800, kind=Kind.HOLD)
        await t.at(MONDAY_NOON)
        before = await t.lots()
        await t.run("exchange-vintages")
        assert await t.lots() == before
        assert sorted(before) == [(2026, None, 0, 1800, 0), (2027, 2026, 8200, 0, 0)]
        assert (await t.about(Kind.CAPTURE, hold, 1500)).reason is Reason.APPROVED
        before = await t.lots()
        assert (await t.run("exchange-vintages"))["exchanged"] == 300
        assert await t.lots() == before == [(2027, 2026, 8500, 0, 0)]


async def test_ex_37_a_refund_in_march_goes_to_the_exchanged_lot(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}) as t:
        await t.at(LAST_FRIDAY)
        paid = await t.pay(1800)
        await t.at(MONDAY_NOON)
        await t.run("exchange-vintages")
        await t.at("2027-03-10T12:00:00+01:00")
        assert (await t.about(Kind.REFUND, paid, 1800)).reason is Reason.APPROVED
        before = await t.lots()
        assert (await t.run("exchange-vintages"))["exchanged"] == 1800
        assert await t.lots() == before == [(2027, 2026, 10_000, 0, 0)]


@pytest.mark.parametrize("swept", [True, False])
async def test_on_request_it_expires_and_is_shown_for_fifteen_days(
    calendar_url: str, tmp_path: Path, swept: bool
) -> None:
    async with town(calendar_url, tmp_path, TWO, ON_REQUEST) as t:
        await t.at(MARCH_FIRST)
        if swept:
            assert (await t.run("exchange-vintages"))["expired"] == 4230
        shown = [(2026, None, 0, 0, 4230), (2027, None, 6000, 0, 0)]
        assert await t.lots() == shown
        assert (await t.pay(1)).balance_minor == 5999
        await t.at("2027-03-15T23:59:00+01:00")
        assert (await t.lots())[0] == shown[0]
        until = [lot.exchange_until for lot in (await t.view()).lots]
        assert until == [date(2027, 3, 15), date(2028, 3, 15)]
        await t.at("2027-03-16T00:00:00+01:00")
        assert [lot[0] for lot in await t.lots()] == [2027]


@pytest.mark.parametrize(
    ("refunded_at", "reason"),
    [
        ("2027-03-10T12:00:00+01:00", "exchanged"),
        ("2027-03-31T12:00:00+02:00", "exchanged"),
        ("2027-04-01T12:00:00+02:00", "exchanged_late"),
    ],
)
async def test_vin_09_a_refund_is_never_lost(
    calendar_url: str, tmp_path: Path, refunded_at: str, reason: str
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}, ON_REQUEST) as t:
        await t.at(LAST_FRIDAY)
        paid = await t.pay(1800)
        await t.at(refunded_at)
        await t.about(Kind.REFUND, paid, 1800)
        done = await t.run("exchange-vintages")
        assert (done[reason], done["expired"]) == (1800, 8200)
        assert (2027, 2026, 1800, 0, 0) in await t.lots()


@pytest.mark.parametrize(
    ("refunded_at", "vintage", "moved"),
    [
        ("2028-02-29T12:00:00+01:00", 2027, {"exchanged_late": 1800}),
        ("2028-03-10T12:00:00+01:00", 2028, {"exchanged_late": 1800, "exchanged": 1800}),
        ("2028-04-10T12:00:00+02:00", 2028, {"exchanged_late": 3600}),
    ],
)
async def test_vin_09_a_refund_is_never_lost_though_its_successor_has_ended_too(
    calendar_url: str, tmp_path: Path, refunded_at: str, vintage: int, moved: dict[str, int]
) -> None:
    """It goes year by year into the vintage that can be used: 2027 ends on 29 February 2028."""
    async with town(calendar_url, tmp_path, {1: Setting()}, ON_REQUEST) as t:
        await t.at(LAST_FRIDAY)
        paid = await t.pay(1800)
        await t.at("2027-04-02T12:00:00+02:00")
        await t.run("exchange-vintages")
        await t.at(refunded_at)
        await t.about(Kind.REFUND, paid, 1800)
        done = await t.run("exchange-vintages")
        assert {why: minor for why, minor in done.items() if minor} == moved
        assert [lot for lot in await t.lots() if lot[2]] == [(vintage, vintage - 1, 1800, 0, 0)]


@pytest.mark.parametrize(
    ("refunded_at", "moved"),
    [
        ("2028-02-29T12:00:00+01:00", {"exchanged": 1800}),
        ("2028-03-10T12:00:00+01:00", {"exchanged": 3600}),
        ("2028-04-10T12:00:00+02:00", {"exchanged": 1800, "exchanged_late": 1800}),
    ],
)
@pytest.mark.parametrize("left_minor", [0, 100])
async def test_vin_09_a_refund_is_never_lost_though_its_successor_is_exchanged_on_request(
    calendar_url: str,
    tmp_path: Path,
    refunded_at: str,
    moved: dict[str, int],
    left_minor: int,
) -> None:
    """Whether the lot had a successor before, or nothing was left of it."""
    people = {1: Setting(lots={2026: 1800 + left_minor})}
    async with town(calendar_url, tmp_path, people, FROM_2027) as t:
        await t.at(LAST_FRIDAY)
        paid = await t.pay(1800)
        await t.at("2027-04-02T12:00:00+02:00")
        await t.run("exchange-vintages")
        if left_minor:
            await t.pay(left_minor)
        await t.at(refunded_at)
        await t.about(Kind.REFUND, paid, 1800)
        done = await t.run("exchange-vintages")
        assert {why: minor for why, minor in done.items() if minor} == moved


@pytest.mark.parametrize(
    ("released_at", "reason"),
    [
        ("2027-03-15T12:00:00+01:00", "expired"),
        ("2027-03-16T12:00:00+01:00", "exchanged"),
        ("2027-04-01T12:00:00+02:00", "exchanged_late"),
    ],
)
async def test_vin_08_a_release_follows_the_rules_of_its_day(
    calendar_url: str, tmp_path: Path, released_at: str, reason: str
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}, ON_REQUEST) as t:
        await t.at(LAST_FRIDAY)
        hold = await t.pay(1800, kind=Kind.HOLD)
        await t.at(MONDAY_NOON)
        assert (await t.run("exchange-vintages"))["expired"] == 8200
        await t.at(released_at)
        await t.about(Kind.REVERSAL, hold)
        assert (await t.run("exchange-vintages"))[reason] == 1800


async def test_without_exchange_it_expires_and_is_lost(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, TWO, NONE) as t:
        await t.at(MARCH_FIRST)
        assert (await t.run("exchange-vintages"))["expired"] == 4230
        assert (await t.pay(2000)).reason is Reason.APPROVED
        await t.at("2027-04-01T12:00:00+02:00")
        assert (await t.run("exchange-vintages"))["lost"] == 4230
        assert await t.lots() == [(2027, None, 4000, 0, 0)]


async def test_payments_go_on_while_the_exchange_is_booked(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO) as t:
        await t.at(MONDAY_NOON)
        running = asyncio.create_task(t.run("exchange-vintages"))
        paid = await asyncio.gather(*(t.pay(100) for _ in range(6)))
        job = await running
        again = await t.run("exchange-vintages")
        assert [outcome.reason for outcome in paid] == [Reason.APPROVED] * 6
        assert 4230 - 600 <= job["exchanged"] + again["exchanged"] <= 4230
        assert await t.lots() == [(2027, 2026, 3630, 0, 0), (2027, None, 6000, 0, 0)]


async def test_one_holder_that_fails_stops_nobody_else_and_is_named(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(running: Running, *rest: Any) -> Plan:
        assert running.holder_id != 2, "no such lot"
        return plan(running, *rest)

    monkeypatch.setattr(job, "plan", failing)
    people = {number: Setting() for number in (1, 2, 3)}
    async with town(calendar_url, tmp_path, people) as t:
        await t.at(MONDAY_NOON)
        done = await t.run("exchange-vintages")
        assert (done["exchanged"], done["failed holder 2"]) == (20_000, 1)
        said = await asyncio.to_thread(
            CliRunner().invoke,
            jobs_app,
            ["run", "exchange-vintages", "--now", MONDAY_NOON, "--database-url", calendar_url],
        )
        assert (said.exit_code, "failed holder 2" in said.output) == (1, True)
        monkeypatch.setattr(job, "plan", plan)
        assert (await t.run("exchange-vintages"))["exchanged"] == 10_000
