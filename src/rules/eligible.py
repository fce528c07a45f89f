"""The eligible amount: vouchers and top-up together never exceed it (ELI-01 to ELI-03)."""

from rules.case import Case
from rules.decision import Reason
from rules.words import euros


def subtotal_is_sent_where_required(case: Case) -> Reason | None:
    """Require the subtotal of a category that must send one (P-REQUIRE-SUBTOTAL)."""
    if case.facts.purchase.eligible_minor is not None:
        return None
    merchant, required = case.facts.merchant, case.parameters.require_subtotal_mccs
    missing = merchant is not None and merchant.mcc in required
    return Reason.NOTHING_ELIGIBLE if missing else None


def something_is_eligible(case: Case) -> Reason | None:
    """Require at least one cent that vouchers may pay."""
    return None if case.eligible_minor > 0 else Reason.NOTHING_ELIGIBLE


def tell_required(case: Case) -> str:
    """Say whether this category must send a subtotal."""
    merchant, required = case.facts.merchant, case.parameters.require_subtotal_mccs
    must = merchant is not None and merchant.mcc in required
    sent = "sent" if case.facts.purchase.eligible_minor is not None else "not sent"
    return f"a subtotal is {'required' if must else 'not required'} and was {sent}"


def tell_eligible(case: Case) -> str:
    """Say what of the amount is eligible, and the food rule of the day."""
    amount_minor = case.facts.purchase.amount_minor
    words = f"{euros(case.eligible_minor)} of {euros(amount_minor)} is eligible"
    if case.facts.purchase.eligible_minor is None:
        words += ", since no subtotal was sent"
    food = case.parameters.food.value.replace("_", " ").lower()
    return f"{words}; the merchant counts {food} ({case.parameters.sources['food']})"
