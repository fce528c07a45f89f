"""Until when the exchange of expired vouchers can be asked for and ordered. Pure."""

from calendar import monthrange
from datetime import date, timedelta
from typing import Final

REQUEST_DAYS: Final = 15
"""The employee asks within the fortnight that follows the last day of use (R.3262-5 al. 3)."""


def request_until(last_day: date) -> date:
    """The last day on which the employee may ask: 15 March for an ordinary vintage."""
    return last_day + timedelta(days=REQUEST_DAYS)


def order_until(last_day: date) -> date:
    """The last day of the employer's order: 31 March for an ordinary vintage (R.3262-12)."""
    after = last_day + timedelta(days=1)
    return after.replace(day=monthrange(after.year, after.month)[1])
