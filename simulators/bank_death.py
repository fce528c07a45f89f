"""Where a bank may be killed: a script of one line says at which step, and on which message.

The process ends itself with SIGKILL, so that nothing is flushed, closed or said any more.
"""

import os
import signal
from collections.abc import Callable
from enum import Enum
from typing import Final

from msgspec import Struct


class Step(Enum):
    """How far a question came."""

    RECEIVED = "received"
    """It was read; nothing is decided."""
    TORN = "torn"
    """It is decided; half of its line is in the file."""
    BOOKED = "booked"
    """Its line is durable; nobody was told."""
    ANSWERED = "answered"
    """The answer has left."""


DEEDS: Final = ("pay", "hold", "reverse", "capture", "refund")
"""What is asked of a bank."""


class Death(Struct, frozen=True):
    """End at this step of the nth such question from now on; without `on`, of any question."""

    step: Step
    after: int = 1
    on: str = ""


def parse_death(text: str) -> Death:
    """Read STEP, STEP:N or STEP:N:DEED, as `booked:3:reverse`. ValueError says what is wanted."""
    step, _, rest = text.partition(":")
    after, _, on = rest.partition(":")
    if (on and on not in DEEDS) or (after and not after.isdecimal()) or after == "0":
        raise ValueError(f"STEP:N:DEED is wanted, DEED one of {', '.join(DEEDS)}")
    try:
        return Death(Step(step), int(after or 1), on)
    except ValueError:
        known = ", ".join(each.value for each in Step)
        raise ValueError(f"the steps are {known}, not {step!r}") from None


def kill_self() -> None:
    """As if the power had gone."""
    os.kill(os.getpid(), signal.SIGKILL)


class Fatality:
    """Counts down to a death, if one is ordered."""

    def __init__(self, death: Death | None = None, die: Callable[[], None] = kill_self) -> None:
        """Nothing has passed yet."""
        self._death, self._die = death, die
        self._left = death.after if death is not None else 0

    def passed(self, step: Step, deed: str) -> None:
        """A question came so far."""
        death = self._death
        if death is None or step is not death.step or death.on not in ("", deed):
            return
        self._left -= 1
        if self._left == 0:
            self._die()
