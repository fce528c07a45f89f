"""The purchase itself: a payment in euros of a sensible amount (MER-04, ELI-06)."""

from rules.case import Case
from rules.decision import Reason
from rules.facts import EURO
from rules.words import euros

PURCHASE = "00"
CASH_OR_QUASI_CASH = frozenset({"01", "09", "17"})


def amount_is_not_negative(case: Case) -> Reason | None:
    """Require an amount of zero (an account check) or more."""
    return Reason.INVALID_AMOUNT if case.facts.purchase.amount_minor < 0 else None


def subtotal_is_not_negative(case: Case) -> Reason | None:
    """Require an eligible subtotal, if one was sent, of zero or more."""
    subtotal_minor = case.facts.purchase.eligible_minor
    return Reason.FORMAT if subtotal_minor is not None and subtotal_minor < 0 else None


def currency_is_euro(case: Case) -> Reason | None:
    """Require a payment in euros."""
    return None if case.facts.purchase.currency == EURO else Reason.TYPE_NOT_ALLOWED


def entry_is_allowed(case: Case) -> Reason | None:
    """Require a way of reading the card that this network may use: no track, no typed number."""
    return None if case.facts.purchase.entry_allowed else Reason.TYPE_NOT_ALLOWED


def type_is_purchase(case: Case) -> Reason | None:
    """Require a purchase: no cash or quasi-cash; anything else is not for this pipeline."""
    processing = case.facts.purchase.processing
    if processing == PURCHASE:
        return None
    if processing in CASH_OR_QUASI_CASH:
        return Reason.TYPE_NOT_ALLOWED
    return Reason.INVALID_TRANSACTION


def tell_amount(case: Case) -> str:
    """Say the amount asked."""
    return f"{euros(case.facts.purchase.amount_minor)} is asked"


def tell_subtotal(case: Case) -> str:
    """Say the subtotal sent."""
    subtotal_minor = case.facts.purchase.eligible_minor
    return "no subtotal" if subtotal_minor is None else f"subtotal {euros(subtotal_minor)}"


def tell_entry(case: Case) -> str:
    """Say how the card was read, and whether that may be."""
    purchase = case.facts.purchase
    if purchase.entry is None:
        return "not at a till"
    words = "may" if purchase.entry_allowed else "may not"
    return f"entry mode {purchase.entry} {words} be used by this acquirer"


def tell_currency(case: Case) -> str:
    """Say the currency."""
    return f"currency {case.facts.purchase.currency}, {EURO} is the euro"


def tell_type(case: Case) -> str:
    """Say the type."""
    return f"processing code {case.facts.purchase.processing}, {PURCHASE} is a purchase"
