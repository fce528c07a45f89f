"""The top-up on the pure road: every TOP rule, and its worked examples, in one table.

Amounts are cents. TOP-13 and TOP-14 are asked of every row: the bank's part touches no lot, and
both parts are together what was approved, to the cent.
"""

from typing import Final

from authz.decide.topup import BankWord
from rules.facts import TopUp, Wallet
from tests.road.examples import SUNDAY, Ask, Example, no, part, yes
from tests.road.people import Setting
from tests.rules.builders import BOOK

YES, NO = BankWord.APPROVED, BankWord.DECLINED
SILENT, NOBODY = BankWord.SILENT, BankWord.NOT_ASKED

LINKED = Setting(top_up=True)
CENT = Setting(top_up=True, lots={2026: 1})
NINE = Setting(top_up=True, lots={2026: 9})
NOTHING = Setting(top_up=True, lots={})
LITTLE = Setting(top_up=True, lots={2026: 840})
USED_UP = Setting(top_up=True, lots={2026: 5000}, used={"2026-11-24": 2500})
ON_SUNDAYS = Setting(top_up=True, sundays=True)
BLOCKED = Setting(top_up=True, blocked=True)
APPLE = Setting(top_up=True, blocked=True, phone=Wallet.APPLE_PAY)
OFF = Setting(top_up=True, bank_card=TopUp(enabled=False, verified=True, expiry="2912"))
EXPIRED = Setting(top_up=True, bank_card=TopUp(enabled=True, verified=True, expiry="2610"))
THIS_MONTH = Setting(top_up=True, bank_card=TopUp(enabled=True, verified=True, expiry="2611"))
UNVERIFIED = Setting(top_up=True, bank_card=TopUp(enabled=True, verified=False, expiry="2912"))
NEEDS_VOUCHERS = BOOK.derive(topup_zero_voucher=False)
TEN_CENTS = BOOK.derive(topup_min_balance_minor=10)
FIFTY_EURO = BOOK.derive(topup_max_minor=5000)

FORTY, FORTY_OR_LESS = Ask(4000), Ask(4000, partial=True)
CAP_ONLY: Final = part(2500, 4000, 7500, 0)
"""What is left of 40.00 without the bank."""

TOPUPS: Final = (
    Example("TOP-01 EX-08", (FORTY,), (yes(4000),), {2026: 2500}, LINKED, word=YES,
            bank_minor=1500),
    Example("TOP-01 EX-09", (Ask(5500),), (yes(5500),), {2026: 2500}, LINKED, word=YES,
            bank_minor=3000),
    Example("TOP-01 a cent more", (Ask(5501),), (no("61", 5501),), {}, LINKED),
    Example("TOP-01 a cent more, in part", (Ask(5501, partial=True),),
            (part(5500, 5501, 7500, 0),), {2026: 2500}, LINKED, word=YES, bank_minor=3000),
    Example("TOP-01 30.00 for each bill", (Ask(5500), Ask(3000)), (yes(5500), yes(3000)),
            {2026: 2500}, LINKED, word=YES, bank_minor=6000),
    Example("TOP-01 a parameter", (Ask(7500),), (yes(7500),), {2026: 2500}, LINKED,
            book=FIFTY_EURO, word=YES, bank_minor=5000),
    Example("TOP-02 EX-11", (Ask(2000),), (yes(2000),), {2026: 1}, CENT, word=YES,
            bank_minor=1999),
    Example("TOP-02 EX-13", (Ask(1000, partial=True),), (no("51", 1000),), {}, NOTHING),
    Example("TOP-02 a parameter", (Ask(2000, partial=True),), (part(9, 2000, 0, 0),), {2026: 9},
            NINE, book=TEN_CENTS),
    Example("TOP-03 the balance is the limit", (Ask(1200),), (yes(1200),), {2026: 840}, LITTLE,
            word=YES, bank_minor=360),
    Example("TOP-04 EX-15", (Ask(1800),), (yes(1800),), {}, USED_UP, word=YES, bank_minor=1800),
    Example("TOP-04 EX-15 needs vouchers", (Ask(1800),), (no("61", 1800),), {}, USED_UP,
            book=NEEDS_VOUCHERS),
    Example("TOP-05 EX-17", (Ask(2000),), (no("57", 2000),), {}, LINKED, SUNDAY),
    Example("TOP-05 with derogation", (FORTY,), (yes(4000),), {2026: 2500}, ON_SUNDAYS, SUNDAY,
            word=YES, bank_minor=1500),
    Example("TOP-06 EX-39", (Ask(6000, partial=True, eligible_minor=3200),),
            (part(3200, 6000, 7500, 0),), {2026: 2500}, Setting(top_up=True, shop=True), word=YES,
            bank_minor=700),
    Example("TOP-06 nothing but what is eligible", (Ask(6000, eligible_minor=3200),),
            (no("57", 6000),), {}, Setting(top_up=True, shop=True)),
    Example("TOP-07 by phone", (FORTY,), (yes(4000),), {2026: 2500},
            Setting(top_up=True, phone=Wallet.PLUXEE_PAY), word=YES, bank_minor=1500),
    Example("TOP-07 no Conecs logo", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500},
            Setting(top_up=True, conecs=False)),
    Example("TOP-08 not linked", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, Setting()),
    Example("TOP-08 switched off", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, OFF),
    Example("TOP-09 vouchers are enough", (Ask(2500),), (yes(2500),), {2026: 2500}, LINKED),
    Example("TOP-10 EX-42 in part", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, LINKED, word=NO),
    Example("TOP-10 EX-42 whole or nothing", (FORTY,), (no("61", 4000),), {}, LINKED, word=NO),
    Example("TOP-10 EX-43", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, LINKED, word=SILENT),
    Example("TOP-10 no line to the bank", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, LINKED,
            word=NOBODY),
    Example("TOP-10 nothing but the bank's part", (Ask(1800, partial=True),), (no("61", 1800),),
            {}, USED_UP, word=NO),
    Example("TOP-10 released vouchers can be spent", (FORTY, Ask(2500)),
            (no("61", 4000), yes(2500)), {2026: 2500}, LINKED, word=NO),
    Example("TOP-10 repeated", (FORTY, Ask(repeats=0)), (yes(4000), yes(4000)), {2026: 2500},
            LINKED, word=YES, bank_minor=1500),
    Example("TOP-10 a decline repeated", (FORTY, Ask(repeats=0)), (no("61", 4000), no("61", 4000)),
            {}, LINKED, word=NO),
    Example("TOP-11 EX-45", (Ask(1000),), (no("62", 1000),), {}, BLOCKED),
    Example("TOP-11 a token that still works", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, APPLE),
    Example("TOP-11 and would not do", (FORTY,), (no("61", 4000),), {}, APPLE),
    Example("TOP-12 expired", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, EXPIRED),
    Example("TOP-12 expired, no error", (FORTY,), (no("61", 4000),), {}, EXPIRED),
    Example("TOP-12 its last month", (FORTY,), (yes(4000),), {2026: 2500}, THIS_MONTH, word=YES,
            bank_minor=1500),
    Example("TOP-12 not verified", (FORTY_OR_LESS,), (CAP_ONLY,), {2026: 2500}, UNVERIFIED),
    Example("TOP-13 its own account", (FORTY,), (yes(4000),), {2026: 2500}, LINKED, word=YES,
            bank_minor=1500),
    Example("TOP-14 to the cent", (Ask(2501),), (yes(2501),), {2026: 2500}, LINKED, word=YES,
            bank_minor=1),
)  # fmt: skip
