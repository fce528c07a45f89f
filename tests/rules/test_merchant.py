"""The merchant: affiliated and agreed on the day; its MCC decides nothing."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from rules.decision import Reason
from rules.pipeline import decide, explain
from tests.rules.builders import BOOK, RESTAURANT, some_facts

# The day is 2026-11-24.
MERCHANTS: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("agreed and affiliated", {}, True),
    ("not affiliated", {"affiliated": False}, False),
    ("no agreement", {"agreement_from": None}, False),
    ("agreed from today", {"agreement_from": date(2026, 11, 24)}, True),
    ("agreed from tomorrow", {"agreement_from": date(2026, 11, 25)}, False),
    ("agreed to today", {"agreement_to": date(2026, 11, 24)}, True),
    ("agreed to yesterday", {"agreement_to": date(2026, 11, 23)}, False),
    ("abroad", {"country": "BE"}, False),
    ("overseas", {"department": "974"}, True),
    ("an MCC off the list", {"mcc": "5732"}, True),
)


@pytest.mark.parametrize(
    ("changes", "eligible"), [r[1:] for r in MERCHANTS], ids=[r[0] for r in MERCHANTS]
)
def test_who_may_take_vouchers(changes: dict[str, Any], eligible: bool) -> None:
    """MER-01, GEO-03."""
    reason = decide(some_facts(merchant=replace(RESTAURANT, **changes)), BOOK).reason
    assert reason is (Reason.APPROVED if eligible else Reason.MERCHANT_NOT_ELIGIBLE)


@pytest.mark.parametrize("mcc", ["5812", "5732"])
def test_a_good_mcc_does_not_make_a_merchant(mcc: str) -> None:
    """MER-02: unregistered or without agreement, the MCC proves nothing."""
    assert decide(some_facts(merchant=None), BOOK).reason is Reason.MERCHANT_NOT_ELIGIBLE
    merchant = replace(RESTAURANT, mcc=mcc, agreement_from=None)
    assert decide(some_facts(merchant=merchant), BOOK).reason is Reason.MERCHANT_NOT_ELIGIBLE


@pytest.mark.parametrize(("mcc", "words"), [("5812", "is on the"), ("5732", "is not on the")])
def test_the_trace_notes_the_mcc(mcc: str, words: str) -> None:
    trace = explain(some_facts(merchant=replace(RESTAURANT, mcc=mcc)), BOOK)
    (step,) = (step for step in trace.steps if step.rule == "merchant_is_eligible")
    assert f"MCC {mcc} {words} usual list" in step.words
