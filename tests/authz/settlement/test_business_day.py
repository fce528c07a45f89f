"""The settlement date: four digits become a day, and a cutover only goes forward."""

from datetime import UTC, date, datetime

import pytest

from authz.settlement.business_day import CUTOVER_DAYS_MAX, current_day, day_of, judge_cutover
from rules.decision import Reason

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("month_day", "near", "means"),
    [
        ("1124", TUESDAY, TUESDAY),
        ("0102", date(2026, 12, 31), date(2027, 1, 2)),
        ("1231", date(2027, 1, 2), date(2026, 12, 31)),
        ("0229", date(2028, 2, 28), date(2028, 2, 29)),
        ("0229", date(2027, 3, 1), date(2028, 2, 29)),
        ("1332", TUESDAY, None),
        ("0000", TUESDAY, None),
    ],
)
def test_four_digits_mean_the_nearest_day(month_day: str, near: date, means: date | None) -> None:
    assert day_of(month_day, near) == means


def test_the_day_is_the_one_in_paris_or_the_one_that_a_cutover_began() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert current_day(None, late) == date(2026, 11, 25)
    assert current_day(TUESDAY, late) == date(2026, 11, 25), "one cutover is no promise of others"
    assert current_day(date(2026, 11, 26), late) == date(2026, 11, 26)


@pytest.mark.parametrize(
    ("month_day", "reason", "day"),
    [
        ("1125", Reason.APPROVED, date(2026, 11, 25)),
        ("1124", Reason.APPROVED, TUESDAY),
        (f"12{CUTOVER_DAYS_MAX - 6:02d}", Reason.APPROVED, date(2026, 12, 1)),
        (f"12{CUTOVER_DAYS_MAX - 5:02d}", Reason.INVALID_TRANSACTION, TUESDAY),
        ("1123", Reason.INVALID_TRANSACTION, TUESDAY),
        ("1131", Reason.FORMAT, TUESDAY),
        (None, Reason.FORMAT, TUESDAY),
    ],
)
def test_a_cutover_goes_a_few_days_forward_or_nowhere(
    month_day: str | None, reason: Reason, day: date
) -> None:
    assert judge_cutover(month_day, TUESDAY, TUESDAY) == (reason, day)


def test_many_small_cutovers_lead_no_further_than_one() -> None:
    day = TUESDAY
    for month_day in ("1126", "1130", "1201", "1202", "1208"):
        _, day = judge_cutover(month_day, day, TUESDAY)
    assert (day - TUESDAY).days == CUTOVER_DAYS_MAX
    assert judge_cutover("1201", day, TUESDAY) == (Reason.APPROVED, day)
    assert judge_cutover("1202", day, TUESDAY) == (Reason.INVALID_TRANSACTION, day)
    assert judge_cutover("1202", day, date(2026, 11, 25)) == (Reason.APPROVED, date(2026, 12, 2))


def test_a_settlement_date_that_was_left_behind_catches_up_step_by_step() -> None:
    long_after = date(2026, 12, 24)
    assert judge_cutover("1201", TUESDAY, long_after) == (Reason.APPROVED, date(2026, 12, 1))
    assert judge_cutover("1202", TUESDAY, long_after) == (Reason.INVALID_TRANSACTION, TUESDAY)
