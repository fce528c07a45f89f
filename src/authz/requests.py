"""What the road is asked: one card payment in our own words, whoever brought it."""

from datetime import datetime
from enum import Enum

from msgspec import Struct

from rules.facts import Purchase


class Kind(Enum):
    """What an approval does to the money."""

    PURCHASE = "PURCHASE"
    """0200: debited at once (AUT-05)."""
    HOLD = "HOLD"
    """0100: held, to be captured later (HLD-01)."""


class Request(Struct, frozen=True, gc=False):
    """One payment to decide. No card number comes this far: `card_ref` is its keyed digest.

    `key_hash` is the identity under which the answer is kept and `fingerprint` what counts as its
    content (wire.md, request key). `received_at` is UTC; `deadline_s` is on the monotonic clock:
    nobody waits for the answer after it. `repeat` marks a message that says it was sent before.
    """

    kind: Kind
    purchase: Purchase
    card_ref: bytes
    key_hash: bytes
    fingerprint: bytes
    acquirer: str
    terminal: str
    mid: str
    stan: str
    transmitted: str
    rrn: str | None
    repeat: bool
    received_at: datetime
    deadline_s: float
