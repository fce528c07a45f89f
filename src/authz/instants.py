"""Instants in UTC: those a clock may be set to, and how one is written. Pure.

A clock may be set to the years of which calendars and rulebooks know.
"""

from datetime import UTC, datetime
from typing import Final

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
AFTER: Final = datetime(2200, 1, 1, tzinfo=UTC)
WORDS: Final = "an instant from 2000-01-01 to 2199-12-31 (UTC) is wanted"


def within_reach(instant: datetime) -> datetime:
    """The instant in UTC. Raises ValueError outside of the bounds; it needs a zone."""
    try:
        utc = instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(WORDS) from None
    if not EARLIEST <= utc < AFTER:
        raise ValueError(WORDS)
    return utc


def written(instant: datetime) -> str:
    """ISO 8601 in UTC, with a Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
