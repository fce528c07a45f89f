"""Advices: which day they count for (ADV-02), and which laws an offline payment broke (ADV-01)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from rules.advice import Advised, post_advice, post_unknown
from rules.facts import Channel, Merchant, Purchase, Workplace
from tests.rules.builders import (
    BOOK,
    PARIS,
    RESTAURANT,
    TUESDAY,
    at,
    derogation,
    lot,
    some_facts,
    used,
)

MARTINIQUE = replace(RESTAURANT, department="972")


def known(now: datetime, month_day: str | None) -> Advised:
    """How an advice of one of our cards is posted that is received at this instant."""
    return post_advice(some_facts(now=now), BOOK, month_day)


def unknown(now: datetime, month_day: str | None) -> Advised:
    """How one of a card that nobody issued is, at the same place."""
    return post_unknown(now, Purchase(1250), RESTAURANT, month_day)


@pytest.mark.parametrize("advised", [known, unknown])
@pytest.mark.parametrize(
    ("received", "month_day", "day"),
    [
        ("2026-11-24", None, "2026-11-24"),
        ("2026-11-24", "1124", "2026-11-24"),
        ("2026-11-24", "1121", "2026-11-21"),
        ("2026-11-24", "1117", "2026-11-17"),  # seven days: believed
        ("2026-11-24", "1116", "2026-11-24"),  # eight: not
        ("2026-11-24", "1125", "2026-11-24"),  # the future
        ("2026-11-24", "1131", "2026-11-24"),  # no day at all
        ("2027-01-02", "1229", "2026-12-29"),  # of the year before
        ("2027-01-02", "1225", "2027-01-02"),
        ("2028-03-02", "0229", "2028-02-29"),
        ("2027-03-02", "0229", "2027-03-02"),
    ],
)
def test_the_terminals_day_counts_unless_it_is_to_come_or_long_past(
    advised: Callable[[datetime, str | None], Advised],
    received: str,
    month_day: str | None,
    day: str,
) -> None:
    """ADV-02, of a card that we know and of one that nobody issued."""
    now = datetime.fromisoformat(f"{received}T11:30:00").replace(tzinfo=UTC)
    assert advised(now, month_day).day == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("merchant", "channel", "day"),
    [
        (RESTAURANT, Channel.IN_STORE, "2026-11-25"),
        (MARTINIQUE, Channel.IN_STORE, "2026-11-24"),
        (MARTINIQUE, Channel.ECOMMERCE, "2026-11-25"),
        (None, Channel.IN_STORE, "2026-11-25"),
    ],
)
def test_a_card_without_a_workplace_goes_by_the_merchants_time_or_that_of_paris(
    merchant: Merchant | None, channel: Channel, day: str
) -> None:
    """DAY-01: 00:30 in Paris, 19:30 the day before in Martinique."""
    midnight = at("2026-11-25T00:30:00+01:00")
    advised = post_unknown(midnight, Purchase(1250, channel=channel), merchant, None)
    assert advised == Advised(date.fromisoformat(day), (), 0, 1250, ())


def test_an_advice_of_a_forbidden_day_says_so() -> None:
    """ADV-01, DAY-03: the day is the terminal's; a derogation of that day allows it."""
    sunday = TUESDAY - timedelta(days=2)
    assert known(sunday, None).overruns == ("DAY_OVERRUN",)
    assert known(TUESDAY, "1122").overruns == ("DAY_OVERRUN",)
    assert known(sunday, "1121").overruns == ()
    allowed = some_facts(now=sunday, derogations=(derogation(sunday=True),))
    assert post_advice(allowed, BOOK, None).overruns == ()


def test_an_advice_of_a_holiday_of_the_workplace_says_so() -> None:
    """DAY-06, DAY-08: 26 December is one in Strasbourg."""
    strasbourg, after = Workplace("67", "67482"), TUESDAY + timedelta(days=32)
    facts = some_facts(now=after, workplace=strasbourg)
    assert post_advice(facts, BOOK, None).overruns == ("DAY_OVERRUN",)
    assert post_advice(replace(facts, workplace=PARIS), BOOK, None).overruns == ()


def test_the_cap_that_an_advice_overruns_is_that_of_the_terminals_day() -> None:
    usage = used("2026-11-21", 2000)
    facts = some_facts(501, usage=usage)
    assert post_advice(facts, BOOK, "1121").overruns == ("CAP_OVERRUN",)
    assert post_advice(facts, BOOK, None).overruns == ()
    assert post_advice(some_facts(500, usage=usage), BOOK, "1121").overruns == ()


@pytest.mark.parametrize(("cents", "overruns"), [(1900, ()), (1901, ("CAP_OVERRUN",))])
def test_the_cap_is_what_was_in_force_on_the_terminals_day(
    cents: int, overruns: tuple[str, ...]
) -> None:
    """P-CAP: 19.00 to 30 September 2022, 25.00 on 3 October when the advice comes."""
    facts = some_facts(cents, now=at("2022-10-03T12:30:00+02:00"), lots=(lot(2022, 5000),))
    assert post_advice(facts, BOOK, "0930").overruns == overruns
    assert post_advice(facts, BOOK, "1003").overruns == ()
