"""How far a payment came: its totals and its state. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from authz.requests import Kind
from rules.decision import Reason

POSTED_AT_ONCE: Final = frozenset({Kind.PURCHASE, Kind.ADVICE})
"""Payments that are captured by their own approval (AUT-05, ADV-01)."""


class Step(Struct, frozen=True):
    """One answer about a payment, the payment's own included. `amount_minor` is what it moved.

    `number` is its own name under the holder, which its movements carry. `reason` is None while a
    payment waits for the bank.
    """

    kind: Kind
    at: datetime
    reason: Reason | None
    amount_minor: int
    number: int = 0


class Totals(Struct, frozen=True):
    """In cents; what was captured or reversed is not lowered by what comes back later.

    A refund that was itself reversed is no refund.
    """

    authorized_minor: int
    reversed_minor: int
    captured_minor: int
    refunded_minor: int


def totals_of(steps: Sequence[Step]) -> Totals:
    """Add the answers up; the first is the payment's own."""
    payment = steps[0]
    moved = dict.fromkeys(Kind, 0)
    for step in steps[1:]:
        moved[step.kind] += step.amount_minor
    captured = payment.amount_minor if payment.kind in POSTED_AT_ONCE else moved[Kind.CAPTURE]
    reversed_minor = moved[Kind.REVERSAL] + moved[Kind.CANCEL]
    refunded_minor = moved[Kind.REFUND] - moved[Kind.REFUND_REVERSAL]
    return Totals(payment.amount_minor, reversed_minor, captured, refunded_minor)


def state_of(steps: Sequence[Step], *, approved: bool) -> str:
    """The word of the outside for what the totals say."""
    totals = totals_of(steps)
    if not approved:
        return "DECLINED"
    reversed_minor, captured_minor = totals.reversed_minor, totals.captured_minor
    if totals.refunded_minor:
        return "PARTIALLY_REFUNDED" if refundable_minor(steps) else "REFUNDED"
    if moved_by(steps, Kind.CANCEL):
        return "CANCELLED"
    if moved_by(steps, Kind.EXPIRY) and not captured_minor:
        return "EXPIRED"
    if reversed_minor:
        if reversed_minor >= totals.authorized_minor:
            return "REVERSED"
        if not (captured_minor and steps[0].kind is Kind.HOLD):
            return "PARTIALLY_REVERSED"
        # A captured hold left what was not captured: only what came back afterwards counts.
        return "REVERSED" if _undone_after_capture(steps) >= captured_minor else "CAPTURED"
    # An account check pays nothing, and is done with its approval all the same.
    at_once = steps[0].kind in POSTED_AT_ONCE
    return "CAPTURED" if captured_minor or at_once else "AUTHORIZED"


def refundable_minor(steps: Sequence[Step]) -> int:
    """What was captured and did not come back yet, in cents."""
    totals = totals_of(steps)
    at_once = steps[0].kind in POSTED_AT_ONCE
    undone_minor = totals.reversed_minor if at_once else _undone_after_capture(steps)
    return max(0, totals.captured_minor - undone_minor - totals.refunded_minor)


def moved_by(steps: Sequence[Step], kind: Kind) -> int:
    """What the answers of one kind moved, in cents."""
    return sum(step.amount_minor for step in steps if step.kind is kind)


def _undone_after_capture(steps: Sequence[Step]) -> int:
    captured, undone_minor = False, 0
    for step in steps:
        captured = captured or (step.kind is Kind.CAPTURE and step.amount_minor > 0)
        if captured and step.kind is Kind.REVERSAL:
            undone_minor += step.amount_minor
    return undone_minor
