"""The money: how an amount is shared between vouchers and bank card, and whether that is enough."""

from msgspec import Struct

from rules.cap import headroom, used_on
from rules.case import Case
from rules.days import is_open
from rules.decision import Reason
from rules.facts import Lot
from rules.topup import bank_share
from rules.vouchers import usable_lots


class Payment(Struct, frozen=True, gc=False):
    """`B`, cap, `U(D)`, `H`, `v` and `b`, in cents (RULES, steps 11 to 13).

    On a `closed` day the bank card alone may pay (P-TOPUP-ON-BLOCKED-DAY).
    """

    lots: tuple[Lot, ...]
    balance_minor: int
    cap_minor: int
    used_minor: int
    headroom_minor: int
    voucher_minor: int
    bank_minor: int
    closed: bool


def share(case: Case) -> Payment:
    """Share the eligible amount: vouchers within cap and balance, then the bank card."""
    facts, eligible_minor = case.facts, case.eligible_minor
    lots = usable_lots(facts.lots, case.work_day, case.work_parameters)
    balance_minor = 0
    for lot in lots:
        balance_minor += lot.available_minor
    cap_minor = case.parameters.cap[case.merchant_class]
    used_minor = used_on(facts.usage, case.day)
    headroom_minor = headroom(cap_minor, used_minor)
    # Elsewhere a closed day ends the decision before the money (DAY-03).
    closed = case.parameters.topup_on_blocked_day and not is_open(case)
    voucher_minor = 0 if closed else min(eligible_minor, headroom_minor, balance_minor)
    rest_minor = eligible_minor - voucher_minor
    bank_minor = bank_share(case, rest_minor, balance_minor, voucher_minor) if rest_minor else 0
    return Payment(
        lots,
        balance_minor,
        cap_minor,
        used_minor,
        headroom_minor,
        voucher_minor,
        bank_minor,
        closed,
    )


def amount_is_covered(case: Case, payment: Payment) -> Reason | None:
    """Require that everything is paid, or that the terminal accepts a part (AUT-04)."""
    purchase, paid_minor = (
        case.facts.purchase,
        payment.voucher_minor + payment.bank_minor,
    )
    if paid_minor == purchase.amount_minor or purchase.partial_ok:
        return None
    return shortfall(case, payment)


def something_is_paid(case: Case, payment: Payment) -> Reason | None:
    """Require that at least one cent is paid."""
    if payment.voucher_minor + payment.bank_minor > 0:
        return None
    return shortfall(case, payment)


def shortfall(case: Case, payment: Payment) -> Reason:
    """Name the tightest limit (RULES, the steps of a decision)."""
    if payment.closed:
        return Reason.DAY_NOT_ALLOWED
    paid_minor = payment.voucher_minor + payment.bank_minor
    if payment.balance_minor == 0:
        return Reason.INSUFFICIENT_BALANCE
    if case.eligible_minor < case.facts.purchase.amount_minor and paid_minor == case.eligible_minor:
        return Reason.PARTIAL_NOT_SUPPORTED
    if payment.headroom_minor <= payment.balance_minor:
        return Reason.DAILY_CAP
    return Reason.INSUFFICIENT_BALANCE
