"""Balance inquiries: what could be spent now (ENQ-01)."""

from datetime import date

from rules.facts import Workplace
from rules.standing import standing
from tests.rules.builders import BOOK, at, lot, some_facts, used


def test_the_lower_of_balance_and_headroom_is_usable() -> None:
    now = standing(some_facts(usage=used("2026-11-24", 1000), merchant=None), BOOK)
    assert (now.balance_minor, now.cap_minor, now.used_minor) == (10000, 2500, 1000)
    assert (now.remaining_minor, now.usable_minor) == (1500, 1500)
    assert (now.day, now.zone) == (date(2026, 11, 24), "Europe/Paris")
    assert standing(some_facts(lots=(lot(2026, 840),)), BOOK).usable_minor == 840


def test_nothing_is_usable_on_a_forbidden_day_although_something_remains() -> None:
    now = standing(some_facts(now=at("2026-11-22T12:00:00+01:00")), BOOK)
    assert (now.remaining_minor, now.usable_minor) == (2500, 0)


def test_the_next_expiry_is_that_of_the_oldest_usable_vintage() -> None:
    january = at("2027-01-15T12:00:00+01:00")
    lots = (lot(2027, 100), lot(2026, 100))
    assert standing(some_facts(now=january, lots=lots), BOOK).next_expiry == date(2027, 2, 28)
    march = at("2027-03-01T12:00:00+01:00")
    assert standing(some_facts(now=march, lots=lots), BOOK).next_expiry == date(2028, 2, 29)
    assert standing(some_facts(lots=()), BOOK).next_expiry is None


def test_without_a_merchant_day_and_cap_are_the_workplaces_and_the_lower_one() -> None:
    facts = some_facts(
        now=at("2021-06-05T23:00:00+00:00"), merchant=None, workplace=Workplace("972")
    )
    now = standing(facts, BOOK)
    assert (now.day, now.zone) == (date(2021, 6, 5), "America/Martinique")
    assert now.cap_minor == 1900
