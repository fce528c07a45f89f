"""Public holidays: whether a civil day is one in a department (DAY-05 to DAY-08).

The days come from a dated table. For a year outside it the eleven national holidays are computed
from Easter, so that missing data never opens a holiday (fail closed, DAY-08).
"""

import csv
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from importlib import resources

from msgspec import Struct

ALSACE_MOSELLE = frozenset({"57", "67", "68"})
SAINT_MARTIN = "978"


class Holidays(Struct, frozen=True):
    """The holidays of one civil day, by name; `in_table` is False where they were computed."""

    national: str | None = None
    local: Mapping[str, str] = {}
    temple: str | None = None
    """Good Friday: Alsace-Moselle only, in communes with a protestant temple (L.3134-13)."""
    in_table: bool = True
    somewhere: bool = False
    """Whether any place in France may have a holiday: the quick way out of most days."""


def _read_table() -> dict[date, list[tuple[str, str]]]:
    text = (resources.files("rules") / "tables" / "holidays.csv").read_text(encoding="utf-8")
    table: dict[date, list[tuple[str, str]]] = {}
    for row in csv.DictReader(text.splitlines()):
        table.setdefault(date.fromisoformat(row["day"]), []).append((row["where"], row["name"]))
    return table


_TABLE = _read_table()
FIRST_YEAR, LAST_YEAR = min(_TABLE).year, max(_TABLE).year


@lru_cache(maxsize=1024)
def holidays_on(day: date) -> Holidays:
    """Return the holidays of a civil day, wherever in France."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        national = national_holidays(day.year).get(day)
        return Holidays(national, in_table=False, somewhere=True)
    rows = dict(_TABLE.get(day, ()))
    national, temple = rows.pop("FR", None), rows.pop("AM-TEMPLE", None)
    if alsace_moselle := rows.pop("AM", None):
        rows |= dict.fromkeys(ALSACE_MOSELLE, alsace_moselle)
    return Holidays(national, rows, temple, somewhere=day in _TABLE)


def holiday_in(
    day: date,
    department: str | None,
    *,
    temple: bool = False,
    saint_martin: str = "05-28",
) -> str | None:
    """Return the name of the holiday in a department, or None.

    `temple` says that Good Friday counts in the commune; `saint_martin` which day of May (MM-DD)
    commemorates the abolition there (DAY-07: text and practice differ). An unknown department has
    the national holidays.
    """
    holidays = holidays_on(day)
    if holidays.national is not None or department is None:
        return holidays.national
    if department == SAINT_MARTIN:
        return "Abolition of Slavery" if f"{day:%m-%d}" == saint_martin else None
    if temple and holidays.temple is not None and department in ALSACE_MOSELLE:
        return holidays.temple
    return holidays.local.get(department)


def easter(year: int) -> date:
    """Return Easter Sunday (the Gregorian computus of Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    f = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - f + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=64)
def national_holidays(year: int) -> Mapping[date, str]:
    """Compute the eleven national holidays of a year (L.3133-1)."""
    sunday = easter(year)
    return {
        date(year, 1, 1): "New Year's Day",
        sunday + timedelta(days=1): "Easter Monday",
        date(year, 5, 1): "Labor Day",
        date(year, 5, 8): "Victory Day",
        sunday + timedelta(days=39): "Ascension Day",
        sunday + timedelta(days=50): "Pentecost Monday",
        date(year, 7, 14): "National Day",
        date(year, 8, 15): "Assumption Day",
        date(year, 11, 1): "All Saints' Day",
        date(year, 11, 11): "Armistice Day",
        date(year, 12, 25): "Christmas Day",
    }
