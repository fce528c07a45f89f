"""How far a payment came: a table of stories."""

from datetime import UTC, datetime

import pytest

from authz.payments.progress import Step, Totals, state_of, totals_of
from authz.requests import Kind
from rules.decision import Reason

AT = datetime(2026, 11, 24, 11, tzinfo=UTC)

# What happened, with amounts; then authorized, reversed, captured, refunded; then the state.
STORIES = [
    ("purchase 100", (100, 0, 100, 0), "CAPTURED"),
    ("purchase 100, reversal 100", (100, 100, 100, 0), "REVERSED"),
    ("purchase 100, reversal 30", (100, 30, 100, 0), "PARTIALLY_REVERSED"),
    ("purchase 100, reversal 30, reversal 70", (100, 100, 100, 0), "REVERSED"),
    ("purchase 100, reversal 0", (100, 0, 100, 0), "CAPTURED"),
    ("purchase 100, refund 40", (100, 0, 100, 40), "PARTIALLY_REFUNDED"),
    ("purchase 100, refund 40, refund 60", (100, 0, 100, 100), "REFUNDED"),
    ("purchase 100, reversal 30, refund 70", (100, 30, 100, 70), "REFUNDED"),
    ("purchase 100, refund 0", (100, 0, 100, 0), "CAPTURED"),
    ("purchase 0", (0, 0, 0, 0), "CAPTURED"),
    ("purchase 0, reversal 0", (0, 0, 0, 0), "CAPTURED"),
    ("hold 0", (0, 0, 0, 0), "AUTHORIZED"),
    ("advice 100", (100, 0, 100, 0), "CAPTURED"),
    ("hold 100", (100, 0, 0, 0), "AUTHORIZED"),
    ("hold 100, capture 100", (100, 0, 100, 0), "CAPTURED"),
    ("hold 100, capture 80", (100, 0, 80, 0), "CAPTURED"),
    ("hold 100, reversal 100", (100, 100, 0, 0), "REVERSED"),
    ("hold 100, reversal 40", (100, 40, 0, 0), "PARTIALLY_REVERSED"),
    ("hold 100, reversal 40, capture 60", (100, 40, 60, 0), "CAPTURED"),
    ("hold 100, capture 80, reversal 80", (100, 80, 80, 0), "REVERSED"),
    ("hold 100, capture 80, refund 80", (100, 0, 80, 80), "REFUNDED"),
    ("hold 100, reversal 40, capture 60, refund 20", (100, 40, 60, 20), "PARTIALLY_REFUNDED"),
    ("hold 100, reversal 40, capture 60, refund 60", (100, 40, 60, 60), "REFUNDED"),
    ("hold 100, capture 80, reversal 30, refund 50", (100, 30, 80, 50), "REFUNDED"),
    ("purchase 100, advice 25", (100, 0, 75, 0), "CAPTURED"),
    ("purchase 100, advice 25, refund 75", (100, 0, 75, 75), "REFUNDED"),
    ("purchase 100, advice 25, refund 50", (100, 0, 75, 50), "PARTIALLY_REFUNDED"),
    ("purchase 100, advice 25, reversal 75", (100, 75, 75, 0), "REVERSED"),
    ("advice 100, advice 25", (100, 0, 75, 0), "CAPTURED"),
    ("hold 100, advice 25, capture 75", (100, 0, 75, 0), "CAPTURED"),
    ("hold 100, advice 25, reversal 75", (100, 75, 0, 0), "REVERSED"),
    ("hold 100, capture 80, advice 20", (100, 0, 60, 0), "CAPTURED"),
    ("hold 100, capture 80, advice 20, refund 60", (100, 0, 60, 60), "REFUNDED"),
    ("hold 100, cancel 100", (100, 100, 0, 0), "CANCELLED"),
    ("hold 100, reversal 40, cancel 60", (100, 100, 0, 0), "CANCELLED"),
    ("hold 100, cancel 0, capture 80", (100, 0, 80, 0), "CAPTURED"),
    ("hold 100, expiry 100", (100, 0, 0, 0), "EXPIRED"),
    ("hold 100, expiry 100, cancel 0", (100, 0, 0, 0), "EXPIRED"),
    ("hold 100, expiry 100, capture 60", (100, 0, 60, 0), "CAPTURED"),
]


def steps_of(story: str) -> list[Step]:
    return [
        Step(Kind(kind.upper()), AT, Reason.APPROVED, int(amount))
        for kind, amount in (part.split() for part in story.split(", "))
    ]


@pytest.mark.parametrize(("story", "totals", "state"), STORIES)
def test_totals_and_state_follow_the_story(
    story: str, totals: tuple[int, int, int, int], state: str
) -> None:
    steps = steps_of(story)
    assert totals_of(steps) == Totals(*totals)
    assert state_of(steps, approved=True) == state


def test_what_was_declined_is_declined() -> None:
    assert state_of(steps_of("purchase 0"), approved=False) == "DECLINED"
