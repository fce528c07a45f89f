"""The answer of a request about a payment: what it moves is booked, and it is kept. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from authz.decide import aftermath
from authz.decide.draft import Draft, Kept
from authz.decide.waiting import follow_leg
from authz.ids import approval_code
from authz.outcomes import Outcome
from authz.requests import Kind, Request
from authz.state import Payment
from ledger.accounts import House
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import Account, AccountStatus
from rules.rulebook import Rulebook

NO_ACCOUNT: Final = 0
"""The account of a payment by a card that nobody issued: it is booked under the house."""
Act = Callable[[Payment, int, aftermath.Clerk], Iterable[Transfer]]


def move(
    request: Request,
    draft: Draft,
    payment: Payment,
    amount_minor: int,
    *,
    bank_first: bool = True,
    alarm: str = "",
) -> Outcome:
    """Approve, and move so much as the request's kind moves it."""
    number, at = draft.next_id(), instant(request, draft)
    if amount_minor:
        purse = draft.purse(payment.holder_id)
        back_to = House.SUSPENSE if _is_closed(draft, payment) else None
        clerk = aftermath.Clerk(purse, number, at, back_to, bank_first)
        act: Act = aftermath.capture if request.kind is Kind.CAPTURE else aftermath.undo
        draft.post_about(payment, act(payment, amount_minor, clerk))
        follow_leg(draft, request.kind, payment, at)
        if request.kind is Kind.REFUND:
            draft.count_refund(payment.name, amount_minor)
    if request.kind in (Kind.REVERSAL, Kind.CANCEL):
        now = draft.payments.get(payment.name, payment)
        draft.payments[payment.name] = _left(now, request.new_total_minor)
    return answered(request, draft, payment, Reason.APPROVED, amount_minor, number, at, alarm=alarm)


def refused(request: Request, draft: Draft, payment: Payment, reason: Reason) -> Outcome:
    """Nothing moves, for this reason; the answer is kept under the payment."""
    at = instant(request, draft)
    return answered(request, draft, payment, reason, 0, draft.next_id(), at)


def answered(
    request: Request,
    draft: Draft,
    payment: Payment,
    reason: Reason,
    amount_minor: int,
    number: int,
    at: datetime,
    *,
    about: int | None = None,
    alarm: str = "",
) -> Outcome:
    """Keep the answer `number`.

    `about` is the number of the answer that this one refers to, where that is not the payment.
    """
    approved = reason is Reason.APPROVED
    draft.purse(payment.holder_id)  # the answer stands on this holder's version
    outcome = Outcome(
        reason,
        request.purchase.amount_minor,
        amount_minor,
        approval_code=approval_code(number) if approved else None,
        holder_id=payment.holder_id,
        authorization_id=number,
        alarm=alarm,
    )
    # Of a reversal, what it leaves standing is kept where a payment has what is eligible.
    left_minor = request.new_total_minor
    kept = Kept(payment.account_no, payment.day, left_minor, about=about or payment.number)
    return draft.keep(request, outcome, kept, at)


def instant(request: Request, draft: Draft) -> datetime:
    """When it happens, UTC: by the test clock where one is set."""
    return draft.state.now or request.received_at


def book_of(draft: Draft, payment: Payment, books: Mapping[str, Rulebook]) -> Rulebook | None:
    """The rulebook of the payment's programme; None for a card that nobody issued."""
    if payment.account_no == NO_ACCOUNT:
        return None
    return books[_account(draft, payment).programme]


def _left(payment: Payment, left_minor: int) -> Payment:
    """The payment with no more than so much of it to stand."""
    before_minor = payment.ceiling_minor
    ceiling_minor = left_minor if before_minor is None else min(before_minor, left_minor)
    return replace(payment, ceiling_minor=ceiling_minor)


def _account(draft: Draft, payment: Payment) -> Account:
    return draft.purse(payment.holder_id).holder.profile.account(payment.account_no).account


def _is_closed(draft: Draft, payment: Payment) -> bool:
    if payment.account_no == NO_ACCOUNT:
        return False
    return _account(draft, payment).status is AccountStatus.CLOSED
