"""Departments: legal time with its odd days, and neighbours."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.geography import NEIGHBOURS, PARIS, ZONES, civil_day, may_be_used_in, zone_of
from tests.rules.builders import at

METROPOLITAN = {f"{n:02d}" for n in range(1, 96)} - {"20"} | {"2A", "2B"}
OVERSEAS = {"971", "972", "973", "974", "975", "976", "977", "978"}


def test_every_department_has_a_zone_and_no_other() -> None:
    assert set(ZONES) == METROPOLITAN | OVERSEAS


def test_borders_are_seen_from_both_sides() -> None:
    for department, neighbours in NEIGHBOURS.items():
        assert department not in neighbours
        for neighbour in neighbours:
            assert department in NEIGHBOURS[neighbour]


def test_every_metropolitan_department_borders_another_and_the_mainland_is_one() -> None:
    """A walk from Ain reaches all but Corsica; an island of typing errors it would not reach."""
    reached, todo = {"01"}, ["01"]
    while todo:
        for neighbour in NEIGHBOURS[todo.pop()] - reached:
            reached.add(neighbour)
            todo.append(neighbour)
    assert reached == METROPOLITAN - {"2A", "2B"}


@pytest.mark.parametrize(
    ("department", "neighbours"),
    [
        ("75", "92 93 94"),
        ("2A", "2B"),
        ("29", "22 56"),
        ("06", "04 83"),
        ("66", "09 11"),
        ("77", "02 10 45 51 60 89 91 93 94 95"),
        ("90", "25 68 70 88"),
    ],
)
def test_neighbours_known_from_any_map(department: str, neighbours: str) -> None:
    assert NEIGHBOURS[department] == set(neighbours.split())


@pytest.mark.parametrize(
    ("workplace", "merchant", "allowed"),
    [
        ("75", "75", True),
        ("75", "92", True),
        ("75", "95", False),
        ("974", "974", True),
        ("971", "972", False),
        ("75", "", False),
    ],
)
def test_the_department_and_its_neighbours(workplace: str, merchant: str, allowed: bool) -> None:
    """R.3262-9; overseas none."""
    assert may_be_used_in(workplace, merchant) is allowed


@pytest.mark.parametrize(
    ("department", "winter", "summer"),
    [
        ("75", 1, 2),
        ("2A", 1, 2),
        ("971", -4, -4),
        ("972", -4, -4),
        ("973", -3, -3),
        ("974", 4, 4),
        ("975", -3, -2),
        ("976", 3, 3),
        ("977", -4, -4),
        ("978", -4, -4),
    ],
)
def test_the_legal_time_of_the_decree(department: str, winter: int, summer: int) -> None:
    """DAY-02: hours ahead of UTC in January and July."""
    for month, hours in ((1, winter), (7, summer)):
        instant = datetime(2026, month, 15, 12, tzinfo=UTC)
        assert instant.astimezone(zone_of(department)).utcoffset() == timedelta(hours=hours)


def test_an_unknown_department_has_the_time_of_paris() -> None:
    assert zone_of("99") is PARIS


@pytest.mark.parametrize(
    ("instant", "department", "day"),
    [
        ("2026-11-23T22:59:59.999+00:00", "75", "2026-11-23"),
        ("2026-11-23T23:00:00+00:00", "75", "2026-11-24"),
        ("2026-11-21T23:14:35+00:00", "972", "2026-11-21"),
        ("2026-11-23T20:00:00+00:00", "974", "2026-11-24"),
        ("2027-03-27T22:59:59+00:00", "75", "2027-03-27"),
        ("2027-03-27T23:00:00+00:00", "75", "2027-03-28"),
        ("2027-03-28T21:59:59+00:00", "75", "2027-03-28"),
        ("2027-03-28T22:00:00+00:00", "75", "2027-03-29"),
        ("2027-10-31T22:59:59+00:00", "75", "2027-10-31"),
        ("2027-10-31T23:00:00+00:00", "75", "2027-11-01"),
    ],
)
def test_the_civil_day_of_an_instant(instant: str, department: str, day: str) -> None:
    """DAY-02: the days of the clock change last 23 and 25 hours."""
    assert civil_day(at(instant), zone_of(department)) == date.fromisoformat(day)


@given(st.integers(0, 3 * 365 * 86_400), st.sampled_from(sorted(ZONES)))
def test_the_remembered_day_is_the_day(second: int, department: str) -> None:
    """Whatever was asked before, and a microsecond around midnight, the date is the clock's."""
    instant, zone = at("2026-01-01T00:00:00+00:00") + timedelta(seconds=second), zone_of(department)
    day = instant.astimezone(zone).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    assert civil_day(instant, zone) == day
    assert civil_day(midnight, zone) == day
    assert civil_day(midnight - timedelta(microseconds=1), zone) == day - timedelta(days=1)
