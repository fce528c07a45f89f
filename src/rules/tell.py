"""The money steps of a trace, in words: lots, cap, vouchers, bank card, outcome."""

from rules.case import Case
from rules.decision import Reason, Step
from rules.facts import Lot, Origin
from rules.payment import Payment
from rules.topup import obstacle
from rules.words import euros


def account_check() -> Step:
    """Tell that an amount of zero only verifies the account."""
    words = "amount 0.00: the account is verified, nothing is booked, on any day at any merchant"
    return Step("account_check", "ELI-06", True, words)


def sharing(case: Case, payment: Payment) -> list[Step]:
    """Tell how the eligible amount was shared."""
    return [
        _lots(case, payment),
        _cap(case, payment),
        _vouchers(case, payment),
        _bank(case, payment),
    ]


def outcome(name: str, case: Case, payment: Payment, reason: Reason | None) -> Step:
    """Tell whether what is paid suffices."""
    purchase, paid_minor = (
        case.facts.purchase,
        payment.voucher_minor + payment.bank_minor,
    )
    accepts = "accepts" if purchase.partial_ok else "does not accept"
    words = (
        f"{euros(paid_minor)} of {euros(purchase.amount_minor)} is paid; "
        f"the terminal {accepts} a partial approval"
    )
    if reason is not None:
        words += f"; {reason.value}"
    return Step(name, "AUT-03, AUT-04", reason is None, words)


def _lots(case: Case, payment: Payment) -> Step:
    lots = ", ".join(_lot(lot) for lot in payment.lots) or "none"
    words = f"usable on {case.work_day}, first spent first: {lots}; {euros(payment.balance_minor)}"
    return Step("vouchers_are_usable", "VIN-02 to VIN-06, R.3262-5", bool(payment.lots), words)


def _lot(lot: Lot) -> str:
    exchanged = " by exchange" if lot.origin is Origin.EXCHANGE else ""
    return f"lot {lot.lot_no} of {lot.vintage}{exchanged} {euros(lot.available_minor)}"


def _cap(case: Case, payment: Payment) -> Step:
    words = (
        f"cap {euros(payment.cap_minor)} of {case.day}, used {euros(payment.used_minor)}, "
        f"headroom {euros(payment.headroom_minor)}"
    )
    source = case.parameters.sources[f"cap.{case.merchant_class.value}"]
    return Step("cap_leaves_headroom", f"CAP-01; {source}", payment.headroom_minor > 0, words)


def _vouchers(case: Case, payment: Payment) -> Step:
    words = (
        f"vouchers pay {euros(payment.voucher_minor)}, the least of eligible "
        f"{euros(case.eligible_minor)}, headroom {euros(payment.headroom_minor)} and balance "
        f"{euros(payment.balance_minor)}"
    )
    return Step("vouchers_pay", "CAP-04", payment.voucher_minor > 0, words)


def _bank(case: Case, payment: Payment) -> Step:
    rest_minor = case.eligible_minor - payment.voucher_minor
    name, source = "bank_card_pays_the_rest", "TOP-01 to TOP-12"
    if rest_minor == 0:
        return Step(name, source, True, "nothing is left for the bank card")
    words = f"{euros(rest_minor)} is left, the bank card pays {euros(payment.bank_minor)}"
    if why := obstacle(case, payment.balance_minor, payment.voucher_minor):
        words += f": {why}"
    elif payment.bank_minor < rest_minor:
        words += f", the most for one bill ({case.parameters.sources['topup_max_minor']})"
    return Step(name, source, payment.bank_minor == rest_minor, words)
