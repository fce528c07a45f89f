"""Worlds of any size from a seed: employers, merchants, people with cards, phones and some money.

The same seed and size give the same bytes. Card numbers are unique, of the ranges that nobody
issues, with a right check digit.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from random import Random
from typing import Final

import msgspec

from authz import mod97
from authz.custody.pan import Pan, luhn_check_digit
from authz.world.records import (
    KINDS,
    AccountRecord,
    BankAccountRecord,
    CardRecord,
    DerogationRecord,
    EmployerRecord,
    IssuerRecord,
    LotRecord,
    MerchantRecord,
    Record,
    TokenRecord,
    TopUpRecord,
)
from rules.facts import CardStatus, GeoScope, MerchantClass, OpposedAs, TokenStatus, Wallet

LINES_FROM: Final = 10_000
"""From so many accounts a world is written as JSON Lines."""

MEAL_BIN, TOKEN_BIN, BANK_BIN = "999967", "999979", "999949"
ACQUIRERS: Final = ("12345", "20041", "30004")
ELSEWHERE: Final = ("92", "93", "69", "13", "33", "59", "67", "2A", "972", "974")
DEPARTMENTS: Final = ("75",) * 3 + ELSEWHERE
"""Where people work; the more of them, the more often."""
COMMUNES: Final = {"75": "75110", "67": "67482", "69": "69123", "13": "13055", "974": "97411"}
FIRST_WORDS: Final = ("Atelier", "Cabinet", "Studio", "Groupe", "Maison", "Agence", "Société")
LAST_WORDS: Final = ("Nord", "Lumière", "Rivage", "Horizon", "Garance", "Boréal", "Safran")
TABLES: Final = ("Chez Paul", "Le Bon Coin", "La Table", "Bistrot des Halles", "Cantine Verte")
SHOPS: Final = ("Épicerie du Marché", "Primeur Martin", "Boulangerie Colette", "Traiteur Blanc")
FACES_MINOR: Final = (800, 900, 950, 1000, 1100)
"""Face values of one voucher."""
SPREAD: Final = 387_420_489
"""Coprime to ten, so that consecutive cards do not look alike and never meet."""

ACCOUNTS_PER_EMPLOYER: Final = 25
ACCOUNTS_PER_MERCHANT: Final = 20
MERCHANTS_MIN, MERCHANTS_MAX = 20, 20_000

_encode: Final = msgspec.json.Encoder(enc_hook=Pan.reveal).encode


def generate(accounts: int, seed: int, year: int = 2026) -> Iterator[tuple[str, Record]]:
    """Kind and record, nobody before what they refer to. `year` is the current vintage."""
    chance = Random(f"{seed}/{accounts}/{year}")  # noqa: S311 - to be made again, not secret
    employers = max(1, accounts // ACCOUNTS_PER_EMPLOYER)
    merchants = min(max(MERCHANTS_MIN, accounts // ACCOUNTS_PER_MERCHANT), MERCHANTS_MAX)
    places = []
    yield "issuer", _issuer()
    for number in range(1, employers + 1):
        employer = _employer(chance, number, year)
        places.append(employer.department)
        yield "employer", employer
    for number in range(1, merchants + 1):
        yield "merchant", _merchant(chance, number, places, year)
    for number in range(1, accounts + 1):
        yield from _person(chance, number, employers, year, seed)


def as_lines(records: Iterable[tuple[str, Record]]) -> Iterator[bytes]:
    """JSON Lines, one record after the other."""
    for kind, record in records:
        yield b'{"kind":"%s",%s\n' % (kind.encode(), _encode(record)[1:])


def as_json(records: Iterable[tuple[str, Record]]) -> Iterator[bytes]:
    """One JSON object, a record a line."""
    groups: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
    for kind, record in records:
        groups[kind].append(_encode(record))
    parts = (b'"%ss":[\n%s]' % (kind.encode(), b",\n".join(of)) for kind, of in groups.items())
    yield from chain((b"{",), (b",\n".join(parts),), (b"}\n",))


def card_number(bin_: str, number: int, seed: int) -> Pan:
    """The `number`-th card of a range: 16 digits, unique up to a thousand million."""
    body = f"{bin_}{(number * SPREAD + seed) % 1_000_000_000:09}"
    return Pan(body + luhn_check_digit(body))


def bank_account(number: int) -> str:
    """The `number`-th account of a French bank that there is not (99999), with its RIB key."""
    bank, branch, account = "99999", "00001", f"{number:011}"
    key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97
    body = f"{bank}{branch}{account}{key:02}"
    return f"FR{mod97.check_digits('FR', body)}{body}"


def _issuer() -> IssuerRecord:
    vouchers, own = (BankAccountRecord(bank_account(number)) for number in (1, 2))
    return IssuerRecord("Millésime SA", vouchers, own)


def _employer(chance: Random, number: int, year: int) -> EmployerRecord:
    department = chance.choice(DEPARTMENTS)
    return EmployerRecord(
        id=f"emp-{number:05}",
        name=f"{chance.choice(FIRST_WORDS)} {chance.choice(LAST_WORDS)} {number}",
        siret=_siret(number),
        department=department,
        commune=COMMUNES.get(department),
        good_friday=True if department == "67" else None,
        geo_scope=GeoScope.FRANCE if chance.random() < 0.2 else GeoScope.DEPT_AND_NEIGHBOURS,
        derogations=_derogations(chance, year),
    )


def _derogations(chance: Random, year: int) -> tuple[DerogationRecord, ...]:
    """Few employers have people at work on Sundays, fewer on holidays."""
    lot = chance.random()
    if lot >= 0.15:
        return ()
    return (DerogationRecord(first=date(year - 1, 1, 1), sunday=True, holiday=lot < 0.05),)


def _merchant(chance: Random, number: int, places: list[str], year: int) -> MerchantRecord:
    """The first ones are plain restaurants near the first employers, for a first payment."""
    shop = number % 4 == 0
    plain = number <= MERCHANTS_MIN // 2
    expired = not plain and chance.random() < 0.02
    return MerchantRecord(
        acquirer=ACQUIRERS[number % len(ACQUIRERS)],
        mid=f"MERCH{number:010}",
        name=f"{chance.choice(SHOPS if shop else TABLES)} {number}",
        siret=_siret(90_000_000 + number),
        merchant_class=MerchantClass.SHOP if shop else MerchantClass.RESTAURANT,
        mcc=chance.choice(("5411", "5499", "5462") if shop else ("5812", "5814")),
        department=places[number % len(places)] if plain else chance.choice(DEPARTMENTS),
        agreement_from=date(2020, 1, 1),
        agreement_to=date(year - 1, 12, 31) if expired else None,
        affiliated=plain or chance.random() >= 0.03,
        iban=None if number % MERCHANTS_MIN == 0 else bank_account(1_000 + number),
    )


def _siret(number: int) -> str:
    """Fourteen digits whose SIREN and whole both pass Luhn."""
    siren = f"{number:08}"
    siren += luhn_check_digit(siren)
    return siren + "0001" + luhn_check_digit(siren + "0001")


def _person(
    chance: Random, number: int, employers: int, year: int, seed: int
) -> Iterator[tuple[str, Record]]:
    """One account, its card, perhaps a phone. Now and then it is a person's second account."""
    second = number > 1 and chance.random() < 0.03
    account = AccountRecord(
        id=f"acc-{number:07}",
        employer=f"emp-{1 + (number - 1) % employers:05}",
        person=f"per-{number - 1 if second else number:07}",
        lots=_lots(chance, year),
        topup=_top_up(chance, number, year, seed),
    )
    yield "account", account
    card = _card(chance, number, year, seed)
    yield "card", card
    if (lot := chance.random()) < 0.4 and card.status is CardStatus.ACTIVE:
        yield "token", _token(chance, number, card, seed, apple=lot < 0.25)


def _lots(chance: Random, year: int) -> tuple[LotRecord, ...]:
    """What came this year, and what may be left of the year before."""
    face_minor = chance.choice(FACES_MINOR)
    month = chance.randint(1, 10)
    lots = [
        LotRecord(year, face_minor * chance.randint(2, 20), date(year, month, 5)),
    ]
    if chance.random() < 0.3:
        left_minor = chance.randint(50, 12 * face_minor)
        lots.insert(0, LotRecord(year - 1, left_minor, date(year - 1, chance.randint(9, 12), 5)))
    return tuple(lots)


def _top_up(chance: Random, number: int, year: int, seed: int) -> TopUpRecord | None:
    if chance.random() >= 0.2:
        return None
    return TopUpRecord(
        bank_expiry=_expiry(chance, year),
        enabled=True,
        verified=chance.random() < 0.9,
        bank_pan=card_number(BANK_BIN, number, seed),
    )


def _card(chance: Random, number: int, year: int, seed: int) -> CardRecord:
    status, opposed_as = _status(chance)
    four_corners = chance.random() < 0.2
    return CardRecord(
        id=f"card-{number:07}",
        account=f"acc-{number:07}",
        pan=card_number(MEAL_BIN, number, seed),
        expiry=_expiry(chance, year),
        status=status,
        opposed_as=opposed_as,
        generation="4-corners" if four_corners else "hybrid",
        visa_logo=four_corners,
        conecs_logo=not four_corners,
    )


def _status(chance: Random) -> tuple[CardStatus, OpposedAs | None]:
    lot = chance.random()
    if lot < 0.95:
        return CardStatus.ACTIVE, None
    if lot < 0.97:
        return CardStatus.BLOCKED, None
    if lot < 0.98:
        return CardStatus.ISSUED, None
    return CardStatus.OPPOSED, OpposedAs.LOST if lot < 0.99 else OpposedAs.STOLEN


def _token(chance: Random, number: int, card: CardRecord, seed: int, *, apple: bool) -> TokenRecord:
    return TokenRecord(
        id=f"tok-{number:07}",
        card=card.id,
        dpan=card_number(TOKEN_BIN, number, seed),
        expiry=card.expiry,
        wallet=Wallet.APPLE_PAY if apple else Wallet.PLUXEE_PAY,
        status=TokenStatus.SUSPENDED if chance.random() < 0.02 else TokenStatus.ACTIVE,
        device=f"{'iphone' if apple else 'android'}-{number}",
    )


def _expiry(chance: Random, year: int) -> str:
    return f"{(year + chance.randint(1, 3)) % 100:02}{chance.randint(1, 12):02}"
