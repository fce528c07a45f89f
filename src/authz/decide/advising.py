"""Advices: what happened already is confirmed where we approved it, and posted where not. Pure."""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from authz.decide.answering import NO_ACCOUNT, instant
from authz.decide.candidates import find_originals
from authz.decide.clearing import confirm
from authz.decide.counters import with_advised
from authz.decide.draft import Draft, Kept
from authz.decide.facts import Found, facts_of
from authz.decide.waiting import refer_to_waiting
from authz.ids import approval_code
from authz.outcomes import Outcome, ambiguous, overtaken
from authz.requests import Request
from authz.state import HOUSE_HOLDER, KeptAnswer, Payment
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer
from rules.advice import Advised, post_advice, post_unknown
from rules.decision import Reason
from rules.rulebook import Rulebook


def advise(
    request: Request, draft: Draft, books: Mapping[str, Rulebook], found: Found | None
) -> Outcome:
    """Take note of a payment that happened: confirm the one we approved, or post it (ADV-01).

    One that could be either of two is one of them: it is not posted as a third. One whose own
    request was reversed before it came is of a sale that stands no more.
    """
    known = _advised_before(request, draft)
    if len(known) > 1:
        return ambiguous(request)
    if known:
        return confirm(request, draft, known[0], books)
    if (waits := refer_to_waiting(request, draft)) is not None:
        return waits
    if _was_reversed(request, draft):
        return overtaken(request)
    at = instant(request, draft)
    month_day = None if request.about is None else request.about.month_day
    if found is None:
        place = draft.state.merchants.get((request.acquirer, request.mid))
        merchant = None if place is None else place.facts
        advised = post_unknown(at, request.purchase, merchant, month_day)
        kept = Kept(NO_ACCOUNT, advised.day)
        return _post_advice(request, draft, HOUSE_HOLDER, advised, kept, at)
    holder_id = draft.state.holder_of[request.card_ref]
    book = books[found.held.account.programme]
    purse = draft.purse(holder_id)
    facts = facts_of(request, draft.state, purse, found, book)
    if facts.tap is not None:
        purse.count(with_advised(purse.counters_of(request.card_ref), facts.tap))
    advised = post_advice(facts, book, month_day)
    kept = Kept(found.card.account_no, advised.day, 0, 0, book.version, facts)
    return _post_advice(request, draft, holder_id, advised, kept, at)


def _advised_before(request: Request, draft: Draft) -> list[Payment]:
    """The approved payments that an advice may tell of: of its amount, or of its very identity."""
    found = [payment for payment in find_originals(request, draft) if payment.approved_minor > 0]
    if found or request.about is None:
        return found
    # Another amount: only the payment's own STAN can say that it is the same (ADV-03).
    any_amount = replace(request, about=replace(request.about, amount_minor=None))
    same = (p for p in find_originals(any_amount, draft) if p.stan == request.about.first_stan)
    return [payment for payment in same if payment.approved_minor > 0]


def _was_reversed(request: Request, draft: Draft) -> bool:
    """Whether the payment of its very identity was to be undone before anything was booked."""
    keys = () if request.about is None else request.about.keys
    kept = (draft.answers.get(key_hash) for key_hash in keys)
    return any(k is not None and k.outcome.reason is Reason.REVERSED_BEFORE_REQUEST for k in kept)


def _post_advice(
    request: Request, draft: Draft, holder_id: int, advised: Advised, kept: Kept, at: datetime
) -> Outcome:
    """Vouchers first, the rest on the issuer; it is spent, whoever the merchant may be."""
    purse, number = draft.purse(holder_id), draft.next_id()
    merchant = draft.state.merchants.get((request.acquirer, request.mid))
    owed = House.UNREGISTERED if merchant is None else payable_account(merchant.merchant_no)
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
            draft.answer_as(key_hash, KeptAnswer(request.fingerprint, outcome))
    return draft.keep(request, outcome, kept, at)


def _alarm(advised: Advised) -> str:
    """What an offline payment broke (ADV-01): it cannot be refused, but it can be seen."""
    loss = ("ISSUER_LOSS",) if advised.loss_minor else ()
    return " ".join((*advised.overruns, *loss))
