"""Instants in UTC, and civil days: those that may be named, and how one is written. Pure.

Those are of the years of which calendars and rulebooks know.
"""

from datetime import UTC, date, datetime
from typing import Final

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
AFTER: Final = datetime(2200, 1, 1, tzinfo=UTC)
WORDS: Final = "an instant from 2000-01-01 to 2199-12-31 (UTC) is wanted"
DAY_WORDS: Final = "a day from 2000-01-01 to 2199-12-31 is wanted"


def within_reach(instant: datetime) -> datetime:
    """The instant in UTC. Raises ValueError outside of the bounds; it needs a zone."""
    try:
        utc = instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(WORDS) from None
    if not EARLIEST <= utc < AFTER:
        raise ValueError(WORDS)
    return utc


def day_within_reach(day: date) -> date:
    """The same civil day. Raises ValueError outside of the bounds."""
    if not EARLIEST.date() <= day < AFTER.date():
        raise ValueError(DAY_WORDS)
    return day


def written(instant: datetime) -> str:
    """ISO 8601 in UTC, with a Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
