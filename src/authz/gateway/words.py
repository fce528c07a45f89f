"""HTTP's words to our own: an online purchase, and the verbs about one, become Requests. Pure.

The card number has stopped at the edge: only its keyed reference comes here.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Final

from msgspec import Struct

from authz.payments.history import Payment
from authz.payments.progress import refundable_minor, totals_of, undone_minor
from authz.requests import Kind, Original, Request
from rules.facts import Channel, HolderProof, Purchase

NO_TERMINAL: Final = ""
"""The terminal of what came over HTTP. Its `rrn` is the merchant's order reference."""


class Category(Enum):
    """What a line of an order is; vouchers pay for food alone (L.3262-1, API-02)."""

    FOOD = "food"
    ALCOHOL = "alcohol"
    DELIVERY = "delivery"
    DEPOSIT = "deposit"
    TIP = "tip"
    OTHER = "other"


ELIGIBLE: Final = frozenset({Category.FOOD})


class Order(Struct, frozen=True):
    """An online purchase as the merchant asks it, in cents; a wallet's token has no expiry."""

    card_ref: bytes
    expiry: str | None
    acquirer: str
    mid: str
    amount_minor: int
    eligible_minor: int | None
    partial_ok: bool
    capture_later: bool
    order_ref: str
    proof_wanted: bool
    proof: HolderProof | None


class Envelope(Struct, frozen=True):
    """Under which key and content a request came, when (UTC), and how long it may wait."""

    key_hash: bytes
    fingerprint: bytes
    received_at: datetime
    deadline_s: float


class LinesDisagree(ValueError):
    """The lines of an order do not add up to what it says; the text says which."""


def eligible_of(
    amount_minor: int,
    subtotal_minor: int | None,
    lines: Sequence[tuple[Category, int]] | None,
) -> int | None:
    """The eligible subtotal, from the lines where there are any. Raises LinesDisagree."""
    if lines is None:
        return subtotal_minor
    if sum(minor for _, minor in lines) != amount_minor:
        raise LinesDisagree("the lines do not add up to the amount")
    food_minor = sum(minor for category, minor in lines if category in ELIGIBLE)
    if subtotal_minor is not None and subtotal_minor > food_minor:
        raise LinesDisagree("more is called eligible than the lines have of food")
    return food_minor if subtotal_minor is None else subtotal_minor


def to_purchase(order: Order, envelope: Envelope) -> Request:
    """The request of an online purchase: a hold, or with automatic capture a purchase (HLD-01)."""
    return _asked(
        Kind.HOLD if order.capture_later else Kind.PURCHASE,
        Purchase(
            order.amount_minor,
            order.eligible_minor,
            partial_ok=order.partial_ok,
            channel=Channel.ECOMMERCE,
            expiry=order.expiry,
            proof_wanted=order.proof_wanted,
            proof=order.proof,
        ),
        envelope,
        (order.acquirer, order.mid),
        order.order_ref,
        card_ref=order.card_ref,
        of_wallet=order.expiry is None,
    )


def to_verb(kind: Kind, payment: Payment, amount_minor: int, envelope: Envelope) -> Request:
    """The request of a capture, a cancel or a refund of this payment."""
    return _asked(
        kind,
        Purchase(amount_minor, channel=Channel.ECOMMERCE),
        envelope,
        (payment.acquirer, payment.mid),
        payment.rrn,
        about=Original(name=(payment.holder_id, payment.authorization_id)),
    )


def _asked(
    kind: Kind,
    purchase: Purchase,
    envelope: Envelope,
    merchant: tuple[str, str],
    rrn: str | None,
    *,
    card_ref: bytes = b"",
    of_wallet: bool = False,
    about: Original | None = None,
) -> Request:
    """What comes over HTTP: from no terminal, with no STAN; `merchant` by acquirer and number."""
    acquirer, mid = merchant
    return Request(
        kind,
        purchase,
        card_ref=card_ref,
        key_hash=envelope.key_hash,
        fingerprint=envelope.fingerprint,
        acquirer=acquirer,
        terminal=NO_TERMINAL,
        mid=mid,
        stan="",
        transmitted="",
        rrn=rrn,
        repeat=False,
        received_at=envelope.received_at,
        deadline_s=envelope.deadline_s,
        about=about,
        of_wallet=of_wallet,
    )


def whole_of(kind: Kind, payment: Payment) -> int:
    """What a verb without an amount means, in cents: all that is there for it, as last seen."""
    if kind is Kind.REFUND:
        return refundable_minor(payment.steps)
    if kind is Kind.CAPTURE:
        authorized_minor = totals_of(payment.steps).authorized_minor
        return authorized_minor - undone_minor(payment.steps) or authorized_minor
    return payment.requested_minor
