"""The worked examples that a decision can answer, one row each, by their number."""

import pytest
from msgspec import Struct
from msgspec.structs import replace

from rules.decision import Approved, Reason
from rules.facts import CardStatus, Channel, Facts, GeoScope, Workplace
from rules.pipeline import decide, explain
from rules.rulebook import Rulebook
from rules.topup import without_bank
from tests.rules.builders import (
    ANDROID,
    APPLE,
    BOOK,
    CARD,
    PARIS,
    RESTAURANT,
    SHOP,
    TOP_UP,
    at,
    derogation,
    lot,
    some_facts,
    used,
)


class Example(Struct, frozen=True):
    """Facts, and what they must lead to: reason, vouchers as {vintage: cents}, bank cents."""

    id: str
    facts: Facts
    reason: Reason
    vouchers: dict[int, int] = {}
    bank_minor: int = 0
    book: Rulebook = BOOK


OK, PART = Reason.APPROVED, Reason.APPROVED_PARTIAL
SUNDAY = at("2026-11-22T12:00:00+01:00")
BLOCKED = replace(CARD, status=CardStatus.BLOCKED)
GEO = BOOK.derive(geo_block=True)
NO_ZERO = BOOK.derive(topup_zero_voucher=False)
LATE_SATURDAY = at("2026-11-21T23:14:35+00:00")
MARTINIQUE = replace(RESTAURANT, department="972")
MARSEILLE = replace(RESTAURANT, department="13")
NANTERRE = replace(RESTAURANT, department="92")
ANYWHERE = replace(PARIS, geo_scope=GeoScope.FRANCE)
BOXING_DAY = at("2026-12-26T12:00:00+01:00")
JANUARY = at("2027-01-15T12:30:00+01:00")
LAST_DAY = at("2027-02-28T12:30:00+01:00")
LITTLE = (lot(2026, 840),)
TEN = (lot(2026, 1000),)
ON_SUNDAYS = (derogation(sunday=True),)
FRIDAY = at("2026-12-25T12:00:00+01:00")

EXAMPLES = (
    Example("EX-01", some_facts(1250), OK, {2026: 1250}),
    Example(
        "EX-02",
        some_facts(1250, usage=used("2026-11-24", 1250), lots=(lot(2026, 8750),)),
        OK,
        {2026: 1250},
    ),
    Example(
        "EX-03",
        some_facts(1, usage=used("2026-11-24", 2500), lots=(lot(2026, 7500),)),
        Reason.DAILY_CAP,
    ),
    Example("EX-04", some_facts(3000, partial_ok=True), PART, {2026: 2500}),
    Example("EX-05", some_facts(3000), Reason.DAILY_CAP),
    Example("EX-06", some_facts(1200, lots=LITTLE, partial_ok=True), PART, {2026: 840}),
    Example("EX-07", some_facts(1200, lots=LITTLE), Reason.INSUFFICIENT_BALANCE),
    Example("EX-08", some_facts(4000, top_up=TOP_UP), OK, {2026: 2500}, 1500),
    Example("EX-09", some_facts(5500, top_up=TOP_UP), OK, {2026: 2500}, 3000),
    Example("EX-11", some_facts(2000, top_up=TOP_UP, lots=(lot(2026, 1),)), OK, {2026: 1}, 1999),
    Example(
        "EX-13",
        some_facts(1000, top_up=TOP_UP, lots=(), partial_ok=True),
        Reason.INSUFFICIENT_BALANCE,
    ),
    Example(
        "EX-15 zero voucher",
        some_facts(1800, top_up=TOP_UP, usage=used("2026-11-24", 2500), lots=(lot(2026, 5000),)),
        OK,
        {},
        1800,
    ),
    Example(
        "EX-15 no zero voucher",
        some_facts(1800, top_up=TOP_UP, usage=used("2026-11-24", 2500), lots=(lot(2026, 5000),)),
        Reason.DAILY_CAP,
        book=NO_ZERO,
    ),
    Example("EX-17", some_facts(2000, top_up=TOP_UP, now=SUNDAY), Reason.DAY_NOT_ALLOWED),
    Example("EX-18", some_facts(2000, now=SUNDAY, derogations=ON_SUNDAYS), OK, {2026: 2000}),
    Example("EX-19", some_facts(1000, now=FRIDAY, derogations=ON_SUNDAYS), Reason.DAY_NOT_ALLOWED),
    Example(
        "EX-20 Strasbourg",
        some_facts(1000, now=BOXING_DAY, workplace=Workplace("67")),
        Reason.DAY_NOT_ALLOWED,
    ),
    Example("EX-20 Paris", some_facts(1000, now=BOXING_DAY), OK, {2026: 1000}),
    Example("EX-22 Paris", some_facts(1000, now=LATE_SATURDAY), Reason.DAY_NOT_ALLOWED),
    Example(
        "EX-22 Martinique",
        some_facts(1000, now=LATE_SATURDAY, merchant=MARTINIQUE, workplace=Workplace("972")),
        OK,
        {2026: 1000},
    ),
    Example(
        "EX-23 Monday",
        some_facts(2000, now=at("2026-11-23T23:59:59+01:00"), usage=used("2026-11-23", 500)),
        OK,
        {2026: 2000},
    ),
    Example(
        "EX-23 Tuesday",
        some_facts(2500, now=at("2026-11-24T00:00:01+01:00"), usage=used("2026-11-23", 2500)),
        OK,
        {2026: 2500},
    ),
    Example(
        "EX-24",
        some_facts(2500, now=at("2026-11-24T00:00:03+01:00"), usage=used("2026-11-23", 2500)),
        OK,
        {2026: 2500},
    ),
    Example(
        "EX-26",
        some_facts(1500, now=JANUARY, lots=(lot(2027, 10000), lot(2026, 450))),
        OK,
        {2026: 450, 2027: 1050},
    ),
    Example(
        "EX-27",
        some_facts(2500, now=JANUARY, lots=(lot(2027, 10000), lot(2026, 30000))),
        OK,
        {2026: 2500},
    ),
    Example(
        "EX-29 Saturday",
        some_facts(1000, now=at("2027-02-27T12:30:00+01:00"), lots=TEN),
        OK,
        {2026: 1000},
    ),
    Example("EX-29 Sunday", some_facts(1000, now=LAST_DAY, lots=TEN), Reason.DAY_NOT_ALLOWED),
    Example(
        "EX-29 Sunday with derogation",
        some_facts(1000, now=LAST_DAY, lots=TEN, derogations=ON_SUNDAYS),
        OK,
        {2026: 1000},
    ),
    Example(
        "EX-30",
        some_facts(
            2000,
            now=at("2027-03-01T12:30:00+01:00"),
            lots=(lot(2026, 4230), lot(2027, 6000)),
        ),
        OK,
        {2027: 2000},
    ),
    # EX-34 and EX-35: what a refund leaves behind is only the usage of the paid day (CAP-07).
    Example("EX-34 after the refund", some_facts(2500), OK, {2026: 2500}),
    Example(
        "EX-35 after yesterday's refund",
        some_facts(100, now=at("2026-11-25T12:30:00+01:00"), usage=used("2026-11-25", 2500)),
        Reason.DAILY_CAP,
    ),
    Example(
        "EX-39",
        some_facts(6000, top_up=TOP_UP, partial_ok=True, merchant=SHOP, eligible_minor=3200),
        PART,
        {2026: 2500},
        700,
    ),
    Example("EX-41", some_facts(2200, channel=Channel.ECOMMERCE), OK, {2026: 2200}),
    Example("EX-42 before the bank", some_facts(4000, top_up=TOP_UP), OK, {2026: 2500}, 1500),
    Example(
        "EX-42 declined, partial",
        without_bank(some_facts(4000, top_up=TOP_UP, partial_ok=True)),
        PART,
        {2026: 2500},
    ),
    Example(
        "EX-42 declined, no partial",
        without_bank(some_facts(4000, top_up=TOP_UP)),
        Reason.DAILY_CAP,
    ),
    Example("EX-45 card", some_facts(1000, top_up=TOP_UP, card=BLOCKED), Reason.CARD_BLOCKED),
    Example(
        "EX-45 Android token",
        some_facts(1000, top_up=TOP_UP, card=BLOCKED, token=ANDROID),
        Reason.CARD_BLOCKED,
    ),
    Example(
        "TOK-07 Apple token pays with vouchers",
        some_facts(1000, top_up=TOP_UP, card=BLOCKED, token=APPLE),
        OK,
        {2026: 1000},
    ),
    Example(
        "TOK-07 Apple token has no top-up",
        some_facts(4000, top_up=TOP_UP, card=BLOCKED, token=APPLE, partial_ok=True),
        PART,
        {2026: 2500},
    ),
    Example(
        "EX-47 first", some_facts(1500, lots=(lot(2026, 2000),), partial_ok=True), OK, {2026: 1500}
    ),
    Example(
        "EX-47 second",
        some_facts(
            1500,
            lots=(lot(2026, 500),),
            partial_ok=True,
            usage=used("2026-11-24", 1500),
        ),
        PART,
        {2026: 500},
    ),
    Example("EX-54 off", some_facts(1000, merchant=MARSEILLE), OK, {2026: 1000}),
    Example(
        "EX-54 on, Marseille",
        some_facts(1000, merchant=MARSEILLE),
        Reason.GEO_NOT_ALLOWED,
        book=GEO,
    ),
    Example("EX-54 on, Nanterre", some_facts(1000, merchant=NANTERRE), OK, {2026: 1000}, book=GEO),
    Example(
        "EX-54 on, all of France",
        some_facts(1000, merchant=MARSEILLE, workplace=ANYWHERE),
        OK,
        {2026: 1000},
        book=GEO,
    ),
    Example(
        "EX-58 ready to eat only",
        some_facts(
            1100,
            now=at("2025-01-10T12:30:00+01:00"),
            lots=(lot(2025, 10000),),
            merchant=SHOP,
            eligible_minor=600,
            partial_ok=True,
        ),
        PART,
        {2025: 600},
    ),
    Example(
        "EX-58 any food",
        some_facts(
            1100,
            now=at("2025-01-24T12:30:00+01:00"),
            lots=(lot(2025, 10000),),
            merchant=SHOP,
            eligible_minor=1100,
        ),
        OK,
        {2025: 1100},
    ),
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_example_is_decided_as_written(example: Example) -> None:
    """Reason, vouchers per vintage and bank leg are those of the document."""
    decision = decide(example.facts, example.book)
    assert decision.reason is example.reason
    if isinstance(decision, Approved):
        vouchers: dict[int, int] = {}
        for debit in decision.debits:
            vouchers[debit.vintage] = vouchers.get(debit.vintage, 0) + debit.amount_minor
        assert vouchers == example.vouchers
        assert decision.bank_minor == example.bank_minor


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_example_is_explained_by_the_same_decision(example: Example) -> None:
    """The trace ends in the decision, and says which rule decided."""
    decision = decide(example.facts, example.book)
    trace = explain(example.facts, example.book)
    assert trace.decision == decision
    assert trace.rulebook == example.book.version
    assert trace.steps[-1].held is isinstance(decision, Approved)


def test_ex_01_leaves_12_50_to_spend_today() -> None:
    """EX-01: balance 87.50, headroom left 12.50."""
    decision = decide(some_facts(1250), BOOK)
    assert isinstance(decision, Approved)
    assert (decision.balance_minor, decision.usable_minor) == (8750, 1250)


def test_ex_02_leaves_nothing_to_spend_today() -> None:
    """EX-02: balance 75.00, headroom 0."""
    lots = (lot(2026, 8750),)
    decision = decide(some_facts(1250, usage=used("2026-11-24", 1250), lots=lots), BOOK)
    assert isinstance(decision, Approved)
    assert (decision.balance_minor, decision.usable_minor) == (7500, 0)


def test_ex_24_counts_on_the_day_of_receipt() -> None:
    """EX-24: received three seconds past midnight, it is Tuesday's whatever the terminal says."""
    decision = decide(some_facts(2500, now=at("2026-11-24T00:00:03+01:00")), BOOK)
    assert str(decision.day) == "2026-11-24"


def test_ex_30_takes_the_exchanged_lot_first_and_loses_nothing() -> None:
    """EX-30: 82.30 is left in all; the lot of 2026 pays although no exchange was booked."""
    lots = (lot(2026, 4230, 1), lot(2027, 6000, 2))
    decision = decide(some_facts(2000, now=at("2027-03-01T12:30:00+01:00"), lots=lots), BOOK)
    assert isinstance(decision, Approved)
    assert [debit.lot_no for debit in decision.debits] == [1]
    assert decision.balance_minor == 8230
