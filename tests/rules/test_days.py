"""The day rule: Sundays, holidays, derogations, and whose calendar counts."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from rules.decision import Reason
from rules.facts import Channel, Derogation, Workplace
from rules.pipeline import decide, explain
from tests.rules.builders import (
    BOOK,
    CARD,
    RESTAURANT,
    SHOP,
    at,
    derogation,
    lot,
    some_facts,
)

SUNDAY, HOLIDAY = derogation(sunday=True), derogation(holiday=True)
BOTH = derogation(sunday=True, holiday=True)


def is_open(day: str, *derogations: Derogation, **changes: Any) -> bool:
    """Tell whether 10.00 is approved about noon in Paris on that day."""
    facts = some_facts(
        1000,
        now=at(f"{day}T11:00:00+00:00"),
        derogations=derogations,
        **{"lots": (lot(int(day[:4]), 10000),), **changes},
    )
    reason = decide(facts, BOOK).reason
    assert reason in {Reason.APPROVED, Reason.DAY_NOT_ALLOWED}
    return reason is Reason.APPROVED


@pytest.mark.parametrize(
    ("day", "derogations", "expected"),
    [
        ("2026-11-21", (), True),  # Saturday
        ("2026-11-22", (), False),  # Sunday
        ("2026-11-22", (SUNDAY,), True),
        ("2026-11-22", (HOLIDAY,), False),
        ("2026-12-25", (), False),  # Friday and holiday
        ("2026-12-25", (HOLIDAY,), True),
        ("2026-12-25", (SUNDAY,), False),
        ("2026-11-01", (SUNDAY,), False),  # holiday on a Sunday needs both (DAY-04)
        ("2026-11-01", (HOLIDAY,), False),
        ("2026-11-01", (BOTH,), True),
        ("2026-11-01", (SUNDAY, HOLIDAY), True),
        ("2027-05-17", (), False),  # Whit Monday, worked or not
    ],
)
def test_what_opens_a_day(day: str, derogations: tuple[Derogation, ...], expected: bool) -> None:
    assert is_open(day, *derogations) is expected


@pytest.mark.parametrize(
    ("first", "last", "dates", "expected"),
    [
        ("2026-11-22", "2026-11-22", None, True),
        ("2026-11-23", None, None, False),
        ("2020-01-01", "2026-11-21", None, False),
        ("2020-01-01", None, ("2026-11-22",), True),
        ("2020-01-01", None, ("2026-11-15", "2026-11-29"), False),
        ("2020-01-01", None, (), False),
        ("2026-11-23", None, ("2026-11-22",), False),
    ],
)
def test_a_derogation_holds_between_its_dates_and_on_its_list(
    first: str, last: str | None, dates: tuple[str, ...] | None, expected: bool
) -> None:
    """DAY-03: both ends included; a list narrows it to some Sundays; an empty list opens none."""
    some = Derogation(
        date.fromisoformat(first),
        None if last is None else date.fromisoformat(last),
        sunday=True,
        holiday=False,
        dates=None if dates is None else tuple(map(date.fromisoformat, dates)),
    )
    assert is_open("2026-11-22", some) is expected


@pytest.mark.parametrize(
    ("day", "merchant", "expected"),
    [
        ("2021-06-06", RESTAURANT, True),
        ("2021-06-06", SHOP, False),
        ("2021-07-14", RESTAURANT, True),
        ("2022-07-03", RESTAURANT, False),
    ],
)
def test_restaurants_were_open_in_the_temporary_regime(
    day: str, merchant: Any, expected: bool
) -> None:
    """DAY-10: 12 June 2020 to 30 June 2022, a holiday included."""
    assert is_open(day, merchant=merchant) is expected


@pytest.mark.parametrize(
    ("basis", "workplace", "merchant", "expected"),
    [
        ("WORKPLACE", "67", "75", False),
        ("WORKPLACE", "75", "67", True),
        ("MERCHANT", "67", "75", True),
        ("MERCHANT", "75", "67", False),
        ("EITHER", "67", "75", False),
        ("EITHER", "75", "67", False),
        ("EITHER", "75", "75", True),
    ],
)
def test_whose_calendar_counts(basis: str, workplace: str, merchant: str, expected: bool) -> None:
    """DAY-08 on 26 December 2026, a Saturday and holiday in Alsace-Moselle."""
    book = BOOK.derive(holiday_basis=basis)
    facts = some_facts(
        1000,
        now=at("2026-12-26T12:00:00+01:00"),
        workplace=Workplace(workplace),
        merchant=replace(RESTAURANT, department=merchant),
    )
    assert (decide(facts, book).reason is Reason.APPROVED) is expected


@pytest.mark.parametrize(("temple", "expected"), [(True, False), (False, True), (None, True)])
def test_good_friday_needs_a_commune_with_a_temple(temple: bool | None, expected: bool) -> None:
    """DAY-06: 26 March 2027 in Strasbourg; an unknown commune is not blocked."""
    place = Workplace("67", good_friday=temple)
    assert is_open("2027-03-26", workplace=place) is expected


@pytest.mark.parametrize(
    ("basis", "workplace", "merchant"), [("WORKPLACE", "67", "75"), ("MERCHANT", "75", "67")]
)
def test_an_unknown_commune_may_be_blocked_by_parameter(
    basis: str, workplace: str, merchant: str
) -> None:
    """DAY-06; of a merchant's commune nobody ever says whether it has a temple."""
    facts = some_facts(
        1000,
        now=at("2027-03-26T12:00:00+01:00"),
        workplace=Workplace(workplace),
        merchant=replace(RESTAURANT, department=merchant),
        lots=(lot(2027, 10000),),
    )
    open_book = BOOK.derive(holiday_basis=basis)
    assert decide(facts, open_book).reason is Reason.APPROVED
    book = BOOK.derive(holiday_basis=basis, good_friday_if_unknown=True)
    assert decide(facts, book).reason is Reason.DAY_NOT_ALLOWED


def test_without_a_workplace_the_national_days_still_close() -> None:
    assert not is_open("2026-12-25", workplace=None)
    assert is_open("2026-12-26", workplace=None)


def test_an_online_purchase_has_the_day_of_the_workplace() -> None:
    """DAY-01: 23:14 UTC on Saturday, a merchant in Paris, an employee in Martinique."""
    facts = some_facts(1000, now=at("2026-11-21T23:14:35+00:00"), workplace=Workplace("972"))
    online = replace(facts, purchase=replace(facts.purchase, channel=Channel.ECOMMERCE))
    assert decide(facts, BOOK).reason is Reason.DAY_NOT_ALLOWED
    assert decide(online, BOOK).reason is Reason.APPROVED
    assert decide(online, BOOK).day == date(2026, 11, 21)


def test_a_merchant_of_unknown_territory_has_the_day_of_the_workplace() -> None:
    """DAY-01."""
    nowhere = replace(RESTAURANT, department="")
    facts = some_facts(
        1000,
        now=at("2026-11-21T23:14:35+00:00"),
        workplace=Workplace("972"),
        merchant=nowhere,
    )
    assert decide(facts, BOOK).reason is Reason.APPROVED


def test_the_trace_says_so_when_the_year_has_no_table() -> None:
    card = replace(CARD, expiry="4912")
    facts = some_facts(1000, now=at("2041-12-24T12:00:00+01:00"), card=card)
    (step,) = (s for s in explain(facts, BOOK).steps if s.rule == "day_is_allowed")
    assert "outside the holiday table" in step.words


@pytest.mark.parametrize(
    ("day", "expected"), [("2041-12-24", True), ("2041-12-25", False), ("2041-04-22", False)]
)
def test_a_year_without_a_table_still_closes_the_national_days(day: str, expected: bool) -> None:
    """DAY-08: fail closed; 22 April 2041 is Easter Monday."""
    assert is_open(day, card=replace(CARD, expiry="4912")) is expected
