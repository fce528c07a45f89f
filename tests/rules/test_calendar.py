"""Holidays: the table says what the law and an independent library say."""

from datetime import date, timedelta

import holidays
import pytest

from rules.calendar import (
    FIRST_YEAR,
    LAST_YEAR,
    easter,
    holiday_in,
    holidays_on,
    national_holidays,
)

# The library's names of our territories; its other entries for them are known differences:
# Good Friday and Mi-Careme in Guadeloupe and the day of Victor Schoelcher in Guadeloupe,
# Martinique and Saint-Martin are custom, not holidays of L.3422-2.
TERRITORIES = {
    "57": "57",
    "67": "6AE",
    "68": "6AE",
    "971": "971",
    "972": "972",
    "973": "973",
    "974": "974",
    "976": "976",
    "977": "BL",
    "978": "MF",
    "975": "PM",
    "75": None,
}
CUSTOM = {
    "971": ("Good Friday", "Mi-Careme", "Victor Schoelcher Day"),
    "972": ("Victor Schoelcher Day",),
    "978": ("Victor Schoelcher Day",),
}


@pytest.mark.parametrize("department", TERRITORIES)
def test_the_table_is_that_of_the_library(department: str) -> None:
    """Every day of 2014 to 2040, by name; Good Friday counted where there is a temple.

    The library joins the names of two holidays on one day; ours is then one of them.
    """
    theirs = holidays.country_holidays(
        "FR",
        subdiv=TERRITORIES[department],
        years=range(FIRST_YEAR, LAST_YEAR + 1),
        language="en_US",
    )
    day = date(FIRST_YEAR, 1, 1)
    while day.year <= LAST_YEAR:
        names = set(theirs.get(day, "").split("; ")) - {"", *CUSTOM.get(department, ())}
        ours = holiday_in(day, department, temple=True)
        assert ours in names if names else ours is None, day
        day += timedelta(days=1)


@pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))
def test_the_computed_national_days_are_those_of_the_table(year: int) -> None:
    """What serves years without data is right in the years with data."""
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
    table = {day: name for day in days if day.year == year and (name := holidays_on(day).national)}
    assert dict(national_holidays(year)) == table
    assert len(table) == 11


@pytest.mark.parametrize(
    "day",
    ["2027-03-29", "2027-05-06", "2027-05-17", "2028-04-17", "2028-05-25", "2028-06-05"],
)
def test_the_movable_days_of_the_law(day: str) -> None:
    """DAY-05 names these."""
    assert holiday_in(date.fromisoformat(day), "75") is not None


def test_good_friday_counts_only_with_a_temple_in_alsace_moselle() -> None:
    """DAY-06: 2027-03-26; elsewhere a temple changes nothing."""
    friday = date(2027, 3, 26)
    assert holiday_in(friday, "67", temple=True) == "Good Friday"
    assert holiday_in(friday, "67") is None
    assert holiday_in(friday, "75", temple=True) is None
    assert holiday_in(friday, "971", temple=True) is None


def test_the_26th_of_december_is_a_holiday_in_alsace_moselle_only() -> None:
    boxing_day = date(2026, 12, 26)
    assert [holiday_in(boxing_day, where) is not None for where in ("57", "67", "68", "75")] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("department", "day"),
    [
        ("976", "04-27"),
        ("972", "05-22"),
        ("971", "05-27"),
        ("978", "05-28"),
        ("973", "06-10"),
        ("977", "10-09"),
        ("974", "12-20"),
    ],
)
def test_each_territory_has_its_own_day_of_abolition(department: str, day: str) -> None:
    """DAY-07."""
    abolition = date.fromisoformat(f"2026-{day}")
    assert holiday_in(abolition, department) == "Abolition of Slavery"
    assert holiday_in(abolition, "75") is None


def test_saint_martin_may_keep_the_27th() -> None:
    """DAY-07: the text says 27, practice 28; the rulebook chooses."""
    of_may = [date(2026, 5, day) for day in (27, 28)]
    assert [bool(holiday_in(day, "978", saint_martin="05-27")) for day in of_may] == [True, False]
    assert [bool(holiday_in(day, "978", saint_martin="05-28")) for day in of_may] == [False, True]


def test_an_unknown_department_has_the_national_days() -> None:
    assert holiday_in(date(2026, 12, 25), None) == "Christmas Day"
    assert holiday_in(date(2026, 12, 25), "99") == "Christmas Day"
    assert holiday_in(date(2026, 12, 26), None) is None


def test_a_year_outside_the_table_fails_closed_for_the_national_days() -> None:
    """DAY-08: 2041-04-22 is Easter Monday although no table says so."""
    assert holidays_on(date(2041, 4, 22)).national == "Easter Monday"
    assert not holidays_on(date(2041, 4, 22)).in_table
    assert holiday_in(date(2041, 12, 26), "67") is None
    assert holidays_on(date(2040, 12, 25)).in_table


@pytest.mark.parametrize(
    ("year", "day"),
    [(1961, "04-02"), (2000, "04-23"), (2008, "03-23"), (2038, "04-25"), (2076, "04-19")],
)
def test_easter_is_where_astronomy_put_it(year: int, day: str) -> None:
    """Published dates, the earliest and latest of the centuries among them."""
    assert f"{easter(year):%m-%d}" == day
