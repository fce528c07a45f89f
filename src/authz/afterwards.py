"""Requests about a payment that was: reversals, captures, refunds, and advices. Pure.

Each finds its original among the payments that the state holds or this batch has just decided. More
than one candidate is as good as none (wire.md, originals): nothing moves and somebody must look.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import msgpack
from msgspec.structs import replace

from authz import aftermath
from authz.draft import Draft, Kept
from authz.facts import Found, facts_of, find_credential
from authz.ids import approval_code
from authz.outcomes import Outcome
from authz.requests import Kind, Original, Request
from authz.state import HOUSE_HOLDER, Payment, PaymentName
from authz.waiting import follow_leg, refer_to_waiting
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer
from rules.advice import Advised, post_advice
from rules.decision import Approved, Reason
from rules.facts import Account, AccountStatus, Facts
from rules.parameters import Parameters, RefundMode, RefundOrder
from rules.pipeline import decide
from rules.rulebook import Rulebook

PAYMENTS = frozenset({Kind.PURCHASE, Kind.HOLD, Kind.ADVICE})
NO_ACCOUNT = 0
"""The account of a payment by a card that nobody issued: it is booked under the house."""
_decode_facts = msgpack.Decoder(Facts).decode


def refer(request: Request, draft: Draft, books: Mapping[str, Rulebook]) -> Outcome:
    """Answer a reversal, a cancel, a capture, a refund, or the expiry of a hold."""
    candidates = find_originals(request, draft)
    amount_minor = request.purchase.amount_minor
    if len(candidates) > 1:
        return Outcome(Reason.ORIGINAL_NOT_FOUND, amount_minor, alarm="AMBIGUOUS_ORIGINAL")
    payment = candidates[0] if candidates else None
    if payment is None:
        if (waits := refer_to_waiting(request, draft)) is not None:
            return waits
        if request.kind is Kind.REVERSAL and request.about is not None:
            for key_hash in request.about.keys:
                draft.lay_tombstone(key_hash)
        return Outcome(Reason.ORIGINAL_NOT_FOUND, amount_minor)
    match request.kind:
        case Kind.REVERSAL:
            return _reverse(request, draft, payment)
        case Kind.CANCEL:
            return _cancel(request, draft, payment)
        case Kind.CAPTURE:
            return _capture(request, draft, payment, books)
        case Kind.EXPIRY:
            held_minor = aftermath.held_minor(payment)
            return _kept(request, draft, payment, Reason.APPROVED, held_minor)
        case _:
            return _refund(request, draft, payment, books)


def advise(
    request: Request, draft: Draft, books: Mapping[str, Rulebook], found: Found | None
) -> Outcome:
    """Take note of a payment that happened: confirm the one we approved, or post it (ADV-01)."""
    known = _advised_before(request, draft)
    if len(known) == 1:
        return _confirm(request, draft, known[0])
    if not known and (waits := refer_to_waiting(request, draft)) is not None:
        return waits
    at = draft.state.now or request.received_at
    if found is None:
        advised = Advised(at.date(), (), 0, request.purchase.amount_minor, ())
        kept = Kept(NO_ACCOUNT, advised.day)
        return _post_advice(request, draft, HOUSE_HOLDER, advised, kept, at)
    holder_id = draft.state.holder_of[request.card_ref]
    book = books[found.held.account.programme]
    facts = facts_of(request, draft.state, draft.purse(holder_id), found, book)
    month_day = None if request.about is None else request.about.month_day
    advised = post_advice(facts, book, month_day)
    kept = Kept(found.card.account_no, advised.day, 0, 0, book.version, facts)
    return _post_advice(request, draft, holder_id, advised, kept, at)


def _advised_before(request: Request, draft: Draft) -> list[Payment]:
    """The approved payments that an advice may tell of: of its amount, or of its very identity."""
    found = [payment for payment in find_originals(request, draft) if payment.approved_minor > 0]
    if found or request.about is None:
        return found
    # Another amount: only the payment's own STAN or key can say that it is the same (ADV-03).
    surely = replace(request.about, amount_minor=None, rrn=None)
    same = find_originals(replace(request, about=surely), draft)
    return [payment for payment in same if payment.approved_minor > 0]


def _confirm(request: Request, draft: Draft, payment: Payment) -> Outcome:
    """Clearing of a payment we approved: less releases the rest, more is for a dispute (ADV-03)."""
    standing_minor = sum(leg.standing_minor for leg in aftermath.legs_of(payment))
    told_minor = request.purchase.amount_minor
    if told_minor == payment.requested_minor:  # its DE4 may be what was asked, not approved
        told_minor = payment.approved_minor
    alarm = "ADVICE_ABOVE_PAYMENT" if told_minor > standing_minor else ""
    if request.completes and aftermath.held_minor(payment):
        captures = replace(request, kind=Kind.CAPTURE)
        taken_minor = min(told_minor, aftermath.held_minor(payment))
        return _kept(captures, draft, payment, Reason.APPROVED, taken_minor, alarm=alarm)
    less_minor = max(0, standing_minor - told_minor)
    return _kept(request, draft, payment, Reason.APPROVED, less_minor, alarm=alarm)


def find_originals(request: Request, draft: Draft) -> list[Payment]:
    """The payments that the request names, by its surest way that names any, and that agree."""
    about = request.about
    assert about is not None, "who is about a payment says which"
    for names in _named(request, about, draft):
        found = [p for name in names if (p := _payment(draft, name)) and _agrees(request, p, draft)]
        if found:
            return found
    return []


def _named(request: Request, about: Original, draft: Draft) -> list[set[PaymentName]]:
    """Candidates, the surest way of naming first; what this batch decided counts as well."""
    exact = {
        (kept.outcome.holder_id, kept.outcome.authorization_id)
        for key_hash in about.keys
        if (kept := draft.answers.get(key_hash)) is not None and kept.outcome.authorization_id
    }
    if about.name is not None:
        exact.add(about.name)
    here = [
        (asked, (outcome.holder_id, outcome.authorization_id))
        for asked, outcome, _ in draft.decided_here
        if asked.kind in PAYMENTS
        and (asked.acquirer, asked.terminal) == (request.acquirer, request.terminal)
    ]
    read = draft.state.originals.get(request.key_hash, ())
    by_reference = {name for asked, name in here if about.rrn and asked.rrn == about.rrn}
    by_stan = {name for asked, name in here if asked.stan == about.stan}
    return [exact, {*read, *by_reference}, by_stan]


def _payment(draft: Draft, name: PaymentName) -> Payment | None:
    return draft.payments.get(name) or draft.payment_decided_here(name)


def _agrees(request: Request, payment: Payment, draft: Draft) -> bool:
    """Whether amount, merchant and card are the payment's own, as far as the message says them."""
    about = request.about
    own_amounts = (None, payment.requested_minor, payment.approved_minor)
    if about is not None and about.amount_minor not in own_amounts:
        return False
    if request.kind is Kind.REFUND and request.mid not in ("", payment.mid):
        return False
    if not request.card_ref:
        return True
    if payment.account_no == NO_ACCOUNT:  # of a card that nobody issued
        return request.card_ref not in draft.state.holder_of
    if draft.state.holder_of.get(request.card_ref) != payment.holder_id:
        return False
    found = find_credential(draft.purse(payment.holder_id), request.card_ref)
    return found is not None and found.card.account_no == payment.account_no


def _reverse(request: Request, draft: Draft, payment: Payment) -> Outcome:
    """Always answered with approval, at most once effective (REV-01, REV-02)."""
    standing_minor = sum(leg.standing_minor for leg in aftermath.legs_of(payment))
    undone_minor = max(0, standing_minor - request.new_total_minor)
    return _kept(request, draft, payment, Reason.APPROVED, undone_minor)


def _cancel(request: Request, draft: Draft, payment: Payment) -> Outcome:
    """All that is held falls free, at most once; money that was taken is refunded (HLD-04)."""
    if payment.approved_minor == 0:
        return Outcome(Reason.ORIGINAL_NOT_FOUND, request.purchase.amount_minor)
    if payment.kind is not Kind.HOLD or aftermath.is_captured(payment):
        return _kept(request, draft, payment, Reason.INVALID_TRANSACTION, 0)
    held_minor = aftermath.held_minor(payment)
    return _kept(request, draft, payment, Reason.APPROVED, held_minor)


def _capture(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    amount_minor = request.purchase.amount_minor
    if payment.approved_minor == 0:
        return Outcome(Reason.ORIGINAL_NOT_FOUND, amount_minor)
    if amount_minor == 0:
        return _kept(request, draft, payment, Reason.INVALID_AMOUNT, 0)
    if payment.kind is not Kind.HOLD:  # it is posted already: the completion confirms it
        if amount_minor not in (payment.requested_minor, payment.approved_minor):
            return _kept(request, draft, payment, Reason.INVALID_AMOUNT, 0)
        return _kept(request, draft, payment, Reason.APPROVED, 0)
    held_minor = aftermath.held_minor(payment)
    if aftermath.is_captured(payment) or amount_minor > max(held_minor, payment.approved_minor):
        return _kept(request, draft, payment, Reason.INVALID_AMOUNT, 0)
    if held_minor == 0 and payment.reversed:
        return Outcome(Reason.ORIGINAL_NOT_FOUND, amount_minor)
    if held_minor == 0:
        return _capture_late(request, draft, payment, books)
    if amount_minor > held_minor:
        return _kept(request, draft, payment, Reason.INVALID_AMOUNT, 0)
    return _kept(request, draft, payment, Reason.APPROVED, amount_minor)


def _capture_late(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """HLD-03: the hold fell free; take it if funds and the original day's cap still allow."""
    purse = draft.purse(payment.holder_id)
    facts = _decode_facts(payment.facts)
    assert facts.account is not None, "an approved payment has its account"
    amount_minor = request.purchase.amount_minor
    book = books[facts.account.programme]
    decision = decide(
        replace(
            facts,
            purchase=replace(facts.purchase, amount_minor=amount_minor, partial_ok=False),
            lots=purse.lots_of(payment.account_no),
            usage=purse.usage(payment.account_no, per_person=book.cap_per_person),
            bank_open=False,
        ),
        book,
    )
    if not isinstance(decision, Approved):
        return _kept(request, draft, payment, decision.reason, 0)
    number, at = draft.next_id(), draft.state.now or request.received_at
    payable = payment.movements[0].credit_account
    moved = []
    for debit in decision.debits:
        lot = lot_account(payment.holder_id, debit.lot_no)
        seq = purse.next_seq()
        moved.append(
            Transfer.direct(
                payment.holder_id, seq, lot, payable, debit.amount_minor, number, payment.day, at
            )
        )
        purse.move(moved[-1])
    draft.post_about(payment, moved)
    return _answered(request, draft, payment, Reason.APPROVED, amount_minor, number, at)


def _refund(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """At most what was captured and not yet given back (REF-01), as the mode allows."""
    amount_minor = request.purchase.amount_minor
    posted_minor = aftermath.posted_minor(payment)
    if payment.approved_minor == 0:
        return Outcome(Reason.ORIGINAL_NOT_FOUND, amount_minor)
    if not 0 < amount_minor <= posted_minor:
        return _kept(request, draft, payment, Reason.INVALID_AMOUNT, 0)
    at = draft.state.now or request.received_at
    parameters = _parameters(draft, payment, books, at)
    whole = amount_minor == payment.approved_minor
    same_day = at.date() == payment.day
    mode = parameters.refund_mode
    allowed = (
        mode is RefundMode.FULL_AND_PARTIAL
        or (mode is RefundMode.FULL_ONLY and whole)
        or (mode is RefundMode.CANCEL_ONLY and whole and same_day)
    )
    if not allowed:
        return _kept(request, draft, payment, Reason.PARTIAL_NOT_SUPPORTED, 0)
    bank_first = parameters.refund_order is RefundOrder.BANK_FIRST
    return _kept(request, draft, payment, Reason.APPROVED, amount_minor, bank_first=bank_first)


def _parameters(
    draft: Draft, payment: Payment, books: Mapping[str, Rulebook], at: datetime
) -> Parameters:
    account = _account(draft, payment)
    return books[account.programme].on(at.date())


def _account(draft: Draft, payment: Payment) -> Account:
    profile = draft.purse(payment.holder_id).holder.profile
    return next(
        held.account for held in profile.accounts if held.account.account_no == payment.account_no
    )


def _is_closed(draft: Draft, payment: Payment) -> bool:
    if payment.account_no == NO_ACCOUNT:
        return False
    return _account(draft, payment).status is AccountStatus.CLOSED


def _kept(
    request: Request,
    draft: Draft,
    payment: Payment,
    reason: Reason,
    amount_minor: int,
    *,
    bank_first: bool = True,
    alarm: str = "",
) -> Outcome:
    """Move so much as the request's kind moves it, and keep the answer under the payment."""
    number, at = draft.next_id(), draft.state.now or request.received_at
    if amount_minor:
        purse = draft.purse(payment.holder_id)
        back_to = House.SUSPENSE if _is_closed(draft, payment) else None
        clerk = aftermath.Clerk(purse, number, at, back_to, bank_first)
        act = aftermath.capture if request.kind is Kind.CAPTURE else aftermath.undo
        draft.post_about(payment, act(payment, amount_minor, clerk))
        follow_leg(draft, request.kind, payment, at)
    if request.kind is Kind.CANCEL or (
        request.kind is Kind.REVERSAL and not request.new_total_minor
    ):
        draft.post_about(draft.payments.get(payment.name, payment), (), undone=True)
    return _answered(request, draft, payment, reason, amount_minor, number, at, alarm)


def _answered(
    request: Request,
    draft: Draft,
    payment: Payment,
    reason: Reason,
    amount_minor: int,
    number: int,
    at: datetime,
    alarm: str = "",
) -> Outcome:
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
    kept = Kept(payment.account_no, payment.day, left_minor, about=payment.number)
    return draft.keep(request, outcome, kept, at)


def _post_advice(
    request: Request, draft: Draft, holder_id: int, advised: Advised, kept: Kept, at: datetime
) -> Outcome:
    """Vouchers first, the rest on the issuer; an unknown merchant's money waits in suspense."""
    purse, number = draft.purse(holder_id), draft.next_id()
    merchant = draft.state.merchants.get((request.acquirer, request.mid))
    owed = House.SUSPENSE if merchant is None else payable_account(merchant.merchant_no)
    sides = [(lot_account(holder_id, d.lot_no), d.amount_minor) for d in advised.debits]
    if advised.loss_minor:
        sides.append((House.ISSUER_LOSS, advised.loss_minor))
    for account, amount_minor in sides:
        transfer = Transfer.direct(
            holder_id, purse.next_seq(), account, owed, amount_minor, number, advised.day, at
        )
        purse.move(transfer)
        draft.post(transfer)
    amount_minor = request.purchase.amount_minor
    outcome = Outcome(
        Reason.APPROVED,
        amount_minor,
        amount_minor,
        approval_code=approval_code(number),
        holder_id=holder_id,
        authorization_id=number,
        alarm=_alarm(advised),
    )
    if request.about is not None:  # its own request may still be on the way: that is this payment
        for key_hash in request.about.keys:
            draft.answer_as(key_hash, request, outcome)
    return draft.keep(request, outcome, kept, at)


def _alarm(advised: Advised) -> str:
    """What an offline payment broke (ADV-01): it cannot be refused, but it can be seen."""
    loss = ("ISSUER_LOSS",) if advised.loss_minor else ()
    return " ".join((*advised.overruns, *loss))
