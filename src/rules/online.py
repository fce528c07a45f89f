"""Online purchases: the holder's own proof, and the smallest amount worth a payment (API-05)."""

from rules.case import Case
from rules.decision import Reason
from rules.facts import Channel
from rules.words import euros


def holder_is_verified(case: Case) -> Reason | None:
    """Require, where a proof of the holder is wanted, one for this account, amount and instant."""
    return Reason.VERIFY_REQUIRED if _fault(case) is not None else None


def online_minimum_is_reached(case: Case) -> Reason | None:
    """Require P-ONLINE-MIN of eligible money online; in store there is no minimum."""
    if case.facts.purchase.channel is not Channel.ECOMMERCE:
        return None
    enough = case.eligible_minor >= case.parameters.online_min_minor
    return None if enough else Reason.INVALID_AMOUNT


def _fault(case: Case) -> str | None:
    """What is wrong with the proof, or None."""
    facts = case.facts
    if not facts.purchase.proof_wanted:
        return None
    proof, account = facts.purchase.proof, facts.account
    assert account is not None
    if proof is None:
        return "no proof of the holder for this merchant came with the request"
    if proof.account_id != account.account_id:
        return "the holder's proof is of another account"
    if facts.purchase.amount_minor > proof.amount_max_minor:
        return f"the holder agreed to {euros(proof.amount_max_minor)} at most"
    return "the holder's proof is out of date" if facts.now > proof.expires_at else None


def tell_proof(case: Case) -> str:
    """Say whether a proof is wanted and what it is worth."""
    if not case.facts.purchase.proof_wanted:
        return "no proof of the holder is wanted here"
    return _fault(case) or "the holder agreed to this account, merchant and amount"


def tell_minimum(case: Case) -> str:
    """Say the minimum and where it holds."""
    if case.facts.purchase.channel is not Channel.ECOMMERCE:
        return "there is no minimum in store"
    wanted = euros(case.parameters.online_min_minor)
    source = case.parameters.sources["online_min_minor"]
    return f"{euros(case.eligible_minor)} is eligible, online {wanted} is wanted ({source})"
