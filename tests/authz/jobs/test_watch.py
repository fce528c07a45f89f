"""The alarms that need no database."""

from datetime import date

import pytest

from authz.jobs.watch import holidays_missing
from rules.calendar import holidays_on


@pytest.mark.parametrize(
    ("day", "missing"),
    [("2026-11-22", 0), ("2040-07-04", 0), ("2040-07-05", 1), ("2040-12-31", 180)],
)
def test_day_08_half_a_year_before_the_table_of_holidays_ends_somebody_is_told(
    day: str, missing: int
) -> None:
    assert holidays_missing(date.fromisoformat(day)) == missing


def test_day_08_the_alarm_stays_as_long_as_decisions_go_without_the_table() -> None:
    day = date(2041, 3, 1)
    assert not holidays_on(day).in_table
    assert holidays_missing(day) > 180
