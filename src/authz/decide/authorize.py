"""THE HEART: requests and what is known in, outcomes and what to write out. Pure.

Requests are decided in the order of their arrival, each seeing what the ones before it did. The
rules decide; this module turns their decision into movements of the books.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from authz.decide.advising import advise
from authz.decide.afterwards import refer
from authz.decide.counters import after
from authz.decide.draft import Draft, Kept
from authz.decide.facts import Found, facts_of, find_credential
from authz.decide.finishing import finish
from authz.decide.news import top_up_missed
from authz.decide.purse import Purse
from authz.decide.writes import Writes
from authz.outcomes import Outcome, outcome_of, overtaken
from authz.requests import ABOUT_A_PAYMENT, Kind, Request
from authz.state import KeptAnswer, State
from ledger.accounts import lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Approved, Decision, Reason
from rules.facts import Facts
from rules.pipeline import decide
from rules.rulebook import Rulebook


class Verdict(Struct, frozen=True):
    """The answers, one for each request in its order, and what makes them true."""

    outcomes: list[Outcome]
    writes: Writes


def authorize(
    requests: Sequence[Request],
    state: State,
    books: Mapping[str, Rulebook],
    next_id: Callable[[], int],
) -> Verdict:
    """Decide a batch.

    `books` maps a programme to its rulebook; `next_id` names new authorizations. Raises only for
    faults of ours (a holder that the state lacks, a programme without a rulebook).
    """
    draft = Draft(state, next_id)
    outcomes = [_answer(request, draft, books) for request in requests]
    return Verdict(outcomes, draft.writes())


def _answer(request: Request, draft: Draft, books: Mapping[str, Rulebook]) -> Outcome:
    """AUT-01: the same key first, then the credential, then the rules."""
    kept = draft.answers.get(request.key_hash) or draft.sent_before(request)
    if kept is not None:
        return _replay(request, kept)
    if request.kind is Kind.FINISH:
        return finish(request, draft, books)
    if request.kind in ABOUT_A_PAYMENT:
        return refer(request, draft, books)
    holder_id = draft.state.holder_of.get(request.card_ref)
    purse = None if holder_id is None else draft.purse(holder_id)
    found = None
    if purse is not None:
        found = find_credential(purse, request.card_ref, of_wallet=request.of_wallet)
    if request.kind is Kind.ADVICE:
        return advise(request, draft, books, found)
    if purse is None or found is None:
        return _refused(request, Reason.UNKNOWN_CARD, "card_is_known")
    return _decide(request, draft, purse, found, books)


def _decide(
    request: Request, draft: Draft, purse: Purse, found: Found, books: Mapping[str, Rulebook]
) -> Outcome:
    book = books[found.held.account.programme]
    facts = facts_of(request, draft.state, purse, found, book)
    decision = decide(facts, book)
    number = draft.next_id()
    outcome = outcome_of(decision, request, purse.holder.holder_id, number)
    counted = _count(request, purse, found, facts, decision)
    # It holds nothing, and its answer is out of date at once; but nothing is counted twice.
    if request.kind is Kind.INQUIRY and not counted:
        return outcome
    account_no = found.card.account_no
    if type(decision) is Approved and request.kind is not Kind.INQUIRY:
        # While the bank is asked the vouchers are set aside, and there is no answer yet (TOP-10).
        hold = request.kind is Kind.HOLD or decision.bank_minor > 0
        _book(request, draft, purse, account_no, decision, number, facts.now, hold=hold)
        if decision.bank_minor:
            return draft.reserve(request, number, decision.bank_minor, account_no, facts)
    if found.held.account.top_up is not None and (news := top_up_missed(facts, decision, book)):
        draft.tell_holder(purse.holder.holder_id, account_no, news, facts)
    kept = Kept(account_no, decision.day, decision.eligible_minor, 0, book.version, facts)
    return draft.keep(request, outcome, kept, facts.now)


def _count(request: Request, purse: Purse, found: Found, facts: Facts, decision: Decision) -> bool:
    """Count the use of a chip and the try of a PIN, approved or not; whether any counter moved."""
    if facts.tap is None and facts.pin is None:
        return False
    before, counters = purse.counters, purse.counters_of(request.card_ref)
    purse.count(after(counters, found.credential.pin_round, request, facts, decision))
    return purse.counters is not before


def _book(
    request: Request,
    draft: Draft,
    purse: Purse,
    account_no: int,
    decision: Approved,
    number: int,
    at: datetime,
    *,
    hold: bool,
) -> None:
    """One movement per lot, from the lot to what we owe the merchant."""
    if not decision.debits:
        return
    make = Transfer.hold if hold else Transfer.direct
    payable = payable_account(draft.state.merchants[request.acquirer, request.mid].merchant_no)
    holder_id, day = purse.holder.holder_id, decision.day
    for debit in decision.debits:
        lot_no, amount_minor = debit.lot_no, debit.amount_minor
        purse.take(account_no, lot_no, amount_minor, day, hold=hold)
        lot, seq = lot_account(holder_id, lot_no), purse.next_seq()
        draft.post(make(holder_id, seq, lot, payable, amount_minor, number, day, at))


def _replay(request: Request, kept: KeptAnswer) -> Outcome:
    """AUT-06: the stored answer for the same content, a conflict for another.

    A tombstone stops whatever comes under its identity; what cannot be refused is heard.
    """
    stored = kept.outcome
    if stored.reason is Reason.REVERSED_BEFORE_REQUEST and request.tells:
        return overtaken(request)
    if stored.reason is Reason.REVERSED_BEFORE_REQUEST:
        return _refused(request, stored.reason, "not_reversed_before")
    if kept.fingerprint != request.fingerprint:
        return _refused(request, Reason.DUPLICATE_CONFLICT, "key_has_one_content")
    if kept.undecided:
        return stored
    return replace(stored, replayed=True, alarm="")


def _refused(request: Request, reason: Reason, rule: str) -> Outcome:
    """An answer that is not kept."""
    return Outcome(reason, requested_minor=request.purchase.amount_minor, rule=rule)
