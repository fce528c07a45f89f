"""Clearing of a payment: what is held is taken, in time or late; the posted is confirmed. Pure."""

from collections.abc import Mapping

from msgspec import msgpack
from msgspec.structs import replace

from authz.decide import aftermath
from authz.decide.answering import answered, instant, move, refused
from authz.decide.draft import Draft
from authz.outcomes import DISPUTED, Outcome, unknown
from authz.requests import Kind, Request
from authz.state import Payment
from ledger.accounts import lot_account
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import Facts
from rules.late import cover_late
from rules.rulebook import Rulebook

_decode_facts = msgpack.Decoder(Facts).decode


def capture(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """Take a hold for at most its amount, once (HLD-01); a payment that is none is cleared."""
    amount_minor = request.purchase.amount_minor
    if payment.approved_minor == 0:
        return unknown(request)
    if payment.kind is not Kind.HOLD:  # it is posted already
        return _complete_posted(request, draft, payment, books)
    held, captured = aftermath.held_minor(payment) > 0, aftermath.is_captured(payment)
    if not (held or captured or _has_fallen_free(payment)):
        return unknown(request)
    if captured or not 0 < amount_minor <= aftermath.capturable_minor(payment):
        return refused(request, draft, payment, Reason.INVALID_AMOUNT)
    if held:
        return move(request, draft, payment, amount_minor)
    return _capture_late(request, draft, payment, books, amount_minor)


def confirm(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """An advice of a payment we approved: less releases the rest, more is for a dispute (ADV-03).

    It tells what the sale was, whatever was refunded of it since. A financial one takes what it
    finds held, or what fell free before it came (HLD-03).
    """
    told_minor = request.purchase.amount_minor
    if told_minor == payment.requested_minor:  # its DE4 may be what was asked, not approved
        told_minor = payment.approved_minor
    there_to_take = aftermath.held_minor(payment) or _has_fallen_free(payment)
    if request.completes and told_minor and there_to_take:
        return _take(replace(request, kind=Kind.CAPTURE), draft, payment, books, told_minor)
    standing_minor = aftermath.standing_minor(payment)
    most_minor = standing_minor + payment.refunded_minor
    less_minor = min(standing_minor, max(0, most_minor - told_minor))
    return move(request, draft, payment, less_minor, alarm=_dispute(told_minor, most_minor))


def _take(
    request: Request,
    draft: Draft,
    payment: Payment,
    books: Mapping[str, Rulebook],
    told_minor: int,
) -> Outcome:
    most_minor = aftermath.capturable_minor(payment)
    amount_minor, alarm = min(told_minor, most_minor), _dispute(told_minor, most_minor)
    if aftermath.held_minor(payment):
        return move(request, draft, payment, amount_minor, alarm=alarm)
    return _capture_late(request, draft, payment, books, amount_minor, alarm)


def _complete_posted(
    request: Request, draft: Draft, payment: Payment, books: Mapping[str, Rulebook]
) -> Outcome:
    """A completion of what was debited at once: clearing like any other (ADV-03).

    What asks us first, over HTTP, may be told that it names another amount.
    """
    amount_minor = request.purchase.amount_minor
    if amount_minor and request.completes:
        return confirm(replace(request, kind=Kind.ADVICE), draft, payment, books)
    if amount_minor and amount_minor in (payment.requested_minor, payment.approved_minor):
        return move(request, draft, payment, 0)
    return refused(request, draft, payment, Reason.INVALID_AMOUNT)


def _dispute(told_minor: int, most_minor: int) -> str:
    return DISPUTED if told_minor > most_minor else ""


def _has_fallen_free(payment: Payment) -> bool:
    """Whether it is a hold that nobody undid or took; one whose facts are gone is forgotten."""
    undone = payment.reversed or aftermath.is_captured(payment)
    free = payment.kind is Kind.HOLD and not aftermath.held_minor(payment)
    return free and not undone and bool(payment.facts)


def _capture_late(
    request: Request,
    draft: Draft,
    payment: Payment,
    books: Mapping[str, Rulebook],
    amount_minor: int,
    alarm: str = "",
) -> Outcome:
    """HLD-03: the hold fell free; take it if funds and the original day's cap still allow."""
    purse, at = draft.purse(payment.holder_id), instant(request, draft)
    facts = _decode_facts(payment.facts)
    assert facts.account is not None, "an approved payment has its account"
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
    return answered(request, draft, payment, Reason.APPROVED, amount_minor, number, at, alarm=alarm)
