"""When merchants are paid: every Wednesday for the week before, and never too late."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.settlement.rhythm import Rhythm, Weekday
from tests.rules.builders import BOOK

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
    assert Rhythm().last_day(execute_on) == last_day


def test_merchants_are_paid_on_wednesdays() -> None:
    assert [Rhythm().pays(WEDNESDAY + timedelta(days=n)) for n in range(-1, 2)] == [
        False, True, False,
    ]  # fmt: skip


@given(
    st.builds(Rhythm, st.sampled_from(Weekday), st.sampled_from(Weekday), st.booleans()),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_no_day_waits_longer_than_the_law_says(rhythm: Rhythm, sold_on: date) -> None:
    paid_on = next(
        day
        for day in (sold_on + timedelta(days=n) for n in range(1, 30))
        if rhythm.pays(day) and rhythm.last_day(day) >= sold_on
    )
    assert (paid_on - sold_on).days <= BOOK.on(sold_on).pay_merchant_days


@given(
    st.builds(Rhythm, st.sampled_from(Weekday), st.sampled_from(Weekday), st.booleans()),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_what_the_last_pay_day_before_today_was_for_is_due(rhythm: Rhythm, today: date) -> None:
    days = (today - timedelta(days=n) for n in range(1, 8))
    assert rhythm.due(today) == rhythm.last_day(next(day for day in days if rhythm.pays(day)))


def test_the_daily_rhythm_pays_yesterday() -> None:
    daily = Rhythm(daily=True)
    assert daily.pays(WEDNESDAY)
    assert daily.last_day(WEDNESDAY) == WEDNESDAY - timedelta(days=1)
