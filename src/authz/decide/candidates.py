"""Which payments, and which refunds, a request is about, of all that its fields name. Pure.

What the state holds counts, and what this very batch has decided. Every candidate must agree with
what the request says of it (INTERFACE, originals).
"""

from authz.decide.answering import NO_ACCOUNT
from authz.decide.draft import Draft
from authz.decide.facts import find_credential
from authz.requests import PAYMENTS, Kind, Original, Request
from authz.state import Payment, PaymentName, Refund


def find_originals(request: Request, draft: Draft) -> list[Payment]:
    """The payments that the request names, by its surest way that names any, and that agree."""
    return [found for found in find_candidates(request, draft) if isinstance(found, Payment)]


def find_candidates(request: Request, draft: Draft) -> list[Payment | Refund]:
    """The same, and for a reversal the refunds that it may mean."""
    about = request.about
    assert about is not None, "who is about a payment says which"
    for names in _named(request, about, draft):
        known = (_known(request, draft, name) for name in names)
        found = [each for each in known if each and _agrees(request, each, draft)]
        if found:
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
    wanted = frozenset({Kind.REFUND}) if request.undoes_refund else PAYMENTS
    here = [
        (asked, (outcome.holder_id, outcome.authorization_id))
        for asked, outcome, _ in draft.decided_here
        if asked.kind in wanted
        and (asked.acquirer, asked.terminal) == (request.acquirer, request.terminal)
    ]
    read = draft.state.originals.get(request.key_hash, ())
    by_reference = {name for asked, name in here if about.rrn and asked.rrn == about.rrn}
    by_stan = {name for asked, name in here if asked.stan == about.stan}
    by_repeat = {name for asked, name in here if asked.repeat and asked.stan == about.first_stan}
    return [exact, {*read, *by_reference}, by_stan, by_repeat]


def _known(request: Request, draft: Draft, name: PaymentName) -> Payment | Refund | None:
    payment = payment_of(draft, name)
    if payment is None and request.kind is Kind.REVERSAL:
        return draft.refund(name)
    return payment


def _agrees(request: Request, found: Payment | Refund, draft: Draft) -> bool:
    """Whether amount, merchant and card are the candidate's own, as far as they are said."""
    about = request.about
    own_amounts: tuple[int | None, ...] = (None, found.requested_minor, found.approved_minor)
    if about is not None and about.amount_minor not in own_amounts:
        return False
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
