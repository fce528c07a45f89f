"""When merchants are paid and for which days. Pure.

The default is Pluxee's on the Conecs network: every Wednesday for the Monday to Sunday before it.
The law's bound is 21 days from presentation (R.3262-25, `P-PAY-MERCHANT-DAYS`).
"""

from datetime import date, timedelta
from enum import Enum
from typing import Final

from msgspec import Struct

_WEEK: Final = 7


class Weekday(Enum):
    """The days as settings name them, in the order of `date.weekday`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def number(self) -> int:
        """Monday is 0."""
        return list(Weekday).index(self)


class Rhythm(Struct, frozen=True):
    """Once a week on `pays_on` for the week that ended on `closes_on`.

    With `daily` every day for the day before it, and the two weekdays mean nothing.
    """

    pays_on: Weekday = Weekday.WEDNESDAY
    closes_on: Weekday = Weekday.SUNDAY
    daily: bool = False

    def last_day(self, execute_on: date) -> date:
        """The last day that is paid on `execute_on`: the latest close before it."""
        if self.daily:
            return execute_on - timedelta(days=1)
        since_close = (execute_on.weekday() - self.closes_on.number - 1) % _WEEK + 1
        return execute_on - timedelta(days=since_close)

    def pays(self, day: date) -> bool:
        """Whether merchants are paid on this day."""
        return self.daily or day.weekday() == self.pays_on.number

    def due(self, today: date) -> date:
        """The last day that is paid when `today` begins, if no pay day before it was missed."""
        yesterday = today - timedelta(days=1)
        if self.daily:
            return self.last_day(yesterday)
        since_paid = (yesterday.weekday() - self.pays_on.number) % _WEEK
        return self.last_day(yesterday - timedelta(days=since_paid))


WEEKLY: Final = Rhythm()
