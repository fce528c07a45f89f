"""How far a payment came: a table of stories, and what each lot still bears."""

from datetime import UTC, date, datetime

import pytest

from authz.progress import Step, Totals, spent_by_lot, state_of, totals_of
from authz.requests import Kind
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Reason

AT, DAY = datetime(2026, 11, 24, 11, tzinfo=UTC), date(2026, 11, 24)
LOT_1, LOT_2, SHOP = lot_account(3, 1), lot_account(3, 2), payable_account(7)

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


def direct(seq: int, lot: int, amount_minor: int) -> Transfer:
    return Transfer.direct(3, seq, lot, SHOP, amount_minor, 9, DAY, AT)


def hold(seq: int, lot: int, amount_minor: int) -> Transfer:
    return Transfer.hold(3, seq, lot, SHOP, amount_minor, 9, DAY, AT)


def test_a_purchase_is_spent_from_its_lots() -> None:
    assert spent_by_lot([direct(1, LOT_1, 30), direct(2, LOT_2, 70)]) == {LOT_1: 30, LOT_2: 70}


def test_what_came_back_is_not_spent_wherever_it_went() -> None:
    paid = direct(1, LOT_1, 30), direct(2, LOT_2, 70)
    back = Transfer.give_back(paid[1], 3, 70, 10, AT)
    closed = Transfer.give_back(paid[0], 4, 10, 10, AT, House.SUSPENSE)
    assert spent_by_lot([*paid, back, closed]) == {LOT_1: 20}


def test_a_captured_hold_is_spent_as_far_as_it_was_posted() -> None:
    held = hold(1, LOT_1, 100)
    posted = Transfer.post(held, 2, 80, 10, AT)
    assert spent_by_lot([held, posted]) == {LOT_1: 80}
    assert spent_by_lot([held, posted, Transfer.give_back(posted, 3, 50, 11, AT)]) == {LOT_1: 30}


def test_a_released_hold_is_not_spent_and_a_smaller_one_takes_its_place() -> None:
    held = hold(1, LOT_1, 100)
    freed = Transfer.void(held, 2, 10, AT)
    assert spent_by_lot([held, freed]) == {}
    assert spent_by_lot([held, freed, hold(3, LOT_1, 60)]) == {LOT_1: 60}


def test_the_loss_of_the_issuer_is_nobodys_voucher() -> None:
    loss = Transfer.direct(3, 2, House.ISSUER_LOSS, SHOP, 20, 9, DAY, AT)
    assert spent_by_lot([direct(1, LOT_1, 10), loss]) == {LOT_1: 10}
