"""Valid facts to start a test from: the common state (RULES, worked examples).

French account, Paris workplace, active card, nothing used, 100.00 of 2026, an eligible restaurant
in Paris, no derogation, no top-up, no partial approval, Tuesday 2026-11-24 12:30 in Paris.
"""

from datetime import UTC, date, datetime
from typing import Any

from msgspec.structs import replace

from rules.facts import (
    Account,
    AccountStatus,
    Card,
    CardStatus,
    ChipUse,
    CryptogramCheck,
    Derogation,
    Facts,
    Lot,
    Merchant,
    MerchantClass,
    Origin,
    Purchase,
    Tap,
    Token,
    TokenStatus,
    TopUp,
    Usage,
    Wallet,
    Workplace,
)
from rules.rulebook import bundled

BOOK = bundled()

TUESDAY = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
"""12:30 in Paris."""

RESTAURANT = Merchant(MerchantClass.RESTAURANT, "5812", "75", "FR", True, date(2020, 1, 1))
SHOP = replace(RESTAURANT, merchant_class=MerchantClass.SHOP, mcc="5411")
CARD = Card("card-1", 1, CardStatus.ACTIVE, "2912")
APPLE = Token("tok-1", "card-1", Wallet.APPLE_PAY, TokenStatus.ACTIVE, "2912")
ANDROID = replace(APPLE, wallet=Wallet.PLUXEE_PAY)
TOP_UP = TopUp(enabled=True, verified=True, expiry="2912")
PARIS = Workplace("75", "75110")


def at(text: str) -> datetime:
    """Return an instant, from ISO 8601 with its offset, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def lot(vintage: int, amount_minor: int, lot_no: int = 0, **changes: Any) -> Lot:
    """Make a lot loaded on 2 January of its vintage; its number is its vintage unless given."""
    plain = Lot(lot_no or vintage, vintage, Origin.LOAD, date(vintage, 1, 2), amount_minor)
    return replace(plain, **changes)


def exchanged(vintage: int, amount_minor: int, lot_no: int = 0) -> Lot:
    """Make a lot that came out of an exchange on 1 March of its vintage."""
    loaded_on = date(vintage, 3, 1)
    return lot(vintage, amount_minor, lot_no, origin=Origin.EXCHANGE, loaded_on=loaded_on)


def derogation(*, sunday: bool = False, holiday: bool = False, **changes: Any) -> Derogation:
    """Make a derogation since 2020, open-ended."""
    return replace(Derogation(date(2020, 1, 1), None, sunday, holiday), **changes)


def used(day: str, used_minor: int) -> tuple[Usage, ...]:
    """Make the usage of one day."""
    return (Usage(date.fromisoformat(day), used_minor),)


def some_tap(check: CryptogramCheck = CryptogramCheck.GOOD, **changes: Any) -> Tap:
    """Make use 40 of a chip that did not verify its holder; names of `ChipUse` change the use."""
    said = {name: changes.pop(name) for name in ChipUse.__struct_fields__ if name in changes}
    use = replace(ChipUse("00", 18, 40, bytes(8)), **said)
    return replace(Tap(check, use, verified=False), **changes)


def some_facts(amount_minor: int = 1250, *, top_up: TopUp | None = None, **changes: Any) -> Facts:
    """Make the common state with this amount; `top_up` links a bank card and opens the bank.

    Names of `Purchase` change the purchase, names of `Facts` the facts.
    """
    asked = {name: changes.pop(name) for name in Purchase.__struct_fields__ if name in changes}
    common = Facts(
        now=TUESDAY,
        purchase=replace(Purchase(amount_minor), **asked),
        card=CARD,
        account=Account(1, "acc-1", "fr-meal", AccountStatus.ACTIVE, top_up),
        workplace=PARIS,
        merchant=RESTAURANT,
        lots=(lot(2026, 10000),),
        bank_open=top_up is not None,
    )
    return replace(common, **changes)
