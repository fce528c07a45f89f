"""The worked examples as messages and answers: one readable table (RULES, worked examples).

Those of purchases, days, vintages, caps, subtotals, partial approvals and repeats. Amounts are
cents. The top-up has a table of its own; what a refund, a capture or another programme decides is
proved elsewhere.
"""

from typing import Final

from msgspec import Struct

from authz.decide.topup import BankWord
from rules.facts import GeoScope, Wallet
from rules.rulebook import Rulebook
from tests.road.people import Setting
from tests.rules.builders import BOOK

TUESDAY: Final = "2026-11-24T12:30:00+01:00"
SUNDAY: Final = "2026-11-22T12:00:00+01:00"
CHRISTMAS: Final = "2026-12-25T12:00:00+01:00"
BOXING_DAY: Final = "2026-12-26T12:00:00+01:00"
JANUARY: Final = "2027-01-15T12:30:00+01:00"
LATE_SATURDAY: Final = "2026-11-21T23:14:35+00:00"


class Ask(Struct, frozen=True):
    """One 0200. `at` moves the clock first; `repeats` sends the nth ask again, as 0201.

    `stamped` is the terminal's own clock, where it is another.
    """

    amount_minor: int = 0
    partial: bool = False
    eligible_minor: int | None = None
    at: str = ""
    stamped: str = ""
    repeats: int | None = None
    restamped: bool = False


class Says(Struct, frozen=True):
    """What the answer must say: DE39, DE4, and DE54 as {type: cents}."""

    code: str
    amount_minor: int
    amounts: dict[str, int] = {}


class Example(Struct, frozen=True):
    """`asks` one after another, or all `at_once`; `vouchers` as {vintage: cents} in the end.

    `word` is what the bank says whenever it is asked, None where nobody may ask it, and
    `bank_minor` what its card pays in all.
    """

    id: str
    asks: tuple[Ask, ...]
    says: tuple[Says, ...]
    vouchers: dict[int, int] = {}
    setting: Setting = Setting()
    at: str = TUESDAY
    book: Rulebook = BOOK
    at_once: bool = False
    over_tcp: bool = False
    word: BankWord | None = None
    bank_minor: int = 0


def yes(amount_minor: int) -> Says:
    """00 for the whole amount."""
    return Says("00", amount_minor)


def no(code: str, amount_minor: int) -> Says:
    """A decline echoes what was asked."""
    return Says(code, amount_minor)


def part(approved_minor: int, asked_minor: int, balance_minor: int, usable_minor: int) -> Says:
    """10, with what was asked and what is left."""
    amounts = {"57": asked_minor, "01": balance_minor, "02": usable_minor}
    return Says("10", approved_minor, amounts)


GEO = BOOK.derive(geo_block=True)
LITTLE, TEN = Setting(lots={2026: 840}), Setting(lots={2026: 1000})
USED_UP = Setting(lots={2026: 7500}, used={"2026-11-24": 2500})
HALF_USED = Setting(lots={2026: 8750}, used={"2026-11-24": 1250})
YESTERDAY_FULL = Setting(used={"2026-11-23": 2500})
ON_SUNDAYS = Setting(sundays=True)
MARTINIQUE = Setting(workplace="972", merchant="972")
TOP_UP = Setting(top_up=True)
BASKET = Setting(lots={2025: 10_000}, shop=True)
MARSEILLE = Setting(merchant="13")
SUPERMARKET = Setting(shop=True)

EXAMPLES = (
    Example("EX-01", (Ask(1250),), (yes(1250),), {2026: 1250}, over_tcp=True),
    Example("EX-02", (Ask(1250),), (yes(1250),), {2026: 1250}, HALF_USED),
    Example("EX-02 after EX-01", (Ask(1250), Ask(1250)), (yes(1250), yes(1250)), {2026: 2500}),
    Example("EX-03", (Ask(1),), (no("61", 1),), {}, USED_UP, over_tcp=True),
    Example(
        "EX-04", (Ask(3000, partial=True),), (part(2500, 3000, 7500, 0),), {2026: 2500},
        over_tcp=True,
    ),
    Example("EX-05", (Ask(3000),), (no("61", 3000),)),
    Example("EX-06", (Ask(1200, partial=True),), (part(840, 1200, 0, 0),), {2026: 840}, LITTLE),
    Example("EX-07", (Ask(1200),), (no("51", 1200),), {}, LITTLE, over_tcp=True),
    Example(
        "EX-13 no bank is called", (Ask(1000, partial=True),), (no("51", 1000),), {},
        Setting(lots={}, top_up=True),
    ),
    Example("EX-17", (Ask(2000),), (no("57", 2000),), {}, TOP_UP, SUNDAY, over_tcp=True),
    Example("EX-18", (Ask(2000),), (yes(2000),), {2026: 2000}, ON_SUNDAYS, SUNDAY, over_tcp=True),
    Example("EX-19", (Ask(1000),), (no("57", 1000),), {}, ON_SUNDAYS, CHRISTMAS),
    Example(
        "EX-20 Strasbourg", (Ask(1000),), (no("57", 1000),), {}, Setting(workplace="67"),
        BOXING_DAY, over_tcp=True,
    ),
    Example("EX-20 Paris", (Ask(1000),), (yes(1000),), {2026: 1000}, at=BOXING_DAY),
    Example("EX-22 Paris", (Ask(1000),), (no("57", 1000),), at=LATE_SATURDAY),
    Example(
        "EX-22 Martinique", (Ask(1000),), (yes(1000),), {2026: 1000}, MARTINIQUE, LATE_SATURDAY,
        over_tcp=True,
    ),
    Example(
        "EX-23",
        (Ask(2000, at="2026-11-23T23:59:59+01:00"), Ask(2500, at="2026-11-24T00:00:01+01:00")),
        (yes(2000), yes(2500)),
        {2026: 4500},
        Setting(used={"2026-11-23": 500}),
        over_tcp=True,
    ),
    Example(
        "EX-24 counted on the 24th",
        (Ask(2500, stamped="2026-11-23T23:59:58+01:00"), Ask(1)),
        (yes(2500), no("61", 1)),
        {2026: 2500},
        YESTERDAY_FULL,
        "2026-11-24T00:00:03+01:00",
    ),
    Example(
        "EX-26", (Ask(1500),), (yes(1500),), {2026: 450, 2027: 1050},
        Setting(lots={2027: 10_000, 2026: 450}), JANUARY, over_tcp=True,
    ),
    Example(
        "EX-27", (Ask(2500),), (yes(2500),), {2026: 2500},
        Setting(lots={2026: 30_000, 2027: 10_000}), JANUARY,
    ),
    Example(
        "EX-29 Saturday", (Ask(1000),), (yes(1000),), {2026: 1000}, TEN,
        "2027-02-27T12:30:00+01:00",
    ),
    Example(
        "EX-29 Sunday", (Ask(1000),), (no("57", 1000),), {}, TEN, "2027-02-28T12:30:00+01:00"
    ),
    Example(
        "EX-29 Sunday with derogation", (Ask(1000),), (yes(1000),), {2026: 1000},
        Setting(lots={2026: 1000}, sundays=True), "2027-02-28T12:30:00+01:00",
    ),
    Example(
        "EX-30 exchanged first", (Ask(2000),), (yes(2000),), {2026: 2000},
        Setting(lots={2026: 4230, 2027: 6000}), "2027-03-01T12:30:00+01:00",
    ),
    Example(
        "EX-39 without a bank",
        (Ask(6000, partial=True, eligible_minor=3200),),
        (part(2500, 6000, 7500, 0),),
        {2026: 2500},
        SUPERMARKET,
    ),
    Example("EX-41", (Ask(2200),), (yes(2200),), {2026: 2200}),
    Example(
        "EX-45 card", (Ask(1000),), (no("62", 1000),), {}, Setting(blocked=True, top_up=True)
    ),
    Example(
        "EX-45 Android token", (Ask(1000),), (no("62", 1000),), {},
        Setting(blocked=True, phone=Wallet.PLUXEE_PAY, top_up=True),
    ),
    Example(
        "TOK-07 Apple token", (Ask(1000),), (yes(1000),), {2026: 1000},
        Setting(blocked=True, phone=Wallet.APPLE_PAY),
    ),
    Example(
        "EX-47",
        (Ask(1500, partial=True), Ask(1500, partial=True)),
        (yes(1500), part(500, 1500, 0, 0)),
        {2026: 2000},
        Setting(lots={2026: 2000}),
        at_once=True,
    ),
    Example(
        "EX-51", (Ask(1250), Ask(repeats=0)), (yes(1250), yes(1250)), {2026: 1250}, over_tcp=True
    ),
    Example(
        "EX-51 in one batch", (Ask(1250), Ask(repeats=0)), (yes(1250), yes(1250)), {2026: 1250},
        at_once=True,
    ),
    Example(
        "EX-51 restamped", (Ask(1250), Ask(repeats=0, restamped=True)), (yes(1250), yes(1250)),
        {2026: 1250}, over_tcp=True,
    ),
    Example(
        "EX-51 restamped in one batch", (Ask(1250), Ask(repeats=0, restamped=True)),
        (yes(1250), yes(1250)), {2026: 1250}, at_once=True,
    ),
    Example(
        "EX-51 of a decline", (Ask(3000), Ask(repeats=0)), (no("61", 3000), no("61", 3000))
    ),
    Example("EX-54 off", (Ask(1000),), (yes(1000),), {2026: 1000}, MARSEILLE),
    Example("EX-54 on, Marseille", (Ask(1000),), (no("57", 1000),), {}, MARSEILLE, book=GEO),
    Example(
        "EX-54 on, Nanterre", (Ask(1000),), (yes(1000),), {2026: 1000}, Setting(merchant="92"),
        book=GEO,
    ),
    Example(
        "EX-54 on, all of France", (Ask(1000),), (yes(1000),), {2026: 1000},
        Setting(merchant="13", anywhere=True), book=GEO,
    ),
    Example(
        "EX-54 on, all of France for one who travels", (Ask(1000),), (yes(1000),), {2026: 1000},
        Setting(merchant="13", scope=GeoScope.FRANCE), book=GEO,
    ),
    Example(
        "EX-54 on, all of France but for one who does not", (Ask(1000),), (no("57", 1000),), {},
        Setting(merchant="13", anywhere=True, scope=GeoScope.DEPT_AND_NEIGHBOURS), book=GEO,
    ),
    Example(
        "EX-58 ready to eat only",
        (Ask(1100, partial=True, eligible_minor=600),),
        (part(600, 1100, 9400, 1900),),
        {2025: 600},
        BASKET,
        "2025-01-10T12:30:00+01:00",
        over_tcp=True,
    ),
    Example(
        "EX-58 any food", (Ask(1100, eligible_minor=1100),), (yes(1100),), {2025: 1100}, BASKET,
        "2025-01-24T12:30:00+01:00",
    ),
    Example(
        "ELI-02 no partial", (Ask(1100, eligible_minor=600),), (no("57", 1100),), {}, SUPERMARKET
    ),
    Example(
        "ELI-01 subtotal 0", (Ask(1100, eligible_minor=0),), (no("57", 1100),), {}, SUPERMARKET
    ),
    Example(
        "ELI-01 subtotal above the amount", (Ask(900, eligible_minor=5000),), (yes(900),),
        {2026: 900}, SUPERMARKET,
    ),
    Example("ELI-06 account check", (Ask(0),), (yes(0),), at=SUNDAY),
)  # fmt: skip
