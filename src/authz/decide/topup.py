"""The bank leg of a payment: its states, what moves it, and what the bank must then be told. Pure.

Rule 1: everything that a leg may do stands in `TRANSITIONS`. A leg is *open* while the bank may yet
answer, *standing* while the bank card pays, *owed* while the bank has not acknowledged its end.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from msgspec import Struct


class LegState(Enum):
    """How far a leg came; the words of the outside."""

    RESERVED = "RESERVED"
    """Vouchers are set aside; nothing has left for the bank."""
    ASKED = "ASKED"
    """The question may have left: from here on the bank may have charged the card."""
    APPROVED = "APPROVED"
    """The bank card pays: at once, or held until the capture."""
    DECLINED = "DECLINED"
    """The bank said no, or was never asked."""
    UNKNOWN = "UNKNOWN"
    """The bank did not answer in time. Never an approval; undone until acknowledged."""
    REVERSAL_DUE = "REVERSAL_DUE"
    """The bank approved what shall not be: undone until acknowledged."""
    REVERSED = "REVERSED"
    """The bank has acknowledged that it charges nothing."""
    CAPTURED = "CAPTURED"
    """A held leg was completed."""
    REFUNDED = "REFUNDED"
    """The bank has acknowledged that all of it was given back."""


class Event(Enum):
    """What happens to a leg."""

    ASK = "ASK"
    APPROVE = "APPROVE"
    DECLINE = "DECLINE"
    DROP = "DROP"
    """Nothing left for the bank, and nothing will."""
    FALL_SILENT = "FALL_SILENT"
    UNDO = "UNDO"
    CAPTURE = "CAPTURE"
    ACKNOWLEDGE_REVERSAL = "ACKNOWLEDGE_REVERSAL"
    ACKNOWLEDGE_REFUND = "ACKNOWLEDGE_REFUND"


S, E = LegState, Event

TRANSITIONS: Final[Mapping[tuple[LegState, Event], LegState]] = {
    (S.RESERVED, E.ASK): S.ASKED,
    (S.RESERVED, E.DROP): S.DECLINED,
    (S.ASKED, E.APPROVE): S.APPROVED,
    (S.ASKED, E.DECLINE): S.DECLINED,
    (S.ASKED, E.FALL_SILENT): S.UNKNOWN,
    (S.ASKED, E.UNDO): S.REVERSAL_DUE,
    (S.UNKNOWN, E.ACKNOWLEDGE_REVERSAL): S.REVERSED,
    (S.APPROVED, E.UNDO): S.REVERSAL_DUE,
    (S.APPROVED, E.CAPTURE): S.CAPTURED,
    (S.APPROVED, E.ACKNOWLEDGE_REFUND): S.REFUNDED,
    (S.CAPTURED, E.UNDO): S.REVERSAL_DUE,
    (S.CAPTURED, E.ACKNOWLEDGE_REFUND): S.REFUNDED,
    (S.REVERSAL_DUE, E.ACKNOWLEDGE_REVERSAL): S.REVERSED,
}
"""From where, by what, to where. What is not here cannot happen."""

STANDING: Final = frozenset({S.APPROVED, S.CAPTURED})
OWED: Final = frozenset({S.UNKNOWN, S.REVERSAL_DUE})


class ImpossibleMove(Exception):
    """A leg was to do what no leg may: a fault of ours, not of the bank."""


def moved(state: LegState, event: Event) -> LegState:
    """The state after an event. Raises `ImpossibleMove` for what the table does not hold."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleMove(f"{event.value} in state {state.value}") from None


class NoticeKind(Enum):
    """What the bank is told, again and again, until it acknowledges it."""

    REVERSAL = "REVERSAL"
    """0420: the original stands for `left_minor` only, zero for none of it."""
    CAPTURE = "CAPTURE"
    """0220: a held leg is completed with `amount_minor`."""
    REFUND = "REFUND"
    """0200 with DE3 20: give `amount_minor` back."""


class BankLeg(Struct, frozen=True, gc=False):
    """The leg of a bank card as it stands, in cents.

    `amount_minor` is what the bank is asked for, `left_minor` what of it was not reversed, and
    `refunded_minor` what was given back of that. `notices` counts what the bank was told so far.
    """

    holder_id: int
    number: int
    state: LegState
    amount_minor: int
    left_minor: int
    refunded_minor: int = 0
    notices: int = 0

    @property
    def standing_minor(self) -> int:
        """What the bank card pays in the end."""
        return self.left_minor - self.refunded_minor


class BankWord(Enum):
    """What came of asking."""

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    SILENT = "SILENT"
    """Asked, and no answer in the budget, or the line broke: unknown."""
    NOT_ASKED = "NOT_ASKED"
    """Nothing left for the bank."""


ENDINGS: Final[Mapping[tuple[LegState, BankWord], Event]] = {
    (S.RESERVED, BankWord.NOT_ASKED): E.DROP,
    (S.ASKED, BankWord.DECLINED): E.DECLINE,
    (S.ASKED, BankWord.NOT_ASKED): E.DECLINE,
    (S.ASKED, BankWord.SILENT): E.FALL_SILENT,
    (S.ASKED, BankWord.APPROVED): E.UNDO,
}
"""How a leg ends that pays nothing, by its state and the bank's word.

An approval that comes too late, or of a payment that was reversed meanwhile, is undone.
"""
