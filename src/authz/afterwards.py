"""Requests about a payment that was: reversals, captures, refunds, the end of holds. Pure.

Several candidates are as good as none: nothing moves, somebody must look (INTERFACE, originals).
"""

from collections.abc import Mapping

from msgspec import msgpack
from msgspec.structs import replace

from authz import aftermath
from authz.answering import answered, book_of, instant, move, refused
from authz.candidates import find_candidates
from authz.draft import Draft
from authz.outcomes import Outcome, ambiguous
from authz.requests import Kind, Request
from authz.state import Payment, Refund
from authz.taking_back import take_back
from authz.waiting import refer_to_waiting
from ledger.accounts import lot_account
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import Facts
from rules.late import cover_late
from rules.parameters import RefundMode, RefundOrder
from rules.rulebook import Rulebook

_decode_facts = msgpack.Decoder(Facts).decode


def refer(request: Request, draft: Draft, books: Mapping[str, Rulebook]) -> Outcome:
    """Answer a reversal, a cancel, a capture, a refund, or the expiry of a hold."""
    candidates = find_candidates(request, draft)
    if len(candidates) > 1:
        return ambiguous(request)
    if not candidates and (waits := refer_to_waiting(request, draft)) is not None:
        return waits
    if request.kind is Kind.REVERSAL:
        draft.lay_tombstones(request, found=bool(candidates))
    if not candidates:
        return _unknown(request)
    (found,) = candidates
    if isinstance(found, Refund):
        return take_back(request, draft, found, books)
    match request.kind:
        case Kind.REVERSAL:
            return _reverse(request, draft, found)
        case Kind.CANCEL:
            return _cancel(request, draft, found)
        case Kind.CAPTURE:
            return _capture(request, draft, found, books)
        case Kind.EXPIRY:
            return move(request, draft, found, aftermath.held_minor(found))
        case _:
            return _refund(request, draft, found, books)


def _unknown(request: Request) -> Outcome:
    return Outcome(Reason.ORIGINAL_NOT_FOUND, request.purchase.amount_minor)


def _reverse(request: Request, draft: Draft, payment: Payment) -> Outcome:
    """Always answered with approval, at most once effective (REV-01, REV-02)."""
    standing_minor = sum(leg.standing_minor for leg in aftermath.legs_of(payment))
    return move(request, draft, payment, max(0, standing_minor - request.new_total_minor))


def _cancel(request: Request, draft: Draft, payment: Payment) -> Outcome:
    """All that is held falls free, at most once; money that was taken is refunded (HLD-04)."""
    if payment.approved_minor == 0:
        return _unknown(request)
    if payment.kind is not Kind.HOLD or aftermath.is_captured(payment):
        return refused(request, draft, payment, Reason.INVALID_TRANSACTION)
    return move(request, draft, payment, aftermath.held_minor(payment))


def _capture(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    amount_minor = request.purchase.amount_minor
    if payment.approved_minor == 0:
        return _unknown(request)
    if payment.kind is not Kind.HOLD:  # it is posted already: the completion confirms it
        own = amount_minor in (payment.requested_minor, payment.approved_minor)
        if not (own and amount_minor):
            return refused(request, draft, payment, Reason.INVALID_AMOUNT)
        return move(request, draft, payment, 0)
    most_minor = aftermath.capturable_minor(payment)
    if aftermath.is_captured(payment) or not 0 < amount_minor <= most_minor:
        return refused(request, draft, payment, Reason.INVALID_AMOUNT)
    if aftermath.held_minor(payment):
        return move(request, draft, payment, amount_minor)
    if payment.reversed or not payment.facts:  # what has no facts any more is forgotten
        return _unknown(request)
    return _capture_late(request, draft, payment, books)


def _capture_late(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """HLD-03: the hold fell free; take it if funds and the original day's cap still allow."""
    purse, at = draft.purse(payment.holder_id), instant(request, draft)
    facts = _decode_facts(payment.facts)
    assert facts.account is not None, "an approved payment has its account"
    amount_minor = request.purchase.amount_minor
    book = books[facts.account.programme]
    now = replace(
        facts,
        now=at,
        purchase=replace(facts.purchase, amount_minor=amount_minor, partial_ok=False),
        lots=purse.lots_of(payment.account_no),
        usage=purse.usage(payment.account_no, per_person=book.cap_per_person),
        bank_open=False,
    )
    debits = cover_late(now, book, payment.day)
    if isinstance(debits, Reason):
        return refused(request, draft, payment, debits)
    number = draft.next_id()
    payable = payment.movements[0].credit_account
    moved = []
    for debit in debits:
        lot = lot_account(payment.holder_id, debit.lot_no)
        seq = purse.next_seq()
        moved.append(
            Transfer.direct(
                payment.holder_id, seq, lot, payable, debit.amount_minor, number, payment.day, at
            )
        )
        purse.move(moved[-1])
    draft.post_about(payment, moved)
    return answered(request, draft, payment, Reason.APPROVED, amount_minor, number, at)


def _refund(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """At most what was captured and not yet given back (REF-01), as the mode allows."""
    amount_minor = request.purchase.amount_minor
    posted_minor = aftermath.posted_minor(payment)
    if payment.approved_minor == 0:
        return _unknown(request)
    if not 0 < amount_minor <= posted_minor:
        return refused(request, draft, payment, Reason.INVALID_AMOUNT)
    at, book = instant(request, draft), book_of(draft, payment, books)
    if book is None:  # the issuer paid it, and no programme says how it may come back
        return move(request, draft, payment, amount_minor)
    parameters = book.on(at.date())
    whole = amount_minor == posted_minor  # of a hold, all that was captured of it
    same_day = at.date() == payment.day
    mode = parameters.refund_mode
    allowed = (
        mode is RefundMode.FULL_AND_PARTIAL
        or (mode is RefundMode.FULL_ONLY and whole)
        or (mode is RefundMode.CANCEL_ONLY and whole and same_day)
    )
    if not allowed:
        return refused(request, draft, payment, Reason.PARTIAL_NOT_SUPPORTED)
    bank_first = parameters.refund_order is RefundOrder.BANK_FIRST
    return move(request, draft, payment, amount_minor, bank_first=bank_first)
