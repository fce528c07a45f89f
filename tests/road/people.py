"""The state of an example, said once: in memory for the pure road, as a world file for TCP.

What is not said is the common state (RULES, worked examples): one card in Paris, 100.00 of 2026.
"""

from datetime import date
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from authz.custody.pan import PanDigester
from authz.state import Credential, Employer, HolderAccount, KnownMerchant, State, UsedDay
from rules.facts import (
    Account,
    AccountStatus,
    CardStatus,
    GeoScope,
    Merchant,
    MerchantClass,
    Token,
    TokenStatus,
    TopUp,
    Wallet,
    Workplace,
)
from simulators.messages import CardData, TerminalData
from simulators.traffic import luhn
from tests.authz.builders import some_holder
from tests.rules.builders import CARD, TOP_UP, derogation

DIGESTER: Final = PanDigester(bytes(range(32)), "test")
ACQUIRER: Final = "12345"
EXPIRY: Final = "2912"


class Setting(Struct, frozen=True):
    """Who pays and where. Lots by vintage and use by day, in cents; `phone` pays with a token."""

    lots: dict[int, int] = field(default_factory=lambda: {2026: 10_000})
    used: dict[str, int] = {}
    workplace: str = "75"
    anywhere: bool = False
    scope: GeoScope | None = None
    """Of the account alone."""
    sundays: bool = False
    merchant: str = "75"
    shop: bool = False
    blocked: bool = False
    phone: Wallet | None = None
    top_up: bool = False
    bank_card: TopUp = TOP_UP
    conecs: bool = True


def pan(number: int, *, phone: bool = False) -> str:
    """The card of the person with this number, or the token in the phone: test ranges only."""
    digits = f"{'999979' if phone else '999967'}{number:09d}"
    return digits + luhn(digits)


def bank_pan(number: int) -> str:
    """The bank card of the person with this number."""
    digits = f"999949{number:09d}"
    return digits + luhn(digits)


def card(setting: Setting, number: int = 1) -> CardData:
    """What the terminal reads."""
    return CardData(pan(number, phone=setting.phone is not None), EXPIRY)


def terminal(number: int = 1, till: int = 1) -> TerminalData:
    """A till of the merchant with this number."""
    return TerminalData(ACQUIRER, f"T{number:05d}{till:02d}", _mid(number))


def in_memory(setting: Setting, number: int = 1) -> State:
    """The state as a batch reads it."""
    lots = tuple(setting.lots.items())
    used = tuple(UsedDay(1, date.fromisoformat(day), minor) for day, minor in setting.used.items())
    holder = some_holder(number, lots, used, profile=_profile(setting, number))
    refs = [credential.card_ref for credential in holder.profile.credentials]
    scope = GeoScope.FRANCE if setting.anywhere else GeoScope.DEPT_AND_NEIGHBOURS
    workplace = Workplace(setting.workplace, geo_scope=scope)
    derogations = (derogation(sunday=True),) if setting.sundays else ()
    return State(
        holders={number: holder},
        holder_of=dict.fromkeys(refs, number),
        kept={},
        merchants={(ACQUIRER, _mid(number)): KnownMerchant(number, _merchant(setting))},
        employers={1: Employer(workplace, derogations)},
    )


def as_world(*people: tuple[int, Setting]) -> dict[str, list[dict[str, Any]]]:
    """The same people as a world file, each under a number of their own."""
    kinds: dict[str, list[dict[str, Any]]] = {
        "employers": [], "accounts": [], "cards": [], "tokens": [], "merchants": []
    }  # fmt: skip
    for number, setting in people:
        for kind, record in _records(number, setting):
            kinds[kind].append(record)
    return kinds


def _profile(setting: Setting, number: int) -> Any:
    plain = some_holder(number, tuple(setting.lots.items())).profile
    status = CardStatus.BLOCKED if setting.blocked else CardStatus.ACTIVE
    credentials = [Credential(DIGESTER.card_ref(pan(number)), CARD.card_id)]
    tokens = []
    if setting.phone:
        tokens = [Token("tok-1", CARD.card_id, setting.phone, TokenStatus.ACTIVE, EXPIRY)]
        ref = DIGESTER.card_ref(pan(number, phone=True))
        credentials.append(Credential(ref, CARD.card_id, "tok-1"))
    top_up = setting.bank_card if setting.top_up else None
    account = Account(1, f"acc-{number}", "fr-meal", AccountStatus.ACTIVE, top_up)
    return replace(
        plain,
        accounts=(HolderAccount(account, 1, geo_scope=setting.scope),),
        cards=(replace(CARD, status=status, conecs_logo=setting.conecs),),
        tokens=tuple(tokens),
        credentials=tuple(credentials),
    )


def _merchant(setting: Setting) -> Merchant:
    kind, mcc = (MerchantClass.SHOP, "5411") if setting.shop else (MerchantClass.RESTAURANT, "5812")
    return Merchant(kind, mcc, setting.merchant, "FR", True, date(2020, 1, 1))


def _records(number: int, setting: Setting) -> list[tuple[str, dict[str, Any]]]:
    merchant = _merchant(setting)
    account: dict[str, Any] = {
        "id": f"acc-{number}",
        "employer": f"emp-{number}",
        "person": f"per-{number}",
        "lots": [{"vintage": year, "amount": minor} for year, minor in setting.lots.items()],
        "used": [{"day": day, "amount": minor} for day, minor in setting.used.items()],
    }
    if setting.scope is not None:
        account["geo_scope"] = setting.scope.value
    if setting.top_up:
        linked = setting.bank_card
        account["topup"] = {
            "bank_pan": bank_pan(number),
            "bank_expiry": linked.expiry,
            "enabled": linked.enabled,
            "verified": linked.verified,
        }
    sundays = [{"from": "2020-01-01", "sunday": True}] if setting.sundays else []
    scope = "FRANCE" if setting.anywhere else "DEPT_AND_NEIGHBOURS"
    employer = {"id": f"emp-{number}", "department": setting.workplace}
    plastic = {"id": f"card-{number}", "account": f"acc-{number}", "pan": pan(number)}
    phone = {"id": f"tok-{number}", "card": f"card-{number}", "dpan": pan(number, phone=True)}
    place = {"acquirer": ACQUIRER, "mid": _mid(number), "department": setting.merchant}
    kind = {"class": merchant.merchant_class.value, "mcc": merchant.mcc}
    status = "BLOCKED" if setting.blocked else "ACTIVE"
    records = [
        ("employers", employer | {"geo_scope": scope, "derogations": sundays}),
        ("accounts", account),
        ("cards", plastic | {"expiry": EXPIRY, "status": status, "conecs_logo": setting.conecs}),
        ("merchants", place | kind | {"agreement_from": "2020-01-01"}),
    ]
    if setting.phone:
        records.append(("tokens", phone | {"expiry": EXPIRY, "wallet": setting.phone.value}))
    return records


def _mid(number: int) -> str:
    return f"MERCH{number:010d}"
