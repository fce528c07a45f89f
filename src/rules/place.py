"""The place: the workplace's department and its neighbours, if enforced (GEO-01, GEO-02)."""

from rules.case import Case
from rules.decision import Reason
from rules.facts import GeoScope
from rules.geography import may_be_used_in


def place_is_allowed(case: Case) -> Reason | None:
    """Require a merchant where the vouchers may be used; enforced only if P-GEO-BLOCK is on."""
    if not case.parameters.geo_block:
        return None
    place, merchant = case.facts.workplace, case.facts.merchant
    if place is None or merchant is None:
        return Reason.GEO_NOT_ALLOWED
    if place.geo_scope is GeoScope.FRANCE or may_be_used_in(place.department, merchant.department):
        return None
    return Reason.GEO_NOT_ALLOWED


def tell_place(case: Case) -> str:
    """Say both departments, the scope and whether anybody enforces it."""
    place, merchant = case.facts.workplace, case.facts.merchant
    where = "unknown" if merchant is None else merchant.department
    if place is None:
        words = f"workplace unknown, merchant in {where}"
    else:
        words = f"workplace {place.department}, {place.geo_scope.value}, merchant in {where}"
    return words + ("" if case.parameters.geo_block else "; not enforced (P-GEO-BLOCK off)")
