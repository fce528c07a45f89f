"""The states of cards and tokens, and what leads from one to another (CRD-02, TOK-01). Pure.

Everything that moves a state machine stands in the two tables here; what they do not list is a
`StateMismatch`.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from msgspec.structs import replace

from authz.refusal import Refused
from authz.state import Credential, Profile
from rules.facts import Card, CardStatus, OpposedAs, Token, TokenStatus


class CardAction(Enum):
    """What may be done to a card."""

    ACTIVATE = "ACTIVATE"
    BLOCK = "BLOCK"
    UNBLOCK = "UNBLOCK"
    OPPOSE = "OPPOSE"
    REPLACE = "REPLACE"
    """Another card is on its way; this one goes on until that is activated (CRD-04)."""
    SUPERSEDE = "SUPERSEDE"
    """The other card was activated."""
    CHANGE_PIN = "CHANGE_PIN"
    UNBLOCK_PIN = "UNBLOCK_PIN"


class TokenAction(Enum):
    """What may be done to a token."""

    ACTIVATE = "ACTIVATE"
    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    DELETE = "DELETE"
    ATTEST = "ATTEST"
    """Its phone proved that it is itself (TOK-08)."""
    FAIL_ATTESTATION = "FAIL_ATTESTATION"


_C, _T = CardStatus, TokenStatus

FINAL: Final = frozenset({_C.OPPOSED, _C.EXPIRED, _C.REPLACED})
"""States in which a card never pays again (CRD-02)."""

CARD_LIFE: Final[Mapping[tuple[CardStatus, CardAction], CardStatus]] = {
    (_C.ISSUED, CardAction.ACTIVATE): _C.ACTIVE,
    (_C.ACTIVE, CardAction.BLOCK): _C.BLOCKED,
    (_C.BLOCKED, CardAction.UNBLOCK): _C.ACTIVE,
    (_C.ISSUED, CardAction.OPPOSE): _C.OPPOSED,
    (_C.ACTIVE, CardAction.OPPOSE): _C.OPPOSED,
    (_C.BLOCKED, CardAction.OPPOSE): _C.OPPOSED,
    (_C.ACTIVE, CardAction.REPLACE): _C.ACTIVE,
    (_C.BLOCKED, CardAction.REPLACE): _C.BLOCKED,
    (_C.OPPOSED, CardAction.REPLACE): _C.OPPOSED,
    (_C.EXPIRED, CardAction.REPLACE): _C.EXPIRED,
    (_C.ISSUED, CardAction.SUPERSEDE): _C.REPLACED,
    (_C.ACTIVE, CardAction.SUPERSEDE): _C.REPLACED,
    (_C.BLOCKED, CardAction.SUPERSEDE): _C.REPLACED,
    (_C.EXPIRED, CardAction.SUPERSEDE): _C.REPLACED,
    (_C.OPPOSED, CardAction.SUPERSEDE): _C.OPPOSED,
    (_C.ISSUED, CardAction.CHANGE_PIN): _C.ISSUED,
    (_C.ACTIVE, CardAction.CHANGE_PIN): _C.ACTIVE,
    (_C.ISSUED, CardAction.UNBLOCK_PIN): _C.ISSUED,
    (_C.ACTIVE, CardAction.UNBLOCK_PIN): _C.ACTIVE,
}
TOKEN_LIFE: Final[Mapping[tuple[TokenStatus, TokenAction], TokenStatus]] = {
    (_T.REQUESTED, TokenAction.ACTIVATE): _T.ACTIVE,
    (_T.ACTIVE, TokenAction.SUSPEND): _T.SUSPENDED,
    (_T.SUSPENDED, TokenAction.RESUME): _T.ACTIVE,
    (_T.REQUESTED, TokenAction.DELETE): _T.DELETED,
    (_T.ACTIVE, TokenAction.DELETE): _T.DELETED,
    (_T.SUSPENDED, TokenAction.DELETE): _T.DELETED,
    (_T.REQUESTED, TokenAction.ATTEST): _T.REQUESTED,
    (_T.ACTIVE, TokenAction.ATTEST): _T.ACTIVE,
    (_T.SUSPENDED, TokenAction.ATTEST): _T.SUSPENDED,
    (_T.REQUESTED, TokenAction.FAIL_ATTESTATION): _T.REQUESTED,
    (_T.ACTIVE, TokenAction.FAIL_ATTESTATION): _T.ACTIVE,
    (_T.SUSPENDED, TokenAction.FAIL_ATTESTATION): _T.SUSPENDED,
}
ATTESTS: Final = {TokenAction.ATTEST: True, TokenAction.FAIL_ATTESTATION: False}
"""What is believed of the phone from then on; all other actions leave that as it is."""


class StateMismatch(Refused):
    """The card or token is not in a state from which this leads anywhere; `state` says which."""

    def __init__(self, state: CardStatus | TokenStatus) -> None:
        """A card and a token have states of their own: the state says which of them it is."""
        what = "card" if isinstance(state, CardStatus) else "token"
        super().__init__("STATE_MISMATCH", f"the {what} is {state.value}", state=state.value)
        self.state = state


class Unsuitable(Exception):
    """What was given does not fit the card: other digits than its last four."""


def own_credential(profile: Profile, card_id: str) -> Credential:
    """The card's own number, not that of a token."""
    return next(c for c in profile.credentials if c.card_id == card_id and c.token_id is None)


def inactive_beside_another(profile: Profile, account_no: int) -> Card | None:
    """Of several cards of the account that may still pay one day, one that does not pay now.

    "si 2 cartes sont enregistrées … supprimez celle qui n'est plus active" (TOP-08): a card that is
    done for good is removed.
    """
    cards = [c for c in profile.cards if c.account_no == account_no and c.status not in FINAL]
    return next((c for c in cards if c.status is not _C.ACTIVE and len(cards) > 1), None)


def activate(profile: Profile, card_id: str, last4: str) -> Profile:
    """Take a card into use: its last four digits prove that it arrived. Raises Unsuitable."""
    after, card = taken_into_use(profile, card_id), profile.card(card_id)
    if not card.last4 or card.last4 != last4:
        raise Unsuitable("these are not the last four digits of the card")
    return after


def taken_into_use(profile: Profile, card_id: str) -> Profile:
    """Let an issued card pay. Raises StateMismatch.

    The card that it replaces is done, and its tokens go on with the new one (CRD-04); so is a card
    before that, still in use because the one in between was lost on its way; and so is one that was
    issued in the same place and has not come yet.
    """
    card = profile.card(card_id)
    after = profile.with_card(_moved(card, CardAction.ACTIVATE))
    for old in _replaced_by(profile, card):
        after = _rebound(after.with_card(_moved(old, CardAction.SUPERSEDE)), old.card_id, card)
    for other in after.cards:
        if other.status is _C.ISSUED and other.replaces == card.replaces is not None:
            after = after.with_card(_moved(other, CardAction.SUPERSEDE))
    return after


def block(profile: Profile, card_id: str) -> Profile:
    """Block a card; which of its tokens were active is remembered (TOK-07)."""
    after = profile.with_card(_moved(profile.card(card_id), CardAction.BLOCK))
    return _marked(after, card_id)


def unblock(profile: Profile, card_id: str) -> Profile:
    """Unblock a card: everything is as it was (CRD-03)."""
    after = profile.with_card(_moved(profile.card(card_id), CardAction.UNBLOCK))
    tokens = (_outliving(token, card_id, outlives=True) for token in after.tokens)
    return replace(after, tokens=tuple(tokens))


def oppose(profile: Profile, card_id: str, opposed_as: OpposedAs) -> Profile:
    """Oppose a card as lost or stolen, for good."""
    card = profile.card(card_id)
    after = profile.with_card(replace(_moved(card, CardAction.OPPOSE), opposed_as=opposed_as))
    return after if card.status is CardStatus.BLOCKED else _marked(after, card_id)


def replaced(profile: Profile, card_id: str, new: Card) -> Profile:
    """Issue `new` in the place of a card; the value stays where it is, with the account (CRD-01).

    `new` has the account of the card that it replaces, whatever it says itself.
    """
    old = _moved(profile.card(card_id), CardAction.REPLACE)
    issued = replace(new, account_no=old.account_no, status=CardStatus.ISSUED, replaces=card_id)
    return replace(profile, cards=(*profile.cards, issued))


def with_pin(profile: Profile, card_id: str, pin_ref: bytes) -> Profile:
    """Give a card this PIN, and all its tries back."""
    _moved(profile.card(card_id), CardAction.CHANGE_PIN)
    return with_pin_ref(profile, card_id, pin_ref)


def with_tries_back(profile: Profile, card_id: str) -> Profile:
    """Leave a card its PIN, and give all its tries back."""
    _moved(profile.card(card_id), CardAction.UNBLOCK_PIN)
    return with_pin_ref(profile, card_id, own_credential(profile, card_id).pin_ref)


def with_pin_ref(profile: Profile, card_id: str, pin_ref: bytes | None) -> Profile:
    """Set what is kept of the PIN of a card in whatever state; all tries are given back."""
    credentials = (
        replace(each, pin_ref=pin_ref, pin_round=each.pin_round + 1)
        if each.card_id == card_id and each.token_id is None
        else each
        for each in profile.credentials
    )
    return replace(profile, credentials=tuple(credentials))


def move_token(profile: Profile, token_id: str, action: TokenAction) -> Profile:
    """Do something to a token; the card and its other tokens do not notice (TOK-05)."""
    token = profile.token(token_id)
    status = TOKEN_LIFE.get((token.status, action))
    if status is None:
        raise StateMismatch(token.status)
    after = replace(token, status=status, attested=ATTESTS.get(action, token.attested))
    return replace(
        profile,
        tokens=tuple(after if each.token_id == token_id else each for each in profile.tokens),
    )


def _moved(card: Card, action: CardAction) -> Card:
    status = CARD_LIFE.get((card.status, action))
    if status is None:
        raise StateMismatch(card.status)
    return replace(card, status=status)


def _marked(profile: Profile, card_id: str) -> Profile:
    """Remember of each token of a card that now stops whether it was active until now."""
    tokens = (
        _outliving(token, card_id, outlives=token.status is TokenStatus.ACTIVE)
        for token in profile.tokens
    )
    return replace(profile, tokens=tuple(tokens))


def _outliving(token: Token, card_id: str, *, outlives: bool) -> Token:
    return replace(token, active_before_block=outlives) if token.card_id == card_id else token


def _replaced_by(profile: Profile, card: Card) -> Iterator[Card]:
    """The card in whose place this one came, and so on back to one that was superseded before."""
    before = card.replaces
    while before is not None:
        old = profile.card(before)
        yield old
        before = old.replaces
        if before is not None and profile.card(before).status is _C.REPLACED:
            return


def _rebound(profile: Profile, old_id: str, new: Card) -> Profile:
    """Let the tokens of one card lead to another, for as long as that lives."""
    moving = {
        token.token_id
        for token in profile.tokens
        if token.card_id == old_id and token.status is not TokenStatus.DELETED
    }
    return replace(
        profile,
        tokens=tuple(
            _renewed(token, new) if token.token_id in moving else token for token in profile.tokens
        ),
        credentials=tuple(
            replace(each, card_id=new.card_id) if each.token_id in moving else each
            for each in profile.credentials
        ),
    )


def _renewed(token: Token, card: Card) -> Token:
    had = dict.fromkeys((*token.former, token.expiry))
    former = tuple(expiry for expiry in had if expiry != card.expiry)
    return replace(
        token, card_id=card.card_id, expiry=card.expiry, active_before_block=True, former=former
    )
