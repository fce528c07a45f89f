"""The merchant: agreed by the CNTR, affiliated, in France (MER-01 to MER-03, GEO-03)."""

from rules.case import Case
from rules.decision import Reason

FRANCE = "FR"


def merchant_is_known(case: Case) -> Reason | None:
    """Require a registered establishment; its MCC alone proves nothing (MER-01, MER-02)."""
    return Reason.MERCHANT_NOT_ELIGIBLE if case.facts.merchant is None else None


def merchant_is_in_france(case: Case) -> Reason | None:
    """Require a merchant in France, overseas included (GEO-03)."""
    merchant = case.facts.merchant
    assert merchant is not None
    return None if merchant.country == FRANCE else Reason.MERCHANT_NOT_ELIGIBLE


def merchant_is_eligible(case: Case) -> Reason | None:
    """Require affiliation and an agreement in force on the day, both ends included (MER-01)."""
    merchant = case.facts.merchant
    assert merchant is not None
    begin, end, day = merchant.agreement_from, merchant.agreement_to, case.day
    if merchant.affiliated and begin is not None and begin <= day and (end is None or day <= end):
        return None
    return Reason.MERCHANT_NOT_ELIGIBLE


def tell_known(case: Case) -> str:
    """Say whether anyone registered this merchant."""
    merchant = case.facts.merchant
    if merchant is None:
        return "no such merchant is registered"
    return f"a registered {merchant.merchant_class.value} in department {merchant.department}"


def tell_country(case: Case) -> str:
    """Say the country."""
    merchant = case.facts.merchant
    assert merchant is not None
    return f"country {merchant.country}"


def tell_agreement(case: Case) -> str:
    """Say affiliation, the dates of the agreement and what the MCC would suggest."""
    merchant = case.facts.merchant
    assert merchant is not None
    begin, end = merchant.agreement_from, merchant.agreement_to
    agreed = "no agreement" if begin is None else f"agreement {begin} to {end or 'further notice'}"
    listed = "on" if merchant.mcc in case.parameters.weak_mccs else "not on"
    return (
        f"{'affiliated' if merchant.affiliated else 'not affiliated'}, {agreed}, day {case.day}; "
        f"MCC {merchant.mcc} is {listed} the usual list, which decides nothing (MER-02)"
    )
