"""The settlement date ends at its time of day, once, and never goes back; paid is what is over."""

from datetime import date, time
from pathlib import Path

import pytest

from authz.commands.settle import refuse_wrong_day
from authz.settlement.closing import close_day
from authz.usage import UsageError
from tests.database.town import town
from tests.road.people import Setting

TODAY, TOMORROW = date(2026, 11, 24), date(2026, 11, 25)


@pytest.mark.parametrize(
    ("instant", "before", "closed", "after"),
    [
        ("2026-11-24T22:29:59+01:00", None, 0, None),
        ("2026-11-24T22:30:00+01:00", None, 1, TOMORROW),
        ("2026-11-24T21:30:00Z", TODAY, 1, TOMORROW),
        ("2026-11-24T23:59:00+01:00", TOMORROW, 0, TOMORROW),
        ("2026-11-24T23:59:00+01:00", date(2026, 11, 27), 0, date(2026, 11, 27)),
        ("2026-11-25T22:29:00+01:00", TODAY, 1, TOMORROW),
    ],
)
async def test_a_day_closes_at_its_time_in_paris(
    calendar_url: str,
    tmp_path: Path,
    instant: str,
    before: date | None,
    closed: int,
    after: date | None,
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}) as t:
        await t.pool.execute("update control set business_day = $1", before)
        await t.at(instant)
        assert await close_day(t.pool, time(22, 30), t.now) == {"closed": closed}
        assert await t.pool.fetchval("select business_day from control") == after


async def test_a_payment_after_the_close_counts_for_the_next_day(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}) as t:
        await t.at("2026-11-24T22:45:00+01:00")
        assert (await t.pay(100)).business_day == TODAY
        assert await t.run("close-day") == {"closed": 0}  # no time of day is set
        await close_day(t.pool, time(22, 30), t.now)
        assert (await t.pay(100)).business_day == TOMORROW


@pytest.mark.parametrize(
    ("execute_on", "last_day", "says"),
    [
        ("2026-11-25", "2026-11-24", "2026-11-24 is not over: the settlement date is 2026-11-24"),
        ("2026-11-22", "2026-11-22", "2026-11-22 is not over"),
        ("2026-12-26", "2026-11-22", "2026-12-26 is more than 31 days ahead of 2026-11-24"),
        ("2036-11-25", "2026-11-22", "more than 31 days ahead"),
        ("2026-12-25", "2026-11-23", None),
    ],
)
async def test_a_run_pays_days_that_are_over_and_leaves_within_a_month(
    calendar_url: str, tmp_path: Path, execute_on: str, last_day: str, says: str | None
) -> None:
    days = date.fromisoformat(execute_on), date.fromisoformat(last_day)
    async with town(calendar_url, tmp_path, {1: Setting()}) as t:
        await t.at("2026-11-24T22:45:00+01:00")
        if says is None:
            await refuse_wrong_day(t.pool, *days)
            return
        with pytest.raises(UsageError, match=says):
            await refuse_wrong_day(t.pool, *days)
