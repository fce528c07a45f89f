"""The daily cap: what is still to be spent in vouchers on a civil day (CAP-01, CAP-02, CAP-05)."""

from collections.abc import Iterable
from datetime import date

from rules.facts import Usage


def used_on(usage: Iterable[Usage], day: date) -> int:
    """Return `U(D)` in cents: only the usage of that very day counts (CAP-07)."""
    used_minor = 0
    for entry in usage:
        if entry.day == day:
            used_minor += entry.used_minor
    return used_minor


def headroom(cap_minor: int, used_minor: int) -> int:
    """Return `H` in cents: the cap of the merchant's class against all that was used that day."""
    return max(0, cap_minor - used_minor)
