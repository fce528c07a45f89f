"""Holds nobody captures: they fall free after P-HOLD-TTL, and may be captured late (HLD-03)."""

from pathlib import Path

from authz.history import find
from authz.outcomes import Outcome
from authz.progress import state_of
from authz.requests import Kind
from rules.decision import Reason
from tests.database.town import Town, town
from tests.road.people import Setting

FRIDAY = "2026-11-27T12:30:00+01:00"
SUNDAY = "2026-11-29T18:00:00+01:00"
SEVENTH_DAY = "2026-12-04T23:59:59+01:00"
EIGHTH_DAY = "2026-12-05T00:00:00+01:00"
LAST_OF_FEBRUARY = "2027-02-26T12:30:00+01:00"
ONE = {1: Setting()}


async def state(town: Town, payment: Outcome) -> str:
    async with town.pool.acquire() as sql:
        found = await find(sql, payment.holder_id, payment.authorization_id, [town.book])
    assert found is not None
    return state_of(found.steps, approved=found.approved)


async def test_a_hold_lives_through_its_seventh_day(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2300, kind=Kind.HOLD)
        await t.at(SEVENTH_DAY)
        assert await t.run("expire-holds") == {"expired": 0, "unanswered": 0}
        assert await state(t, hold) == "AUTHORIZED"
        await t.at(EIGHTH_DAY)
        assert await t.run("expire-holds") == {"expired": 1, "unanswered": 0}
        assert await state(t, hold) == "EXPIRED"
        assert await t.lots() == [(2026, None, 10_000, 0, 0)]


async def test_the_workplace_says_when_the_day_is_over(calendar_url: str, tmp_path: Path) -> None:
    people = {1: Setting(), 2: Setting(workplace="972", merchant="972")}
    async with town(calendar_url, tmp_path, people) as t:
        await t.at(FRIDAY)
        await t.pay(1000, 1, Kind.HOLD)
        await t.pay(1000, 2, Kind.HOLD)
        await t.at(EIGHTH_DAY)
        assert await t.run("expire-holds") == {"expired": 1, "unanswered": 0}
        await t.at("2026-12-05T05:00:00+01:00")
        assert await t.run("expire-holds") == {"expired": 1, "unanswered": 0}


async def test_running_it_twice_releases_once(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        await t.pay(2300, kind=Kind.HOLD)
        await t.at(EIGHTH_DAY)
        await t.run("expire-holds")
        assert await t.run("expire-holds") == {"expired": 0, "unanswered": 0}


async def test_what_was_captured_or_reversed_never_expires(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        captured = await t.pay(2000, kind=Kind.HOLD)
        reversed_ = await t.pay(300, kind=Kind.HOLD)
        await t.at(SUNDAY)
        await t.about(Kind.CAPTURE, captured, 1900)
        await t.about(Kind.REVERSAL, reversed_)
        await t.at(EIGHTH_DAY)
        assert await t.run("expire-holds") == {"expired": 0, "unanswered": 0}
        assert [await state(t, p) for p in (captured, reversed_)] == ["CAPTURED", "REVERSED"]


async def test_ex_52_a_capture_on_sunday_takes_less_and_counts_on_friday(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2300, kind=Kind.HOLD)
        await t.at(SUNDAY)
        captured = await t.about(Kind.CAPTURE, hold, 1900)
        assert captured.reason is Reason.APPROVED
        assert await t.lots() == [(2026, None, 8100, 0, 0)]
        await t.at("2026-11-27T20:00:00+01:00")
        assert (await t.view()).standing.used_minor == 1900


async def test_what_a_partial_reversal_left_expires_too(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2300, kind=Kind.HOLD)
        await t.about(Kind.REVERSAL, hold, left_minor=1000)
        assert await t.lots() == [(2026, None, 9000, 1000, 0)]
        await t.at(EIGHTH_DAY)
        assert await t.run("expire-holds") == {"expired": 1, "unanswered": 0}
        assert await state(t, hold) == "EXPIRED"
        assert await t.lots() == [(2026, None, 10_000, 0, 0)]


async def test_a_late_capture_is_taken_once_if_funds_allow(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2300, kind=Kind.HOLD)
        await t.at(EIGHTH_DAY)
        await t.run("expire-holds")
        assert (await t.about(Kind.CAPTURE, hold, 2000)).reason is Reason.APPROVED
        assert (await t.about(Kind.CAPTURE, hold, 300)).reason is Reason.INVALID_AMOUNT
        assert await state(t, hold) == "CAPTURED"
        assert await t.lots() == [(2026, None, 8000, 0, 0)]


async def test_a_late_capture_is_declined_when_the_day_is_full_by_now(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2300, kind=Kind.HOLD)
        await t.at(EIGHTH_DAY)
        await t.run("expire-holds")
        await t.at(FRIDAY)
        await t.pay(2500)
        await t.at(EIGHTH_DAY)
        assert (await t.about(Kind.CAPTURE, hold, 2300)).reason is Reason.DAILY_CAP
        assert await state(t, hold) == "EXPIRED"


async def test_a_hold_of_february_is_captured_late_from_the_exchanged_lot(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(LAST_OF_FEBRUARY)
        hold = await t.pay(1800, kind=Kind.HOLD)
        await t.at("2027-03-08T09:00:00+01:00")
        await t.run("exchange-vintages")
        await t.run("expire-holds")
        await t.run("exchange-vintages")
        assert (await t.about(Kind.CAPTURE, hold, 1800)).reason is Reason.APPROVED
        assert await t.lots() == [(2027, 2026, 8200, 0, 0)]


async def test_a_late_capture_takes_at_most_what_was_left_of_the_hold(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2300, kind=Kind.HOLD)
        await t.about(Kind.REVERSAL, hold, left_minor=1000)
        await t.at(EIGHTH_DAY)
        await t.run("expire-holds")
        assert (await t.about(Kind.CAPTURE, hold, 1001)).reason is Reason.INVALID_AMOUNT
        assert (await t.about(Kind.CAPTURE, hold, 1000)).reason is Reason.APPROVED
        assert await t.lots() == [(2026, None, 9000, 0, 0)]


async def test_a_late_capture_goes_by_the_cap_of_a_day_that_left_the_row(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        hold = await t.pay(2000, kind=Kind.HOLD)
        await t.about(Kind.EXPIRY, hold)
        await t.pay(2000)
        for day in range(1, 15):
            await t.at(f"2026-12-{day:02d}T12:30:00+01:00")
            await t.pay(100)
        assert (await t.about(Kind.CAPTURE, hold, 501)).reason is Reason.DAILY_CAP
        assert (await t.about(Kind.CAPTURE, hold, 500)).reason is Reason.APPROVED
