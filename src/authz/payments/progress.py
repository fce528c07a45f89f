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

    A refund that was itself reversed is no refund. What was cleared for less was captured for less.
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
    posted_minor = payment.amount_minor if _is_at_once(steps) else moved[Kind.CAPTURE]
    captured_minor = posted_minor - _given_back(steps, Kind.ADVICE)
    reversed_minor = moved[Kind.REVERSAL] + moved[Kind.CANCEL]
    refunded_minor = moved[Kind.REFUND] - moved[Kind.REFUND_REVERSAL]
    return Totals(payment.amount_minor, reversed_minor, captured_minor, refunded_minor)


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
        if undone_minor(steps) >= totals.authorized_minor:
            return "REVERSED"
        if not (captured_minor and steps[0].kind is Kind.HOLD):
            return "PARTIALLY_REVERSED"
        # A captured hold left what was not captured: only what came back afterwards counts.
        return "REVERSED" if _given_back(steps, Kind.REVERSAL) >= captured_minor else "CAPTURED"
    # An account check pays nothing, and is done with its approval all the same.
    return "CAPTURED" if captured_minor or _is_at_once(steps) else "AUTHORIZED"


def refundable_minor(steps: Sequence[Step]) -> int:
    """What was captured and did not come back yet, in cents."""
    totals = totals_of(steps)
    reversed_minor = _given_back(steps, Kind.REVERSAL)
    return max(0, totals.captured_minor - reversed_minor - totals.refunded_minor)


def undone_minor(steps: Sequence[Step]) -> int:
    """What was let go of or given back and is no refund, in cents."""
    return totals_of(steps).reversed_minor + moved_by(steps[1:], Kind.ADVICE)


def moved_by(steps: Sequence[Step], kind: Kind) -> int:
    """What the answers of one kind moved, in cents."""
    return sum(step.amount_minor for step in steps if step.kind is kind)


def _is_at_once(steps: Sequence[Step]) -> bool:
    return steps[0].kind in POSTED_AT_ONCE


def _given_back(steps: Sequence[Step], kind: Kind) -> int:
    """What the answers of one kind gave back of what was captured, in cents."""
    captured, back_minor = _is_at_once(steps), 0
    for step in steps[1:]:
        captured = captured or (step.kind is Kind.CAPTURE and step.amount_minor > 0)
        if captured and step.kind is kind:
            back_minor += step.amount_minor
    return back_minor
