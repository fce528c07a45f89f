"""Who lives in a world file, as far as a terminal can see: cards and phones to pay with, merchants.

Reads the JSON object and the JSON Lines form (`{"kind": "card", ...}`), and only what is needed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from simulators.messages import NO_PIN, CardData, Pin

_PLURAL: Final = {
    "account": "accounts",
    "card": "cards",
    "token": "tokens",
    "merchant": "merchants",
    "employer": "employers",
}


class _TopUp(Struct, frozen=True):
    enabled: bool = False
    verified: bool = False


class _Used(Struct, frozen=True):
    day: str
    amount: int


class _Derogation(Struct, frozen=True):
    sunday: bool = False


class _Lot(Struct, frozen=True):
    amount: int


class _Employer(Struct, frozen=True):
    id: str
    derogations: tuple[_Derogation, ...] = ()


class _Account(Struct, frozen=True):
    id: str
    person: str
    employer: str = ""
    lots: tuple[_Lot, ...] = ()
    derogations: tuple[_Derogation, ...] = ()
    status: str = "ACTIVE"
    topup: _TopUp | None = None
    used: tuple[_Used, ...] = ()


class _Card(Struct, frozen=True):
    id: str
    account: str
    pan: str
    expiry: str
    status: str = "ACTIVE"
    psn: str = ""
    generation: str = "hybrid"
    visa_logo: bool = False
    pin: str | None = None


class _Token(Struct, frozen=True):
    card: str
    dpan: str
    expiry: str
    status: str = "ACTIVE"
    wallet: str = ""


class _Merchant(Struct, frozen=True, rename={"merchant_class": "class"}):
    acquirer: str
    mid: str
    merchant_class: str
    mcc: str
    name: str = ""
    department: str = ""
    country: str = "FR"
    agreement_to: str | None = None
    affiliated: bool = True


class _File(Struct, frozen=True):
    employers: tuple[_Employer, ...] = ()
    accounts: tuple[_Account, ...] = ()
    cards: tuple[_Card, ...] = ()
    tokens: tuple[_Token, ...] = ()
    merchants: tuple[_Merchant, ...] = ()


class Credential(Struct, frozen=True):
    """One thing to pay with: the card, or the token in a phone; `good` when it should work.

    `card_id` names the card itself, `wallet` whose phone it is; `pin` is known of plastic at most.
    """

    card: CardData
    phone: bool
    good: bool
    card_id: str = ""
    wallet: str = ""
    generation: str = "hybrid"
    visa_logo: bool = False
    pin: Pin = NO_PIN


class Person(Struct, frozen=True):
    """A holder with everything to pay with, amounts in cents.

    `top_up`: a bank card helps out. `sundays`: the employer lets them pay then, on some day.
    """

    person: str
    account: str
    credentials: tuple[Credential, ...]
    top_up: bool = False
    used: dict[str, int] = {}
    lots_minor: int = 0
    sundays: bool = False


class Place(Struct, frozen=True):
    """A merchant as its acquirer knows it. `lasting`: its agreement has no end."""

    acquirer: str
    mid: str
    name: str
    restaurant: bool
    mcc: str
    affiliated: bool
    department: str = ""
    lasting: bool = True


class World(Struct, frozen=True):
    """The people and the places of a world file, in the file's order."""

    people: tuple[Person, ...]
    places: tuple[Place, ...]

    def pans(self) -> frozenset[str]:
        """Every card and token number there is."""
        return frozenset(each.card.pan for who in self.people for each in who.credentials)


def read_world(path: Path) -> World:
    """Read a world file. ValueError: it is none, with the place where it is not."""
    try:
        return world_of(path.read_bytes())
    except msgspec.DecodeError as broken:
        raise ValueError(f"{path.name} is not a world file: {broken}") from None


def world_of(text: bytes) -> World:
    """Read a world from its text. msgspec.DecodeError: it is none."""
    file = msgspec.json.decode(_gather(text) if _is_lines(text) else text, type=_File)
    return World(tuple(_people(file)), tuple(_places(file)))


def _is_lines(text: bytes) -> bool:
    """JSON Lines show themselves: the first line alone is an object with a kind."""
    first, _, _ = text.lstrip().partition(b"\n")
    try:
        msgspec.json.decode(first, type=_Kind)
    except msgspec.DecodeError:
        return False
    return True


def _gather(lines: bytes) -> bytes:
    """Turn JSON Lines into the one-object form; records stay as they are."""
    records: dict[str, list[msgspec.Raw]] = {}
    for line in lines.splitlines():
        if line.strip():
            kind = msgspec.json.decode(line, type=_Kind).kind
            records.setdefault(_PLURAL.get(kind, kind), []).append(msgspec.Raw(line))
    return msgspec.json.encode(records)


class _Kind(Struct):
    kind: str


def _people(file: _File) -> Iterator[Person]:
    cards: dict[str, list[Credential]] = {}
    card_account = {card.id: card.account for card in file.cards}
    good_card = {card.id: card.status == "ACTIVE" for card in file.cards}
    for card in file.cards:
        data = CardData(card.pan, card.expiry, card.psn)
        credential = Credential(
            data,
            phone=False,
            good=card.status == "ACTIVE",
            card_id=card.id,
            generation=card.generation,
            visa_logo=card.visa_logo,
            pin=Pin(card.pin or ""),
        )
        cards.setdefault(card.account, []).append(credential)
    for token in file.tokens:
        good = token.status == "ACTIVE" and good_card[token.card]
        data = CardData(token.dpan, token.expiry)
        credential = Credential(data, True, good, card_id=token.card, wallet=token.wallet)
        cards.setdefault(card_account[token.card], []).append(credential)
    sunday_work = {each.id for each in file.employers if _on_sundays(each.derogations)}
    for account in file.accounts:
        top_up = account.topup is not None and account.topup.enabled and account.topup.verified
        used = {used.day: used.amount for used in account.used}
        paying = tuple(cards.get(account.id, ()))
        lots_minor = sum(lot.amount for lot in account.lots)
        sundays = account.employer in sunday_work or _on_sundays(account.derogations)
        yield Person(account.person, account.id, paying, top_up, used, lots_minor, sundays)


def _on_sundays(derogations: tuple[_Derogation, ...]) -> bool:
    return any(each.sunday for each in derogations)


def _places(file: _File) -> Iterator[Place]:
    for each in file.merchants:
        restaurant = each.merchant_class == "restaurant"
        yield Place(
            each.acquirer,
            each.mid,
            each.name,
            restaurant,
            each.mcc,
            each.affiliated,
            each.department,
            each.agreement_to is None and each.country == "FR",
        )
