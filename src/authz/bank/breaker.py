"""When to stop asking a bank that does not answer, and when to try again. Pure: time comes in."""

from typing import Final

FAILURES_MAX: Final = 5
"""Silences in a row after which nobody is made to wait for the bank any more."""


class Breaker:
    """Closed while the bank answers; opened by `failures_max` silences in a row.

    While it is open payments are decided as if there were no bank (the stand-in of TOP-10), so
    that a dead bank costs nobody the budget of a bank leg. An echo, or a new line, says that the
    host is there and not that it answers payments: one question at a time may try that.
    """

    def __init__(self, failures_max: int = FAILURES_MAX) -> None:
        """It begins closed."""
        self._failures_max = failures_max
        self._failures = 0
        self._may_try = False
        self.opened = 0
        """How often it opened."""

    @property
    def closed(self) -> bool:
        """Whether the bank answers."""
        return self._failures < self._failures_max

    @property
    def admits(self) -> bool:
        """Whether a question may be asked now."""
        return self.closed or self._may_try

    def asked(self) -> None:
        """A question leaves; if it is to try the bank out, no other does meanwhile."""
        self._may_try = False

    def greeted(self) -> None:
        """The host answered an echo or a sign-on."""
        self._may_try = not self.closed

    def answered(self) -> None:
        """The bank answered a question, whatever it said."""
        self._failures = 0

    def fell_silent(self) -> None:
        """A question had no answer in its time."""
        self._failures += 1
        if self._failures == self._failures_max:
            self.opened += 1
