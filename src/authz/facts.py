"""What the rules are shown of a request: credential, money and place, found in the state."""

from msgspec import Struct

from authz.purse import Purse
from authz.requests import Kind, Request
from authz.state import Credential, Employer, HolderAccount, Profile, State
from rules.facts import Card, Derogation, Facts, Token
from rules.rulebook import Rulebook

ASKS_THE_BANK = frozenset({Kind.PURCHASE, Kind.HOLD})
"""Never an advice (ADV-01)."""


class Found(Struct, frozen=True, gc=False):
    """A presented credential: the card that pays, the token it came by, the account behind it."""

    card: Card
    token: Token | None
    held: HolderAccount


def find_credential(purse: Purse, card_ref: bytes) -> Found | None:
    """The holder's credential of this reference."""
    profile = purse.holder.profile
    for credential in profile.credentials:
        if credential.card_ref == card_ref:
            return _found(profile, credential)
    return None


def _found(profile: Profile, credential: Credential) -> Found:
    (card,) = [card for card in profile.cards if card.card_id == credential.card_id]
    token = None
    if credential.token_id is not None:
        (token,) = [token for token in profile.tokens if token.token_id == credential.token_id]
    (held,) = [h for h in profile.accounts if h.account.account_no == card.account_no]
    return Found(card, token, held)


def facts_of(request: Request, state: State, purse: Purse, found: Found, book: Rulebook) -> Facts:
    """The facts of one decision, as the batch stands when it is the request's turn."""
    employer = state.employers[found.held.employer_no]
    merchant = state.merchants.get((request.acquirer, request.mid))
    now = state.now or request.received_at
    account_no = found.card.account_no
    return Facts(
        now,
        request.purchase,
        found.card,
        found.token,
        found.held.account,
        employer.workplace,
        _united(employer, found.held),
        None if merchant is None else merchant.facts,
        purse.lots_of(account_no),
        purse.usage(account_no, per_person=book.cap_per_person),
        bank_open=state.bank_open and request.kind in ASKS_THE_BANK,
    )


def _united(employer: Employer, held: HolderAccount) -> tuple[Derogation, ...]:
    return employer.derogations + held.derogations if held.derogations else employer.derogations
