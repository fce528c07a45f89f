"""Where stories are told, and the lines that are kept of them."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from simulators.chips.drawer import Drawer
from simulators.messages import TerminalData
from simulators.phones.issuer import Issuer
from simulators.terminal import Stamps, Terminal


class Line(Struct, frozen=True):
    """One step: whose story, what was tried, what should have come back and what did."""

    story: str
    step: str
    expected: str
    got: str
    at_till: bool = False
    """Whether it was a payment, or tried to be one."""

    @property
    def as_expected(self) -> bool:
        """Whether it came as it should."""
        return self.expected == self.got


class Stage(Struct, frozen=True):
    """Where a day takes place, shared by all: the till's terminal, the issuer, the chips."""

    issuer: Issuer
    terminal: Terminal
    place: TerminalData
    stamps: Stamps
    drawer: Drawer | None
    profile: str
    clock: Callable[[], datetime]
