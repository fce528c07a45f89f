"""The daily cap: one headroom for the day, whatever the merchants of the day were."""

from datetime import date

import pytest
from msgspec.structs import replace

from rules.cap import headroom, used_on
from rules.decision import Approved
from rules.facts import Merchant, Usage
from rules.pipeline import decide
from tests.rules.builders import BOOK, RESTAURANT, SHOP, at, lot, some_facts, used


@pytest.mark.parametrize(
    ("cap", "spent", "left"), [(2500, 0, 2500), (2500, 2499, 1), (2500, 2500, 0), (1900, 2500, 0)]
)
def test_headroom_is_never_negative(cap: int, spent: int, left: int) -> None:
    assert headroom(cap, spent) == left


def test_only_the_day_itself_counts_and_its_entries_add_up() -> None:
    """CAP-07: what was used or given back on another day changes nothing today."""
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    usage = (Usage(monday, 2500), Usage(tuesday, 500), Usage(tuesday, 700))
    assert used_on(usage, tuesday) == 1200
    assert used_on(usage, monday) == 2500
    assert used_on((), tuesday) == 0


@pytest.mark.parametrize(
    ("merchant", "spent", "paid"),
    [
        (RESTAURANT, 1900, 1900),  # 19.00 in a shop, then a restaurant: 19.00 left
        (SHOP, 2500, 0),  # 25.00 in a restaurant, then a shop: nothing left
        (RESTAURANT, 0, 3800),
        (SHOP, 0, 1900),
    ],
)
def test_mixed_merchants_in_the_double_cap(merchant: Merchant, spent: int, paid: int) -> None:
    """CAP-05, on a Tuesday of 2021."""
    facts = some_facts(
        5000,
        now=at("2021-06-08T12:30:00+02:00"),
        lots=(lot(2021, 10000),),
        merchant=merchant,
        usage=used("2021-06-08", spent),
        partial_ok=True,
    )
    decision = decide(facts, BOOK)
    assert (decision.voucher_minor if isinstance(decision, Approved) else 0) == paid
    if isinstance(decision, Approved):
        assert decision.usable_minor == 0


def test_before_the_decree_there_was_no_cap_in_euros() -> None:
    early = decide(
        some_facts(
            9000,
            now=at("2014-04-01T12:30:00+02:00"),
            lots=(lot(2014, 10000),),
            merchant=replace(RESTAURANT, agreement_from=date(2010, 1, 1)),
        ),
        BOOK,
    )
    assert isinstance(early, Approved)
    assert early.voucher_minor == 9000
