"""The settlement date (DE15): how four digits become a day, and how a cutover moves it on. Pure.

The settlement date is the civil day in Paris, or a later one that a cutover has begun already: at
midnight it goes on whether somebody cuts over or not. A cutover never takes it back: what was told
to an acquirer under a date stays under it.
"""

from datetime import date, datetime, timedelta
from typing import Final

from rules.decision import Reason
from rules.geography import PARIS, civil_day

CUTOVER_DAYS_MAX: Final = 7
"""How far cutovers may go, one or many: nobody's wrong digits take everybody into next year."""


def current_day(control_day: date | None, now: datetime) -> date:
    """The settlement date at an instant; `control_day` is what the last cutover set."""
    civil = civil_day(now, PARIS)
    return civil if control_day is None else max(control_day, civil)


def day_of(month_day: str, near: date) -> date | None:
    """The date that MMDD means: of last year, this or the next, whichever is nearest to `near`."""
    found = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            found.append(date(year, int(month_day[:2]), int(month_day[2:])))
        except ValueError:  # no such day, or none in that year: 29 February
            continue
    return min(found, key=lambda day: abs(day - near), default=None)


def judge_cutover(month_day: str | None, today: date, civil: date) -> tuple[Reason, date]:
    """Whether a cutover to `month_day` may be made from `today`, and the day that holds then.

    It leads neither far from `today` nor far from the `civil` day in Paris, or steps that are small
    each by itself would lead anywhere, and there is no way back. A cutover to the day that holds
    already is approved: the peer repeats it, or is the second to ask.
    """
    wanted = None if month_day is None else day_of(month_day, today)
    if wanted is None:
        return Reason.FORMAT, today
    furthest = min(today, civil) + timedelta(days=CUTOVER_DAYS_MAX)
    if wanted != today and not today <= wanted <= furthest:
        return Reason.INVALID_TRANSACTION, today
    return Reason.APPROVED, wanted
