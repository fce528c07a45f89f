"""What became of a payment, in words: each answer about it and what that answer moved. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from authz.outcomes import APPROVALS
from authz.payments.progress import Step
from authz.requests import Kind
from ledger.accounts import House, is_lot
from ledger.transfers import Movement, Transfer
from rules.words import euros

DEEDS: Final = {
    Kind.CAPTURE: ("HLD-01", "the merchant captured"),
    Kind.CANCEL: ("HLD-04", "the merchant cancelled"),
    Kind.REVERSAL: ("REV-01, REV-02", "the acquirer reversed"),
    Kind.REFUND: ("REF-01 to REF-03", "the merchant refunded"),
    Kind.REFUND_REVERSAL: ("REF-01, REV-01", "the acquirer reversed a refund"),
    Kind.EXPIRY: ("HLD-03", "nobody captured in time"),
    Kind.ADVICE: ("ADV-01", "the acquirer confirmed"),
}


def tell(step: Step, movements: Sequence[Transfer]) -> tuple[str, str]:
    """The source of an answer about a payment, and its words; `movements` are all the payment's."""
    source, deed = DEEDS[step.kind]
    assert step.reason is not None, "who is about a payment is answered at once"
    if step.reason not in APPROVALS:
        return source, f"{deed}: refused, {step.reason.value}; nothing moved"
    effects = ", ".join(_effects(step, movements)) or "it changed nothing"
    days = {t.day for t in movements if t.authorization_id == step.number}
    counted = f"; it counts for {min(days)}" if days else ""
    return source, f"{deed}: {effects}{counted}"


def tell_wait(bank_minor: int) -> tuple[str, str]:
    """The source of a wait for the bank and its words; the amount is in cents."""
    return "TOP-10", f"the bank has not said yet whether it pays {euros(bank_minor)}"


def _effects(step: Step, movements: Sequence[Transfer]) -> Iterator[str]:
    own = [t for t in movements if t.authorization_id == step.number]
    if step.kind is Kind.REFUND_REVERSAL:
        yield from _taken_again(own)
        return
    holds = {t.seq: t.amount_minor for t in movements if t.kind == Movement.HOLD}
    settled = sum(holds.get(t.about_seq or 0, 0) for t in own if t.kind in _SETTLES)
    posted = sum(t.amount_minor for t in own if t.kind == Movement.POST)
    again = sum(t.amount_minor for t in own if t.kind == Movement.HOLD)
    late = sum(t.amount_minor for t in own if _is_late(t))
    back = sum(t.amount_minor for t in own if t.kind == Movement.DIRECT and t.about_seq)
    if posted:
        yield f"{euros(posted)} of {euros(settled)} that was held is taken"
    if late:
        yield f"{euros(late)} is taken anew, since the hold had fallen free"
    if free := settled - posted - again:
        yield f"{euros(free)} falls free"
    if again:
        yield f"{euros(again)} stays held"
    if back:
        yield f"{euros(back)} goes back"


def _taken_again(own: Sequence[Transfer]) -> Iterator[str]:
    lost = sum(t.amount_minor for t in own if t.debit_account == House.ISSUER_LOSS)
    if taken := sum(t.amount_minor for t in own) - lost:
        yield f"{euros(taken)} of it is taken again"
    if lost:
        yield f"{euros(lost)} is gone and is the issuer's loss"


_SETTLES: Final = (Movement.POST, Movement.VOID)


def _is_late(t: Transfer) -> bool:
    return t.kind == Movement.DIRECT and t.about_seq is None and is_lot(t.debit_account)
