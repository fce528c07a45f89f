"""Vouchers taken for a day that was: funds of today, the cap of that day, and nothing else."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from rules.decision import Debit, Reason
from rules.facts import CardStatus, Channel, Facts, Usage
from rules.late import cover_late
from tests.rules.builders import BOOK, CARD, TUESDAY, at, lot, some_facts

DAY = TUESDAY.date()
LATER = TUESDAY + timedelta(days=40)
"""After the New Year of 2027."""


def paid(facts: Facts, day: date = DAY) -> int | Reason:
    """What the lots pay, or why not."""
    debits = cover_late(facts, BOOK, day)
    return debits if isinstance(debits, Reason) else sum(d.amount_minor for d in debits)


def test_the_cap_is_that_of_the_day_and_todays_use_does_not_count() -> None:
    usage = (Usage(DAY, 1500), Usage(LATER.date(), 2500))
    assert paid(some_facts(1000, now=LATER, usage=usage)) == 1000
    assert paid(some_facts(1001, now=LATER, usage=usage)) is Reason.DAILY_CAP


@pytest.mark.parametrize(("cents", "answer"), [(1900, 1900), (1901, Reason.DAILY_CAP)])
def test_the_cap_is_what_was_in_force_on_the_day(cents: int, answer: int | Reason) -> None:
    """P-CAP: 19.00 to 30 September 2022, 25.00 from the next day on."""
    facts = some_facts(cents, now=at("2022-10-03T12:30:00+02:00"), lots=(lot(2022, 5000),))
    assert paid(facts, date(2022, 9, 30)) == answer


def test_funds_are_those_that_may_be_spent_now() -> None:
    facts = some_facts(500, now=LATER, lots=(lot(2027, 500, 2),))
    assert cover_late(facts, BOOK, DAY) == (Debit(2, 2027, 500),)
    assert paid(replace(facts, lots=())) is Reason.INSUFFICIENT_BALANCE


def test_neither_sunday_nor_minimum_nor_a_blocked_card_refuses_what_was_approved() -> None:
    sunday, blocked = TUESDAY + timedelta(days=5), replace(CARD, status=CardStatus.BLOCKED)
    facts = some_facts(100, now=sunday, card=blocked, channel=Channel.ECOMMERCE)
    assert paid(facts) == 100
