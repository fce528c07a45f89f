"""What a batch does to bank legs: new ones, steps along their table, and notices to the bank. Pure.

Each leg is written once a batch, from the state that was read to the last one, so that the save
can refuse when another process moved it meanwhile.
"""

from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from authz.decide.topup import BankLeg, Event, LegState, NoticeKind, moved
from authz.decide.writes import LegRows, Row
from authz.requests import Request

WHO: Final = "engine"
AT_ONCE: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""When a notice is due that was never sent; due times are never of the virtual clock."""


class LegBook:
    """The legs that one batch touches."""

    def __init__(self) -> None:
        """Nothing is touched yet."""
        self._new: list[Row] = []
        self._was: dict[tuple[int, int], LegState] = {}
        self._now: dict[tuple[int, int], BankLeg] = {}
        self._moves: list[Row] = []
        self._notices: list[Row] = []

    def reserve(self, leg: BankLeg, account_no: int, request: Request, at: datetime) -> None:
        """A leg begins."""
        self._new.append(
            (
                leg.holder_id, leg.number, account_no, request.kind.value, leg.state.value,
                leg.amount_minor, leg.left_minor, leg.refunded_minor, leg.notices,
                request.terminal, request.mid, None, None, None,
            )
        )  # fmt: skip
        self._note(leg, "RESERVE", "vouchers are held", at)

    def move(self, leg: BankLeg, event: Event, why: str, at: datetime) -> BankLeg:
        """Take a step of the table."""
        after = self._touch(leg, replace(leg, state=moved(leg.state, event)))
        self._note(after, event.value, why, at)
        return after

    def tell(self, leg: BankLeg, kind: NoticeKind, amount_minor: int, at: datetime) -> BankLeg:
        """Let the bank be told of the leg as it is now."""
        after = self._touch(leg, replace(leg, notices=leg.notices + 1))
        self._notices.append(
            (
                leg.holder_id, leg.number, after.notices, kind.value, amount_minor,
                leg.left_minor, at, None, None, 0, AT_ONCE, None, None,
            )
        )  # fmt: skip
        return after

    def settle(self, leg: BankLeg, *, left_minor: int, refunded_minor: int) -> BankLeg:
        """Less of it stands than before."""
        return self._touch(leg, replace(leg, left_minor=left_minor, refunded_minor=refunded_minor))

    def touched(self, holder_id: int, number: int) -> BankLeg | None:
        """A leg as this batch left it, if it did anything to it."""
        return self._now.get((holder_id, number))

    @property
    def rows(self) -> LegRows:
        """All that is to be written."""
        steps: list[Row] = [
            (
                leg.holder_id, leg.number, self._was[name].value, leg.state.value,
                leg.left_minor, leg.refunded_minor, leg.notices,
            )
            for name, leg in self._now.items()
        ]  # fmt: skip
        return LegRows(self._new, steps, self._moves, self._notices)

    def _touch(self, before: BankLeg, after: BankLeg) -> BankLeg:
        name = before.holder_id, before.number
        self._was.setdefault(name, before.state)
        self._now[name] = after
        return after

    def _note(self, leg: BankLeg, event: str, why: str, at: datetime) -> None:
        self._moves.append((leg.holder_id, leg.number, leg.state.value, event, why, WHO, at))
