"""What the rules answer: approved or declined, for which reason, by which rule."""

from datetime import date
from enum import Enum

from msgspec import Struct


class Reason(Enum):
    """Why a request was answered as it was: domain words, never response codes."""

    __hash__ = object.__hash__  # members are singletons; their own goes through the name

    APPROVED = "APPROVED"
    APPROVED_PARTIAL = "APPROVED_PARTIAL"
    UNKNOWN_CARD = "UNKNOWN_CARD"
    CARD_EXPIRED = "CARD_EXPIRED"
    CARD_BLOCKED = "CARD_BLOCKED"
    NOT_ACTIVATED = "NOT_ACTIVATED"
    TOKEN_SUSPENDED = "TOKEN_SUSPENDED"  # noqa: S105 - no password
    LOST = "LOST"
    STOLEN = "STOLEN"
    WRONG_PIN = "WRONG_PIN"
    PIN_TRIES = "PIN_TRIES"
    VERIFY_REQUIRED = "VERIFY_REQUIRED"
    SECURITY = "SECURITY"
    WRONG_CRYPTOGRAM = "WRONG_CRYPTOGRAM"
    TAP_REPLAYED = "TAP_REPLAYED"
    TYPE_NOT_ALLOWED = "TYPE_NOT_ALLOWED"
    MERCHANT_NOT_ELIGIBLE = "MERCHANT_NOT_ELIGIBLE"
    DAY_NOT_ALLOWED = "DAY_NOT_ALLOWED"
    GEO_NOT_ALLOWED = "GEO_NOT_ALLOWED"
    NOTHING_ELIGIBLE = "NOTHING_ELIGIBLE"
    PARTIAL_NOT_SUPPORTED = "PARTIAL_NOT_SUPPORTED"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    DAILY_CAP = "DAILY_CAP"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    INVALID_TRANSACTION = "INVALID_TRANSACTION"
    FORMAT = "FORMAT"
    DUPLICATE_CONFLICT = "DUPLICATE_CONFLICT"
    ORIGINAL_NOT_FOUND = "ORIGINAL_NOT_FOUND"
    REVERSED_BEFORE_REQUEST = "REVERSED_BEFORE_REQUEST"
    ISSUER_DOWN = "ISSUER_DOWN"
    SYSTEM = "SYSTEM"


class Debit(Struct, frozen=True, gc=False, array_like=True):
    """Voucher money taken from one lot, in cents, always positive."""

    lot_no: int
    vintage: int
    amount_minor: int


class Approved(Struct, frozen=True, gc=False):
    """The payment may be booked: `voucher_minor + bank_minor` is what is approved (TOP-14).

    `day` is `D`, the civil day it counts for; `debits` sum to `voucher_minor`, oldest first.
    `balance_minor` (`B`) and `usable_minor` (`min(B, H)`) are what is left afterwards. An account
    check (amount zero, ELI-06) is approved with nothing to book.
    """

    reason: Reason
    day: date
    eligible_minor: int
    voucher_minor: int
    bank_minor: int
    debits: tuple[Debit, ...]
    balance_minor: int
    usable_minor: int


class Declined(Struct, frozen=True, gc=False):
    """Nothing may be booked. `rule` names the rule that was broken.

    `day` is `D`, always known where the rules decided; None only for a decline made without them.
    """

    reason: Reason
    rule: str
    day: date | None = None
    eligible_minor: int = 0


Decision = Approved | Declined


class Step(Struct, frozen=True):
    """One step of the trace: the rule, the source it stands on, whether it held, in words why."""

    rule: str
    source: str
    held: bool
    words: str


class Trace(Struct, frozen=True):
    """The decision explained: every rule that was looked at, in order, and what it saw."""

    rulebook: str
    steps: tuple[Step, ...]
    decision: Decision
