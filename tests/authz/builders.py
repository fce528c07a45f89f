"""Valid requests, holders and states to start a test from: one person, one lot of 100.00.

The common state (RULES, worked examples): Paris, Tuesday 24 November 2026, 12:30.
"""

from collections.abc import Callable
from datetime import date
from itertools import count
from time import monotonic
from typing import Any, Final

from msgspec.structs import replace

from authz.ids import AuthorizationIds
from authz.outcomes import Outcome
from authz.requests import Kind, Request
from authz.state import (
    Credential,
    Employer,
    Holder,
    HolderAccount,
    KnownMerchant,
    LotInfo,
    Profile,
    State,
    UsedDay,
)
from rules.decision import Reason
from rules.facts import Account, AccountStatus, Origin, Purchase
from rules.rulebook import Rulebook
from tests.rules.builders import BOOK, CARD, PARIS, RESTAURANT, TUESDAY

BOOKS: Final[dict[str, Rulebook]] = {"fr-meal": BOOK}
ACQUIRER, MID = "12345", "MERCH0000000001"
MERCHANT = KnownMerchant(7, RESTAURANT)
EMPLOYER = Employer(PARIS, ())
_NUMBERS = count(1)


def card_ref(holder_id: int = 1) -> bytes:
    """The reference of the holder's only card."""
    return holder_id.to_bytes(16, "big")


def some_request(amount_minor: int = 1250, holder_id: int = 1, **changes: Any) -> Request:
    """A purchase with a key of its own that nobody has waited for yet.

    Names of `Purchase` change the purchase, names of `Request` the request.
    """
    asked = {name: changes.pop(name) for name in Purchase.__struct_fields__ if name in changes}
    number = next(_NUMBERS)
    plain = Request(
        kind=Kind.PURCHASE,
        purchase=replace(Purchase(amount_minor, expiry="2912"), **asked),
        card_ref=card_ref(holder_id),
        key_hash=number.to_bytes(16, "big"),
        fingerprint=bytes(8) + holder_id.to_bytes(4, "big") + amount_minor.to_bytes(4, "big"),
        acquirer=ACQUIRER,
        terminal="TERM0001",
        mid=MID,
        stan=f"{number % 1_000_000:06d}",
        transmitted="1124113000",
        rrn=f"{number:012d}",
        repeat=False,
        received_at=TUESDAY,
        deadline_s=monotonic() + 60,
    )
    return replace(plain, **changes)


def again(request: Request, **changes: Any) -> Request:
    """The same request, sent as a repeat."""
    return replace(request, repeat=True, **changes)


def some_holder(
    holder_id: int = 1,
    lots: tuple[tuple[int, int], ...] = ((2026, 10_000),),
    used: tuple[UsedDay, ...] = (),
    **changes: Any,
) -> Holder:
    """A person with one account, one card and `lots` of (vintage, cents)."""
    infos = tuple(
        LotInfo(number, 1, vintage, Origin.LOAD, date(vintage, 1, 2))
        for number, (vintage, _) in enumerate(lots, 1)
    )
    profile = Profile(
        f"person-{holder_id}",
        (HolderAccount(Account(1, "acc-1", "fr-meal", AccountStatus.ACTIVE), 1),),
        (CARD,),
        (),
        (Credential(card_ref(holder_id), CARD.card_id),),
        infos,
    )
    plain = Holder(
        holder_id,
        version=1,
        last_seq=2 * len(lots),
        usage_since=date(1, 1, 1),
        used=used,
        lot_available=tuple(amount for _, amount in lots),
        lot_held=tuple(0 for _ in lots),
        profile=profile,
    )
    return replace(plain, **changes)


def some_state(*holders: Holder, **changes: Any) -> State:
    """What is known of these holders (one, unless given), with nothing kept yet."""
    known = holders or (some_holder(),)
    plain = State(
        holders={holder.holder_id: holder for holder in known},
        holder_of={
            credential.card_ref: holder.holder_id
            for holder in known
            for credential in holder.profile.credentials
        },
        kept={},
        merchants={(ACQUIRER, MID): MERCHANT},
        employers={1: EMPLOYER},
    )
    return replace(plain, **changes)


def reason_of(outcome: Outcome | None) -> Reason | None:
    """What an outcome is; None for a silence."""
    return None if outcome is None else outcome.reason


def numbers(node: int = 1) -> Callable[[], int]:
    """Authorization numbers of a clock that stands at the common instant."""
    return AuthorizationIds(node, lambda: int(TUESDAY.timestamp()) * 1000)
