"""When to stop asking a bank that does not answer, and when to try again. Pure: time comes in."""

from typing import Final

FAILURES_MAX: Final = 5
"""Silences in a row after which nobody is made to wait for the bank any more."""


class Breaker:
    """Closed while the bank answers; opened by `failures_max` silences in a row, until an echo.

    While it is open payments are decided as if there were no bank (the stand-in of TOP-10), so
    that a dead bank costs nobody the budget of a bank leg.
    """

    def __init__(self, failures_max: int = FAILURES_MAX) -> None:
        """It begins closed."""
        self._failures_max = failures_max
        self._failures = 0
        self.opened = 0
        """How often it opened."""

    @property
    def closed(self) -> bool:
        """Whether the bank may be asked."""
        return self._failures < self._failures_max

    def answered(self) -> None:
        """The bank answered something, whatever it said."""
        self._failures = 0

    def fell_silent(self) -> None:
        """A question had no answer in its time."""
        self._failures += 1
        if self._failures == self._failures_max:
            self.opened += 1
