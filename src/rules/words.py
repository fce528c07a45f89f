"""How amounts and days are written in a trace."""

from datetime import date

from rules.parameters import UNCAPPED_MINOR


def euros(amount_minor: int) -> str:
    """Write cents as euros: 1250 is 12.50."""
    if amount_minor >= UNCAPPED_MINOR:
        return "unlimited"
    sign, cents = ("-", -amount_minor) if amount_minor < 0 else ("", amount_minor)
    return f"{sign}{cents // 100}.{cents % 100:02d}"


def weekday(day: date) -> str:
    """Write a day with its name: Tuesday 2026-11-24."""
    return f"{day:%A} {day}"
