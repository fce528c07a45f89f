"""The working copy of one holder's money: what it gives away, and the row it leaves behind."""

from datetime import date, timedelta
from typing import Any

import pytest

from authz.decide.purse import USAGE_TAIL_DAYS, Purse
from authz.state import UsedDay
from rules.facts import Usage
from tests.authz.arrays import days, numbers
from tests.authz.builders import some_holder

DAY = date(2026, 11, 24)


def row(purse: Purse) -> dict[str, Any]:
    """The row by the columns of `holders`."""
    columns = (
        "holder_id", "version", "last_seq", "usage_since", "usage_accounts", "usage_days",
        "usage_minor", "lot_available", "lot_held", "counters",
    )  # fmt: skip
    read = {**dict.fromkeys(columns[4:-1], numbers), "usage_days": days}
    row = zip(columns, purse.row(), strict=True)
    return {name: read[name](value) if name in read else value for name, value in row}


def test_what_is_taken_is_gone_and_counts_for_the_day() -> None:
    purse = Purse(some_holder(lots=((2026, 5000),)))
    purse.take(1, 1, 1250, DAY, hold=False)
    assert purse.available == [3750]
    assert purse.held == [0]
    assert purse.usage(1, per_person=True) == (Usage(DAY, 1250),)


def test_what_is_held_is_not_available_and_counts_for_the_day_too() -> None:
    purse = Purse(some_holder(lots=((2026, 5000),)))
    purse.take(1, 1, 1250, DAY, hold=True)
    assert (purse.available, purse.held) == ([3750], [1250])
    assert purse.usage(1, per_person=True) == (Usage(DAY, 1250),)


def test_more_than_a_lot_has_is_our_mistake() -> None:
    purse = Purse(some_holder(lots=((2026, 100),)))
    with pytest.raises(AssertionError, match="spent more"):
        purse.take(1, 1, 101, DAY, hold=False)


def test_an_empty_lot_is_not_shown_to_the_rules() -> None:
    purse = Purse(some_holder(lots=((2026, 100), (2027, 200))))
    purse.take(1, 1, 100, DAY, hold=False)
    assert [lot.lot_no for lot in purse.lots_of(1)] == [2]
    assert purse.lots_of(2) == ()


def test_one_person_has_one_use_of_a_day_whatever_the_account() -> None:
    used = (UsedDay(1, DAY, 300), UsedDay(2, DAY, 400), UsedDay(2, DAY - timedelta(1), 50))
    purse = Purse(some_holder(used=used))
    assert set(purse.usage(1, per_person=True)) == {
        Usage(DAY, 700),
        Usage(DAY - timedelta(1), 50),
    }
    assert purse.usage(1, per_person=False) == (Usage(DAY, 300),)


def test_the_row_moves_version_and_number_on() -> None:
    purse = Purse(some_holder(lots=((2026, 5000),)))
    assert purse.next_seq() == 3
    purse.take(1, 1, 1250, DAY, hold=False)
    after = row(purse)
    assert after["version"] == 2
    assert after["last_seq"] == 3
    assert after["lot_available"] == [3750]
    assert (after["usage_accounts"], after["usage_days"], after["usage_minor"]) == (
        [1], [DAY], [1250],
    )  # fmt: skip


def test_old_days_leave_the_row_and_it_says_since_when() -> None:
    used = [DAY - timedelta(days=n) for n in range(USAGE_TAIL_DAYS + 5)]
    purse = Purse(some_holder(used=tuple(UsedDay(1, day, 100) for day in used)))
    after = row(purse)
    since = DAY - timedelta(days=USAGE_TAIL_DAYS)
    assert after["usage_since"] == since
    assert sorted(after["usage_days"]) == sorted(day for day in used if day >= since)


def test_what_left_the_row_once_never_comes_back() -> None:
    """A clock set back reads the day from the books; the row must not start to count it anew."""
    since = DAY - timedelta(days=3)
    purse = Purse(some_holder(used=(UsedDay(1, DAY, 100),), usage_since=since))
    purse.take(1, 1, 500, DAY - timedelta(days=5), hold=False)
    after = row(purse)
    assert after["usage_since"] == since
    assert after["usage_days"] == [DAY]
