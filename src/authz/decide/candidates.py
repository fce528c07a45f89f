"""Which payments, and which refunds, a request is about, of all that its fields name. Pure.

What the state holds counts, and what this very batch has decided. Every candidate must agree with
what the request says of it (INTERFACE, originals).
"""

from authz.decide.answering import NO_ACCOUNT
from authz.decide.draft import Draft
from authz.decide.facts import find_credential
from authz.requests import Kind, Original, Request
from authz.state import Completion, Payment, PaymentName, Refund


def find_originals(request: Request, draft: Draft) -> list[Payment]:
    """The payments that the request names, by its surest way that names any, and that agree."""
    return [found for found in find_candidates(request, draft) if isinstance(found, Payment)]


def find_candidates(request: Request, draft: Draft) -> list[Payment | Refund]:
    """The same, and for a reversal the refunds that it may mean."""
    about = request.about
    assert about is not None, "who is about a payment says which"
    for names in _named(request, about, draft):
        if found := [each for name in names if (each := _meant(request, draft, name))]:
            return found
    return []


def payment_of(draft: Draft, name: PaymentName) -> Payment | None:
    """A payment as this batch has left it so far."""
    return draft.payments.get(name) or draft.payment_decided_here(name)


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
        for asked, outcome, kept in draft.decided_here
        if (asked.kind is Kind.REFUND if request.undoes_refund else kept.is_payment(asked.kind))
        and (asked.acquirer, asked.terminal) == (request.acquirer, request.terminal)
    ]
    read = draft.state.originals.get(request.key_hash, ())
    by_reference = {name for asked, name in here if about.rrn and asked.rrn == about.rrn}
    by_stan = {name for asked, name in here if asked.stan == about.stan}
    by_repeat = {name for asked, name in here if asked.repeat and asked.stan == about.first_stan}
    return [exact, {*read, *by_reference}, by_stan, by_repeat]


def _meant(request: Request, draft: Draft, name: PaymentName) -> Payment | Refund | None:
    """What stands under the name, if it agrees with the request; of a completion its payment."""
    told = draft.completion(name)
    found: Payment | Refund | None = payment_of(draft, told.payment if told else name)
    if found is None and request.kind is Kind.REVERSAL:
        found = draft.refund(name)
    if found is None or not _is_amount_of(request, found, told):
        return None
    return found if _agrees(request, found, draft) else None


def _is_amount_of(request: Request, *said: Payment | Refund | Completion | None) -> bool:
    """Whether the amount, if the request says one, was asked or approved by any of these."""
    assert request.about is not None, "who is about a payment says which"
    own_amounts = {
        amount for each in said if each for amount in (each.requested_minor, each.approved_minor)
    }
    return request.about.amount_minor is None or request.about.amount_minor in own_amounts


def _agrees(request: Request, found: Payment | Refund, draft: Draft) -> bool:
    """Whether merchant and card are the candidate's own, as far as they are said."""
    payment = found if isinstance(found, Payment) else payment_of(draft, found.payment)
    assert payment is not None, "a refund was read with its payment"
    if request.kind is Kind.REFUND and request.mid not in ("", payment.mid):
        return False
    return not request.card_ref or _paid_with(request.card_ref, payment, draft)


def _paid_with(card_ref: bytes, payment: Payment, draft: Draft) -> bool:
    """Whether the card is one of the account that paid: it may have been replaced (REF-05)."""
    if payment.account_no == NO_ACCOUNT:  # of a card that nobody issued
        return card_ref not in draft.state.holder_of
    if draft.state.holder_of.get(card_ref) != payment.holder_id:
        return False
    found = find_credential(draft.purse(payment.holder_id), card_ref)
    return found is not None and found.card.account_no == payment.account_no
