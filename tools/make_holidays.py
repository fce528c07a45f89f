"""Write src/rules/tables/holidays.csv from the `holidays` library.

Run by hand and reviewed as a diff. The engine never calls the library while deciding: a holiday
that moves is a change of data with an author and a date. `tests/rules/test_calendar.py`
compares the table with the library of the day.
"""

import csv
from datetime import date
from pathlib import Path

import holidays

YEARS = range(2014, 2041)
TABLE = Path(__file__).parent.parent / "src" / "rules" / "tables" / "holidays.csv"

# The library's name of each subdivision, and ours. BL and MF have no department of their own.
OVERSEAS = {
    "971": "971",
    "972": "972",
    "973": "973",
    "974": "974",
    "976": "976",
    "BL": "977",
    "MF": "978",
}
GOOD_FRIDAY = "Good Friday"
ABOLITION = "Abolition of Slavery"


def rows() -> list[tuple[date, str, str]]:
    """List every holiday as (day, where, name).

    Where is FR, AM (57, 67, 68), AM-TEMPLE or a department.
    """
    national = holidays.country_holidays("FR", years=YEARS, language="en_US")
    found = [(day, "FR", name) for day, name in national.items()]
    for day, name in holidays.country_holidays("FR", subdiv="57", years=YEARS).items():
        if day not in national:
            found.append((day, "AM-TEMPLE" if name == GOOD_FRIDAY else "AM", name))
    for subdivision, department in OVERSEAS.items():
        local = holidays.country_holidays("FR", subdiv=subdivision, years=YEARS)
        # Only the day of L.3422-2: Mi-Careme, Schoelcher and the like are local custom.
        found += [(day, department, ABOLITION) for day in local if ABOLITION in local[day]]
    return sorted(found)


def main() -> None:
    """Write the table."""
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("day", "where", "name"))
        writer.writerows(rows())


if __name__ == "__main__":
    main()
