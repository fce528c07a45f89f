"""Requests about a payment that was: reversals, captures, refunds, the end of holds. Pure.

Several candidates are as good as none: nothing moves, somebody must look (INTERFACE, originals).
"""

from collections.abc import Mapping
from datetime import date, datetime

from msgspec import msgpack
from msgspec.structs import replace

from authz.decide import aftermath
from authz.decide.answering import book_of, instant, move, refused
from authz.decide.candidates import find_candidates
from authz.decide.clearing import capture
from authz.decide.draft import Draft
from authz.decide.taking_back import take_back
from authz.decide.waiting import refer_to_waiting
from authz.outcomes import Outcome, ambiguous, unknown
from authz.requests import Kind, Request
from authz.state import Payment, Refund
from rules.case import open_case
from rules.decision import Reason
from rules.facts import Facts
from rules.geography import PARIS, civil_day
from rules.parameters import Parameters, RefundMode, RefundOrder
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
        return unknown(request)
    (found,) = candidates
    if isinstance(found, Refund):
        return take_back(request, draft, found, books)
    match request.kind:
        case Kind.REVERSAL:
            return _reverse(request, draft, found)
        case Kind.CANCEL:
            return _cancel(request, draft, found)
        case Kind.CAPTURE:
            return capture(request, draft, found, books)
        case Kind.EXPIRY:
            return move(request, draft, found, aftermath.held_minor(found))
        case _:
            return _refund(request, draft, found, books)


def _reverse(request: Request, draft: Draft, payment: Payment) -> Outcome:
    """Always answered with approval, at most once effective (REV-01, REV-02)."""
    standing_minor = aftermath.standing_minor(payment)
    return move(request, draft, payment, max(0, standing_minor - request.new_total_minor))


def _cancel(request: Request, draft: Draft, payment: Payment) -> Outcome:
    """All that is held falls free, at most once; money that was taken is refunded (HLD-04)."""
    if payment.approved_minor == 0:
        return unknown(request)
    if payment.kind is not Kind.HOLD or aftermath.is_captured(payment):
        return refused(request, draft, payment, Reason.INVALID_TRANSACTION)
    return move(request, draft, payment, aftermath.held_minor(payment))


def _refund(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """At most what was captured and not yet given back (REF-01), as the mode allows."""
    amount_minor = request.purchase.amount_minor
    posted_minor = aftermath.posted_minor(payment)
    if payment.approved_minor == 0:
        return unknown(request)
    if not 0 < amount_minor <= posted_minor:
        return refused(request, draft, payment, Reason.INVALID_AMOUNT)
    at, book = instant(request, draft), book_of(draft, payment, books)
    if book is None:  # the issuer paid it, and no programme says how it may come back
        return move(request, draft, payment, amount_minor)
    today, parameters = _today(payment, at, book)
    whole = amount_minor == posted_minor  # of a hold, all that was captured of it
    same_day = today == payment.day
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


def _today(payment: Payment, at: datetime, book: Rulebook) -> tuple[date, Parameters]:
    """The civil day of an instant where the payment's own was reckoned (DAY-01), and its rules.

    A payment whose facts are forgotten is long past: any legal time tells its day from today.
    """
    if not payment.facts:
        today = civil_day(at, PARIS)
        return today, book.on(today)
    case = open_case(replace(_decode_facts(payment.facts), now=at), book)
    return case.day, case.parameters
