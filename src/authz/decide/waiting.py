"""Requests about a payment that still waits for the bank, and what becomes of its leg later. Pure.

A reversal of all of it marks the payment and is answered; whoever settles it undoes both legs.
Everything else has to wait too (ARCHITECTURE, corner 4): what there is to reduce is not known yet.
"""

from datetime import datetime
from typing import Final

from msgspec import msgpack
from msgspec.structs import replace

from authz.decide import aftermath
from authz.decide.draft import Draft, Kept
from authz.decide.topup import BankLeg, Event, NoticeKind
from authz.ids import approval_code
from authz.outcomes import Outcome, later
from authz.requests import Kind, Original, Request
from authz.state import Payment, PaymentName, Pending
from rules.decision import Reason

_decode_request: Final = msgpack.Decoder(Request).decode


def refer_to_waiting(request: Request, draft: Draft) -> Outcome | None:
    """The answer of a request about a payment that waits, or None where it is about none."""
    about = request.about
    assert about is not None, "who is about a payment says which"
    for sent, name in draft.reserved_here:
        if _agrees(request, about, sent) and _names(about, sent, request):
            return later(name)
    found = [
        pending
        for name in _read(request, about, draft)
        if (pending := draft.pending.get(name)) is not None
        and _agrees(request, about, _decode_request(pending.request))
    ]
    if len(found) != 1:
        return None
    if request.kind in (Kind.REVERSAL, Kind.CANCEL) and not request.new_total_minor:
        return _mark(request, draft, found[0])
    return later(found[0].name)


def _names(about: Original, sent: Request, request: Request) -> bool:
    """Whether a request of this very batch is the one that is meant."""
    if sent.key_hash in about.keys:
        return True
    if (sent.acquirer, sent.terminal) != (request.acquirer, request.terminal):
        return False
    return (about.rrn is not None and sent.rrn == about.rrn) or (
        about.stan is not None and sent.stan == about.stan
    )


def _read(request: Request, about: Original, draft: Draft) -> set[PaymentName]:
    names = set(draft.state.originals.get(request.key_hash, ()))
    if about.name is not None:
        names.add(about.name)
    for key_hash in about.keys:
        kept = draft.answers.get(key_hash)
        if kept is not None and kept.undecided:
            names.add((kept.outcome.holder_id, kept.outcome.authorization_id))
    return names


def _agrees(request: Request, about: Original, sent: Request) -> bool:
    """Whether amount and card are the payment's own, as far as the message says them.

    An advice of another amount is of this payment where it has its STAN (ADV-03).
    """
    cleared = request.kind is Kind.ADVICE and sent.stan == about.first_stan
    if not cleared and about.amount_minor not in (None, sent.purchase.amount_minor):
        return False
    return not request.card_ref or request.card_ref == sent.card_ref


def _mark(request: Request, draft: Draft, pending: Pending) -> Outcome:
    """Answered with approval; nothing moves before the bank is known."""
    number, at = draft.next_id(), draft.state.now or request.received_at
    draft.purse(pending.leg.holder_id)  # the mark stands on this holder's version
    draft.mark_reversed(pending)
    outcome = Outcome(
        Reason.APPROVED,
        request.purchase.amount_minor,
        approval_code=approval_code(number),
        holder_id=pending.leg.holder_id,
        authorization_id=number,
    )
    return draft.keep(
        request, outcome, Kept(pending.account_no, None, about=pending.leg.number), at
    )


def follow_leg(draft: Draft, kind: Kind, before: Payment, at: datetime) -> None:
    """Let the bank's leg follow what has just moved of a payment, and the bank be told."""
    after = draft.payments[before.name]
    leg = before.leg
    was_minor, now_minor = (aftermath.bank_minor(each.movements) for each in (before, after))
    if leg is None:
        return
    if kind is Kind.CAPTURE and now_minor:
        leg = _captured(draft, leg, now_minor, at)
    elif kind is Kind.REFUND and now_minor < was_minor:
        back_minor = was_minor - now_minor
        refunded_minor = leg.refunded_minor + back_minor
        leg = draft.legs.settle(leg, left_minor=leg.left_minor, refunded_minor=refunded_minor)
        leg = draft.legs.tell(leg, NoticeKind.REFUND, back_minor, at)
    elif now_minor < was_minor:
        left_minor = leg.left_minor - (was_minor - now_minor)
        leg = draft.legs.settle(leg, left_minor=left_minor, refunded_minor=leg.refunded_minor)
        if now_minor == 0:
            leg = draft.legs.move(leg, Event.UNDO, f"{kind.value.lower()} of all of it", at)
        leg = draft.legs.tell(leg, NoticeKind.REVERSAL, 0, at)
    draft.payments[before.name] = replace(after, leg=leg)


def _captured(draft: Draft, leg: BankLeg, now_minor: int, at: datetime) -> BankLeg:
    leg = draft.legs.settle(leg, left_minor=now_minor, refunded_minor=leg.refunded_minor)
    leg = draft.legs.move(leg, Event.CAPTURE, "the hold was captured", at)
    return draft.legs.tell(leg, NoticeKind.CAPTURE, now_minor, at)
