"""What the rules are shown of a request: credential, money and place, found in the state."""

from msgspec import Struct
from msgspec.structs import replace

from authz.decide.counters import demand_of
from authz.decide.purse import Purse
from authz.requests import Kind, Request
from authz.state import Credential, Employer, HolderAccount, Profile, State
from authz.wire.chip_data import DEFAULT_SEQUENCE
from rules.facts import Card, CryptogramCheck, Derogation, Facts, PinCheck, Tap, Token, Workplace
from rules.rulebook import Rulebook

ASKS_THE_BANK = frozenset({Kind.PURCHASE, Kind.HOLD})
"""Never an advice (ADV-01)."""


class Found(Struct, frozen=True, gc=False):
    """A presented credential: the card that pays, the token it came by, the account behind it."""

    card: Card
    token: Token | None
    held: HolderAccount
    credential: Credential


def find_credential(purse: Purse, card_ref: bytes, *, of_wallet: bool = False) -> Found | None:
    """The holder's credential of this reference.

    A card number that is called a wallet's token is nobody's: it would pay without its expiry.
    """
    profile = purse.holder.profile
    for credential in profile.credentials:
        if credential.card_ref == card_ref:
            mistaken = of_wallet and credential.token_id is None
            return None if mistaken else _found(profile, credential)
    return None


def _found(profile: Profile, credential: Credential) -> Found:
    card = profile.card(credential.card_id)
    token = None if credential.token_id is None else profile.token(credential.token_id)
    return Found(card, token, profile.account(card.account_no), credential)


def facts_of(request: Request, state: State, purse: Purse, found: Found, book: Rulebook) -> Facts:
    """The facts of one decision, as the batch stands when it is the request's turn."""
    employer = state.employers[found.held.employer_no]
    merchant = state.merchants.get((request.acquirer, request.mid))
    now = state.now or request.received_at
    account_no = found.card.account_no
    facts = Facts(
        now,
        request.purchase,
        found.card,
        found.token,
        found.held.account,
        _workplace(employer, found.held),
        _united(employer, found.held),
        None if merchant is None else merchant.facts,
        purse.lots_of(account_no),
        purse.usage(account_no, per_person=book.cap_per_person),
        bank_open=state.bank_open and request.kind in ASKS_THE_BANK,
    )
    if request.tap is None and request.pin_refs is None:
        return facts
    return _presented(facts, request, purse, found.credential)


def _workplace(employer: Employer, held: HolderAccount) -> Workplace:
    """The employer's establishment, with the scope that it gave this one employee (GEO-01)."""
    if held.geo_scope is None:
        return employer.workplace
    return replace(employer.workplace, geo_scope=held.geo_scope)


def _presented(facts: Facts, request: Request, purse: Purse, credential: Credential) -> Facts:
    """The same with what came beside the card number, and what was counted of it before."""
    counters, tap = purse.counters_of(credential.card_ref), _of_this_card(request.tap, facts)
    return replace(
        facts,
        tap=tap,
        window=counters.window,
        asked_again=tap is not None and counters.demand == demand_of(tap, request),
        pin=_pin(request.pin_refs, credential.pin_ref),
        pin_tries=counters.tries_in(credential.pin_round),
    )


def _of_this_card(tap: Tap | None, facts: Facts) -> Tap | None:
    """The tap, unless another card of this number made it: one before it, or one after.

    A good cryptogram leads to the key of the sequence number that came, not of this card.
    """
    if tap is None or facts.card is None:
        return tap
    own = DEFAULT_SEQUENCE if facts.token is not None else facts.card.psn
    return tap if tap.use.sequence == own else replace(tap, check=CryptogramCheck.OTHER_CARD)


def _pin(presented: tuple[bytes, ...] | None, kept: bytes | None) -> PinCheck | None:
    if presented is None:
        return None
    if kept is None:
        return PinCheck.NOT_SET
    if not presented:
        return PinCheck.UNREADABLE
    return PinCheck.RIGHT if kept in presented else PinCheck.WRONG


def _united(employer: Employer, held: HolderAccount) -> tuple[Derogation, ...]:
    return employer.derogations + held.derogations if held.derogations else employer.derogations
