"""Every parameter's value in force on one civil day, and what each key of a rulebook may hold."""

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Annotated, Literal, get_type_hints

from msgspec import Meta, Struct

from rules.facts import Channel, MerchantClass

UNCAPPED_MINOR = 10**15
"""The cap of the days before there was one: more cents than anyone holds."""

Cents = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Percent = Annotated[int, Meta(ge=0, le=100)]
MonthAfter = Annotated[int, Meta(ge=1, le=12)]
"""A month of the year after: its last day is meant."""
Mcc = Annotated[str, Meta(pattern=r"^[0-9]{4}$")]


class CapScope(Enum):
    """Whose payments share one daily cap (CAP-08)."""

    PERSON = "PERSON"
    ACCOUNT = "ACCOUNT"


class HolidayBasis(Enum):
    """Whose calendar says what a public holiday is (DAY-08)."""

    WORKPLACE = "WORKPLACE"
    MERCHANT = "MERCHANT"
    EITHER = "EITHER"


class FoodRule(Enum):
    """What a merchant may count as eligible (P-FOOD); to explain only."""

    READY_TO_EAT = "READY_TO_EAT"
    ANY_FOOD = "ANY_FOOD"


class ExchangeMode(Enum):
    """What becomes of unused vouchers after their last day (VIN-06, VIN-07, VIN-13)."""

    AUTO = "AUTO"
    ON_REQUEST = "ON_REQUEST"
    NONE = "NONE"


class TokenOnOpposed(Enum):
    """Whether an Apple token outlives a lost or stolen card as it does a blocked one (TOK-07)."""

    SUSPEND = "SUSPEND"
    KEEP = "KEEP"


class RefundMode(Enum):
    """Which refunds the programme grants (REF-01, REF-06, REF-07)."""

    FULL_AND_PARTIAL = "FULL_AND_PARTIAL"
    FULL_ONLY = "FULL_ONLY"
    CANCEL_ONLY = "CANCEL_ONLY"


class RefundOrder(Enum):
    """Which leg a partial refund gives back first (REF-04)."""

    BANK_FIRST = "BANK_FIRST"
    VOUCHER_FIRST = "VOUCHER_FIRST"


class OpenDays(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether vouchers work on Sundays and on holidays without any derogation (P-DAY)."""

    sunday: bool
    holiday: bool


BY_CLASS: Mapping[str, object] = {
    "cap": Cents | Literal["uncapped"],
    "open_days": OpenDays,
}
"""Keys whose rows may name a merchant class; without one a row holds for all classes."""

BY_VINTAGE: Mapping[str, object] = {
    "vintage_end": MonthAfter | date,
    "paper_end": MonthAfter | date,
    "presentation_months": Count,
    "exchange_mode": ExchangeMode,
    "exchange_lag_days": Annotated[int, Meta(ge=0, le=90)],
    "exchange_request_days": Annotated[int, Meta(ge=0, le=90)],
    "exchange_order_months": Annotated[int, Meta(ge=0, le=12)],
}
"""Keys that are asked about a vintage, not about a day."""

FOR_ALL_TIME: Mapping[str, object] = {"cap_scope": CapScope}
"""Keys of one row without a date: what was counted by them could not be counted anew."""


class Simple(Struct, frozen=True):
    """Keys with one value a day; the type of each is what its rows may hold.

    None is no value of a row, TOML cannot say it: it stands for a gap (`WITH_GAPS`).
    """

    holiday_basis: HolidayBasis
    good_friday_if_unknown: bool
    saint_martin_abolition: Literal["05-27", "05-28"]
    food: FoodRule
    exempt_share_minor: Cents | None
    employer_share_percent: tuple[Percent, Percent]
    pay_merchant_days: Count
    topup_max_minor: Cents
    topup_min_balance_minor: Cents
    topup_zero_voucher: bool
    topup_on_blocked_day: bool
    topup_channels: tuple[Channel, ...]
    topup_verify_minor: Cents
    require_subtotal_mccs: frozenset[Mcc]
    weak_mccs: frozenset[Mcc]
    online_min_minor: Cents
    geo_block: bool
    contactless_unverified_max_minor: Cents
    token_on_opposed: TokenOnOpposed
    phone_unlock_s: Count
    pin_tries_max: Annotated[int, Meta(ge=1)]
    activation_code_minutes: Count
    hold_days: Count
    refund_mode: RefundMode
    refund_order: RefundOrder


SIMPLE: Mapping[str, object] = get_type_hints(Simple, include_extras=True)

WITH_GAPS = frozenset({"exempt_share_minor"})
"""Keys whose history is not known throughout: None on a day without a row."""


class Parameters(Simple, frozen=True):
    """What is in force on `day`. `cap` is cents a class; `sources` cites each key's row.

    `month` is the month of `day` as cards print it (YYMM), so that an expiry compares as text.

    `seen_as` says for each vintage which vintage its unspent vouchers count as on `day`, after
    every exchange that has fallen due; a vintage that is not usable on `day` is absent.
    """

    day: date
    month: str
    cap: Mapping[MerchantClass, int]
    open_days: Mapping[MerchantClass, OpenDays]
    seen_as: Mapping[int, int]
    sources: Mapping[str, str]
