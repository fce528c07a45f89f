"""Lots: usable by the workplace's day, exchanged when their time is up, spent in order."""

from datetime import date

import pytest

from rules.decision import Approved, Debit, Reason
from rules.facts import Lot, Origin, Workplace
from rules.pipeline import decide
from rules.rulebook import Rulebook, bundled
from rules.vouchers import take, usable_lots
from tests.rules.builders import BOOK, RESTAURANT, at, derogation, exchanged, lot, some_facts

ON_REQUEST = BOOK.derive(exchange_mode="ON_REQUEST")
NONE = BOOK.derive(exchange_mode="NONE")


def seen(lots: tuple[Lot, ...], day: str, book: Rulebook = BOOK) -> list[tuple[int, int]]:
    """Number and vintage of the usable lots, in order."""
    on = date.fromisoformat(day)
    return [(found.lot_no, found.vintage) for found in usable_lots(lots, on, book.on(on))]


# A lot of this vintage on this day counts as which vintage, in modes AUTO and ON_REQUEST?
USABLE = (
    (2026, "2025-12-31", None, None),
    (2026, "2026-01-01", None, None),  # loaded on 2 January
    (2026, "2026-01-02", 2026, 2026),
    (2026, "2026-12-31", 2026, 2026),
    (2026, "2027-02-28", 2026, 2026),
    (2026, "2027-03-01", 2027, None),
    (2026, "2028-02-29", 2027, None),
    (2026, "2028-03-01", 2028, None),
    (2023, "2024-02-29", 2023, 2023),
    (2023, "2024-03-01", 2024, None),
    (2020, "2021-03-01", 2020, 2020),
    (2020, "2021-08-31", 2020, 2020),
    (2020, "2021-09-01", 2021, None),
    (2019, "2021-08-31", 2020, None),
    (2018, "2026-11-24", 2026, None),
)


@pytest.mark.parametrize(("vintage", "day", "auto", "on_request"), USABLE)
def test_a_lot_counts_as(vintage: int, day: str, auto: int | None, on_request: int | None) -> None:
    """VIN-02, VIN-06, VIN-07: year by year, the long year 2020 included."""
    lots = (lot(vintage, 100, 1),)
    for book, expected in ((BOOK, auto), (ON_REQUEST, on_request), (NONE, on_request)):
        assert seen(lots, day, book) == ([] if expected is None else [(1, expected)])


def test_a_lot_of_a_coming_vintage_is_not_usable_although_loaded() -> None:
    early = lot(2027, 100, loaded_on=date(2026, 12, 20))
    assert seen((early,), "2026-12-31") == []
    assert seen((early,), "2027-01-01") == [(2027, 2027)]


def test_a_lot_loaded_later_than_the_day_is_not_usable_yet() -> None:
    """The clock may be set back."""
    assert seen((lot(2026, 100, loaded_on=date(2026, 11, 25)),), "2026-11-24") == []


def test_an_empty_lot_is_not_usable() -> None:
    assert seen((lot(2026, 0),), "2026-11-24") == []


def test_the_order_is_vintage_then_exchanged_then_oldest_load_then_number() -> None:
    """VIN-03, VIN-04; 4 is seen as exchanged although no exchange was booked."""
    lots = (
        lot(2028, 100, 6),
        lot(2027, 100, 3, loaded_on=date(2027, 1, 3)),
        lot(2027, 100, 2, loaded_on=date(2027, 1, 3)),
        lot(2027, 100, 1, loaded_on=date(2027, 1, 4)),
        lot(2026, 100, 4),
        exchanged(2027, 100, 5),
    )
    assert seen(lots, "2028-01-10") == [
        (4, 2027),
        (5, 2027),
        (2, 2027),
        (3, 2027),
        (1, 2027),
        (6, 2028),
    ]


def test_a_lot_seen_as_exchanged_says_so() -> None:
    day = date(2027, 3, 1)
    (found,) = usable_lots((lot(2026, 4230),), day, BOOK.on(day))
    assert (found.origin, found.available_minor) == (Origin.EXCHANGE, 4230)


def test_an_issuer_may_leave_a_gap_before_the_exchange() -> None:
    """P-EXCH-LAG: what has ended counts as the next vintage some days later, not at once."""
    late = BOOK.derive(exchange_lag_days=4)
    on_days = [
        seen((lot(2026, 100),), day, late)
        for day in ("2027-02-28", "2027-03-01", "2027-03-04", "2027-03-05")
    ]
    assert on_days == [[(2026, 2026)], [], [], [(2026, 2027)]]
    assert late.exchange_day(2026) == date(2027, 3, 5)


def test_exchange_modes_may_differ_by_vintage() -> None:
    """VIN-13: the announced reform ends the exchange of 2027, not that of 2026."""
    assert seen((lot(2026, 100),), "2028-03-01") == [(2026, 2028)]
    announced = bundled("fr-meal-2027-announced", disabled_too=True)
    assert seen((lot(2026, 100),), "2028-02-29", announced) == [(2026, 2027)]
    assert seen((lot(2026, 100),), "2028-03-01", announced) == []


def test_take_empties_lots_in_the_order_given() -> None:
    debits = take((lot(2026, 450), lot(2027, 10000)), 1500)
    assert debits == (Debit(2026, 2026, 450), Debit(2027, 2027, 1050))


def test_take_touches_no_lot_it_does_not_need() -> None:
    assert take((lot(2026, 1500), lot(2027, 1)), 1500) == (Debit(2026, 2026, 1500),)


def test_take_refuses_more_than_there_is() -> None:
    with pytest.raises(AssertionError):
        take((lot(2026, 10),), 11)


def test_usability_goes_by_the_workplace_and_the_cap_by_the_merchant() -> None:
    """VIN-02: at 22:00 of 28 February in Paris it is 1 March in La Reunion.

    An employee of La Reunion who eats in Paris on Sunday evening with a derogation: the day of
    the cap is Sunday the 28th, and yet the lot of 2026 counts as one of 2027, by the workplace.
    """
    facts = some_facts(
        1000,
        now=at("2027-02-28T22:00:00+01:00"),
        workplace=Workplace("974"),
        merchant=RESTAURANT,
        derogations=(derogation(sunday=True),),
        lots=(lot(2026, 1000),),
    )
    decision = decide(facts, BOOK)
    assert isinstance(decision, Approved)
    assert decision.day == date(2027, 2, 28)
    assert decision.debits == (Debit(2026, 2027, 1000),)
    assert decide(facts, ON_REQUEST).reason is Reason.INSUFFICIENT_BALANCE
