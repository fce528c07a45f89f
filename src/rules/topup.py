"""The top-up: how much of a bill the linked bank card pays (TOP-01 to TOP-12)."""

from msgspec.structs import replace

from rules.case import Case
from rules.facts import CardStatus, Facts


def bank_share(case: Case, rest_minor: int, balance_minor: int, voucher_minor: int) -> int:
    """Return `b` in cents: of a rest above zero at most P-TOPUP-MAX a bill, or nothing."""
    if obstacle(case, balance_minor, voucher_minor) is not None:
        return 0
    return min(rest_minor, case.parameters.topup_max_minor)


def obstacle(case: Case, balance_minor: int, voucher_minor: int) -> str | None:
    """Return why the bank card may not help, or None: the first obstacle in words."""
    facts, parameters = case.facts, case.parameters
    assert facts.account is not None
    assert facts.card is not None
    top_up = facts.account.top_up
    if top_up is None or not top_up.enabled:
        return "the top-up is off"
    if not facts.bank_open:
        return "no bank can be asked"
    if not top_up.verified or top_up.expiry < parameters.month:
        return "the bank card is not verified or has expired (TOP-12)"
    if facts.purchase.channel not in parameters.topup_channels or not facts.card.conecs_logo:
        return "not in this channel or with this card (TOP-07)"
    if facts.card.status is not CardStatus.ACTIVE:
        return "a blocked card has no top-up (TOP-11)"
    if balance_minor < parameters.topup_min_balance_minor:
        return "the balance is below the minimum (TOP-02)"
    if voucher_minor == 0 and not parameters.topup_zero_voucher:
        return "vouchers pay nothing (TOP-04)"
    return None


def without_bank(facts: Facts) -> Facts:
    """Return the same facts with no bank to ask: deciding them drops the bank leg (TOP-10).

    The voucher leg never depends on the bank leg, so the decision takes the same debits, or
    declines and they are released.
    """
    return replace(facts, bank_open=False)
