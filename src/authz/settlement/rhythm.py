"""When merchants are paid and for which days. Pure.

The default is Pluxee's on the Conecs network: every Wednesday for the Monday to Sunday before it.
The law's bound is 21 days from presentation (R.3262-25, `P-PAY-MERCHANT-DAYS`).
"""

from datetime import date, timedelta
from typing import Final

from msgspec import Struct

DAYS_MAX: Final = 21
WEDNESDAY: Final = 2
SUNDAY: Final = 6
_WEEK: Final = 7


class Rhythm(Struct, frozen=True):
    """Once a week on `pays_on` for the week that ended on `closes_on`; Monday is 0."""

    pays_on: int = WEDNESDAY
    closes_on: int = SUNDAY

    def last_day(self, execute_on: date) -> date:
        """The last day that is paid on `execute_on`: the latest close before it."""
        return execute_on - timedelta(days=(execute_on.weekday() - self.closes_on - 1) % _WEEK + 1)

    def pays(self, day: date) -> bool:
        """Whether merchants are paid on this day."""
        return day.weekday() == self.pays_on

    @property
    def delay_days_max(self) -> int:
        """How long the first day of a week waits for its money."""
        return _WEEK - 1 + (self.pays_on - self.closes_on - 1) % _WEEK + 1


USUAL: Final = Rhythm()
assert USUAL.delay_days_max <= DAYS_MAX, "the usual rhythm keeps the law's bound"


def latest_lawful(business_day: date) -> date:
    """The last day on which what was presented on `business_day` may be paid."""
    return business_day + timedelta(days=DAYS_MAX)
