"""When merchants are paid: every Wednesday for the week before, and never too late."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.settlement.rhythm import DAYS_MAX, USUAL, Rhythm, latest_lawful

WEDNESDAY = date(2026, 12, 2)


@pytest.mark.parametrize(
    ("execute_on", "last_day"),
    [
        (WEDNESDAY, date(2026, 11, 29)),
        (date(2026, 11, 30), date(2026, 11, 29)),
        (date(2026, 11, 29), date(2026, 11, 22)),
        (date(2026, 12, 5), date(2026, 11, 29)),
    ],
)
def test_a_payment_is_for_the_weeks_that_ended_before_it(execute_on: date, last_day: date) -> None:
    assert USUAL.last_day(execute_on) == last_day


def test_merchants_are_paid_on_wednesdays() -> None:
    assert [USUAL.pays(WEDNESDAY + timedelta(days=n)) for n in range(-1, 2)] == [
        False, True, False,
    ]  # fmt: skip


@given(st.integers(0, 6), st.integers(0, 6), st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_no_day_waits_longer_than_the_rhythm_says(pays: int, closes: int, sold_on: date) -> None:
    rhythm = Rhythm(pays, closes)
    paid_on = next(
        day
        for day in (sold_on + timedelta(days=n) for n in range(1, 30))
        if rhythm.pays(day) and rhythm.last_day(day) >= sold_on
    )
    assert (paid_on - sold_on).days <= rhythm.delay_days_max <= DAYS_MAX
    assert paid_on <= latest_lawful(sold_on)
