"""The end of a payment that waited for the bank: both legs, or what is left without it. Pure.

The bank's yes, in time: both legs are booked. Its no, or silence: the rules decide again as if
there were no bank (TOP-10). Too late, or reversed meanwhile: nothing stands.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import msgpack

from authz.decide.draft import Draft, Kept
from authz.decide.purse import Purse
from authz.decide.topup import ENDINGS, OWED, BankWord, Event, LegState, NoticeKind
from authz.outcomes import Outcome, outcome_of
from authz.requests import Kind, Request
from authz.state import Pending
from ledger.accounts import House, payable_account
from ledger.transfers import Transfer
from rules.decision import Approved, Reason
from rules.facts import Facts
from rules.pipeline import decide
from rules.rulebook import Rulebook
from rules.topup import without_bank

_decode_request: Final = msgpack.Decoder(Request).decode
_decode_facts: Final = msgpack.Decoder(Facts).decode

NOT_IN_TIME: Final = "answered_in_time"
"""The rule that a payment breaks whose answer nobody waits for."""


def finish(request: Request, draft: Draft, books: Mapping[str, Rulebook]) -> Outcome:
    """Settle a payment; its answer is kept under its own key, this request's only says that it was.

    `request.about` names the payment and `request.bank` is the bank's word; without one it was left
    behind by a process that is gone, and what was asked may have been heard.
    """
    assert request.about is not None, "a finish says which payment"
    assert request.about.name is not None, "and says it by name"
    pending = draft.pending.get(request.about.name)
    if pending is None:
        return Outcome(Reason.ORIGINAL_NOT_FOUND)
    asked, facts = _decode_request(pending.request), _decode_facts(pending.facts)
    at = draft.state.now or request.received_at
    approved = _word(request, pending) is BankWord.APPROVED
    if approved and not request.late and not pending.reversed:
        draft.legs.move(pending.leg, Event.APPROVE, "the bank approves", at)
        return _end(request, draft, pending, asked, facts, at, books)
    _drop_leg(request, draft, pending, at)
    return _end(request, draft, pending, asked, without_bank(facts), at, books)


def _word(request: Request, pending: Pending) -> BankWord:
    if request.bank is not None:
        return request.bank
    asked = pending.leg.state is not LegState.RESERVED
    return BankWord.SILENT if asked else BankWord.NOT_ASKED


def _drop_leg(request: Request, draft: Draft, pending: Pending, at: datetime) -> None:
    """The bank card pays nothing; what the bank may have charged is reversed."""
    word = _word(request, pending)
    why = f"the bank's word: {word.value}"
    if pending.reversed:
        why += ", reversed meanwhile"
    elif request.late:
        why += ", nobody waits any more"
    leg = draft.legs.settle(pending.leg, left_minor=0, refunded_minor=0)
    leg = draft.legs.move(leg, ENDINGS[leg.state, word], why, at)
    if leg.state in OWED:
        draft.legs.tell(leg, NoticeKind.REVERSAL, 0, at)


def _end(
    request: Request,
    draft: Draft,
    pending: Pending,
    asked: Request,
    facts: Facts,
    at: datetime,
    books: Mapping[str, Rulebook],
) -> Outcome:
    """Decide on the facts, with the bank's leg or without; book it and keep the answer."""
    assert facts.account is not None, "only a known account waits for its bank"
    holder_id, number = pending.name
    purse, book = draft.purse(holder_id), books[facts.account.programme]
    decision = decide(facts, book)
    outcome = outcome_of(decision, asked, holder_id, number)
    undone = _undone(request, pending)
    if undone is not None:
        amount_minor = asked.purchase.amount_minor
        outcome = Outcome(
            undone, amount_minor, holder_id=holder_id, authorization_id=number, rule=NOT_IN_TIME
        )
    bank_minor = 0
    for transfer in _vouchers(purse, pending, asked, number, at, pays=outcome.approved):
        draft.post(transfer)
    if outcome.approved and isinstance(decision, Approved):
        bank_minor = decision.bank_minor
        if bank_minor:
            draft.post(_bank_leg(draft, purse, pending, asked, decision, at))
    del draft.pending[pending.name]
    kept = Kept(
        pending.account_no, decision.day, decision.eligible_minor, bank_minor, book.version, facts
    )
    return draft.keep(asked, outcome, kept, facts.now, under=request)


def _undone(request: Request, pending: Pending) -> Reason | None:
    if pending.reversed:
        return Reason.REVERSED_BEFORE_REQUEST
    return Reason.ISSUER_DOWN if request.late else None


def _vouchers(
    purse: Purse, pending: Pending, asked: Request, number: int, at: datetime, *, pays: bool
) -> Iterator[Transfer]:
    """Post what is held, or let it fall free; a hold that is approved stays one (HLD-01)."""
    if pays and asked.kind is Kind.HOLD:
        return
    for hold in pending.holds:
        seq = purse.next_seq()
        if pays:
            transfer = Transfer.post(hold, seq, hold.amount_minor, number, at)
        else:
            transfer = Transfer.void(hold, seq, number, at)
        purse.move(transfer, hold.amount_minor)
        yield transfer


def _bank_leg(
    draft: Draft,
    purse: Purse,
    pending: Pending,
    asked: Request,
    decision: Approved,
    at: datetime,
) -> Transfer:
    """The bank card's part: what the bank owes us, owed on to the merchant; no voucher (TOP-13)."""
    holder_id, number = pending.name
    merchant = draft.state.merchants[asked.acquirer, asked.mid]
    make = Transfer.hold if asked.kind is Kind.HOLD else Transfer.direct
    return make(
        holder_id, purse.next_seq(), House.BANK_RECEIVABLE, payable_account(merchant.merchant_no),
        decision.bank_minor, number, decision.day, at,
    )  # fmt: skip
