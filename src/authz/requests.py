"""What the road is asked: one payment, or what becomes of one, in our own words."""

from datetime import datetime
from enum import Enum
from typing import Final

from msgspec import Struct

from authz.decide.topup import BankWord
from rules.facts import Purchase, Tap


class Kind(Enum):
    """What is asked, and so what an approval does to the money."""

    __hash__ = object.__hash__  # members are singletons; their own goes through the name

    PURCHASE = "PURCHASE"
    """0200: debited at once (AUT-05)."""
    HOLD = "HOLD"
    """0100: held, to be captured later (HLD-01)."""
    INQUIRY = "INQUIRY"
    """0200 with DE3 31: how much could be spent; holds nothing (ENQ-01). Kept only where it
    moved a counter: the use of a chip, a wrong PIN."""
    REVERSAL = "REVERSAL"
    """0400 or 0420: undo a payment, or all of it but a new total (REV-01, REV-02)."""
    CANCEL = "CANCEL"
    """Let go of a hold that nobody captured; what was captured is refunded (HLD-04, API-03)."""
    CAPTURE = "CAPTURE"
    """0220 that names a hold: post it for at most its amount (HLD-01)."""
    REFUND = "REFUND"
    """0200 with DE3 20: give back money of a captured payment (REF-01)."""
    REFUND_REVERSAL = "REFUND_REVERSAL"
    """Our own word for a reversal that turned out to name a refund: the money is taken again."""
    ADVICE = "ADVICE"
    """0120, or 0220 that names none: it happened, post it (ADV-01)."""
    EXPIRY = "EXPIRY"
    """Our own: nobody captured a hold in time, what it holds falls free (HLD-03)."""
    FINISH = "FINISH"
    """Our own: the bank has spoken, or is waited for no more; settle what waits (TOP-10)."""


PAYMENTS: Final = frozenset({Kind.PURCHASE, Kind.HOLD, Kind.ADVICE})
"""What others may be about."""
COMPLETIONS: Final = frozenset({Kind.CAPTURE, Kind.ADVICE})
"""What may tell of a payment that is there already: to name it is to name the payment."""
ABOUT_A_PAYMENT: Final = frozenset(
    {Kind.REVERSAL, Kind.CANCEL, Kind.CAPTURE, Kind.REFUND, Kind.EXPIRY}
)
_CANNOT_BE_REFUSED: Final = frozenset({Kind.REVERSAL, Kind.FINISH})


TURNED_OUT: Final = {Kind.REVERSAL: Kind.REFUND_REVERSAL, Kind.ADVICE: Kind.CAPTURE}
"""As what a request may be kept instead of its own kind, once it is known what it is about.

Not the other way round: a 0120 of the same STAN is not the first sending of a completion.
"""


REFUND: Final = "20"
"""DE3 of a refund, and of what reverses one."""


class Original(Struct, frozen=True, gc=False):
    """How a message names the payment that it is about (INTERFACE, originals).

    The first way that names one wins: `name` (holder and number, from HTTP); `keys`, the exact
    identity; `rrn` with the terminal and, where given, `approval_code`; `stan` with the terminal
    and `month_day` (MMDD; without it, of the last 24 hours). `amount_minor`, where given, must be
    what the payment asked for. `first_stan` is the STAN of the exact identity: a payment may have
    come under another DE7 since, as the repeat of a message that was lost. `advised`: the identity
    is that of a message which tells what happened (DE90 names a 0120 or 0220).
    """

    name: tuple[int, int] | None = None
    keys: tuple[bytes, ...] = ()
    rrn: str | None = None
    approval_code: str | None = None
    stan: str | None = None
    month_day: str | None = None
    amount_minor: int | None = None
    first_stan: str | None = None
    advised: bool = False


class Request(Struct, frozen=True, gc=False):
    """One thing to decide. No card number comes this far: `card_ref` is its keyed digest.

    `card_ref` is empty where the message carries no card (it then names its original). `key_hash`
    is the identity under which the answer is kept and `fingerprint` what counts as its content
    (INTERFACE, request key). `received_at` is UTC; `deadline_s` is on the monotonic clock: nobody
    waits for the answer after it. `repeat` marks a message that says it was sent before. `about` is
    there for all that is about a payment; `new_total_minor` is what a reversal leaves (REV-02);
    `completes` marks a financial advice (0220), which takes what it finds held.
    `of_wallet` marks what came as the number of a wallet's token, which a card's number is not.
    `happened` marks a reversal that nobody can refuse any more (0420).
    `tap` is what a chip said, and was found to be; `pin_refs` is what might be kept of the PIN that
    came (empty: none could be read; None: none came) and is never written down.
    `bank` is the bank's word, of a FINISH; `late`: nobody waits for what it settles any more.
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
    about: Original | None = None
    new_total_minor: int = 0
    bank: BankWord | None = None
    late: bool = False
    completes: bool = False
    of_wallet: bool = False
    happened: bool = False
    tap: Tap | None = None
    pin_refs: tuple[bytes, ...] | None = None

    @property
    def undoes_refund(self) -> bool:
        """Whether it is a reversal that says of itself that it means a refund (DE3)."""
        return self.kind is Kind.REVERSAL and self.purchase.processing == REFUND

    @property
    def tells(self) -> bool:
        """Whether it says what happened already (0120, 0220), be it a sale or a refund."""
        return self.completes or self.kind in COMPLETIONS

    @property
    def refusable(self) -> bool:
        """Whether 91 would be an honest answer: not to a repeat, nor to what already happened."""
        return not (self.repeat or self.tells or self.kind in _CANNOT_BE_REFUSED)
