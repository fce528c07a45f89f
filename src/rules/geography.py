"""Departments: their legal time and their neighbours; and the civil day of an instant."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

_TABLE = tomllib.loads(
    (resources.files("rules") / "tables" / "departments.toml").read_text(encoding="utf-8")
)

PARIS = ZoneInfo(_TABLE["zones"]["metropolitan"])

NEIGHBOURS: dict[str, frozenset[str]] = {
    department: frozenset(names.split()) for department, names in _TABLE["neighbours"].items()
}
"""Bordering departments of each metropolitan department (GEO-01, R.3262-9)."""

ZONES: dict[str, ZoneInfo] = dict.fromkeys(NEIGHBOURS, PARIS) | {
    department: ZoneInfo(name)
    for department, name in _TABLE["zones"].items()
    if department != "metropolitan"
}
"""The legal time of each department or overseas territory (DAY-02, décret 2017-292)."""

_NOBODY: frozenset[str] = frozenset()


def zone_of(department: str) -> ZoneInfo:
    """Return the legal time of a department; of Paris for one that does not exist."""
    return ZONES.get(department, PARIS)


_latest: dict[ZoneInfo, tuple[datetime, datetime, date]] = {}
"""The civil day last asked of each zone, with its first instant and that of the next day."""


def civil_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the civil date of an instant in a zone: days of 23 or 25 hours included (DAY-02)."""
    latest = _latest.get(zone)
    if latest is not None and latest[0] <= instant < latest[1]:
        return latest[2]
    day = instant.astimezone(zone).date()
    _latest[zone] = (_midnight(day, zone), _midnight(day + timedelta(days=1), zone), day)
    return day


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def may_be_used_in(workplace: str, merchant: str) -> bool:
    """Whether `merchant` is the workplace's department or borders it (R.3262-9)."""
    return workplace == merchant or merchant in NEIGHBOURS.get(workplace, _NOBODY)
