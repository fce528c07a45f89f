"""What comes back of a payment, to which leg and lot, and which refunds a programme grants."""

from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from authz.requests import Kind, Original
from authz.state import KnownMerchant, Payment
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import CardStatus
from tests.authz.builders import ACQUIRER, MID, some_holder, some_request, some_state
from tests.authz.sequels import about, answers, decided, moves
from tests.rules.builders import BOOK, CARD, RESTAURANT, TUESDAY, at

DAY, OK, REFUSED = TUESDAY.date(), Reason.APPROVED, Reason.PARTIAL_NOT_SUPPORTED
LOT, PAYABLE = lot_account(1, 1), payable_account(7)
JANUARY = at("2027-01-15T12:30:00+01:00")
WEDNESDAY, SUNDAY = at("2026-11-25T12:30:00+01:00"), at("2026-11-29T12:30:00+01:00")


def test_newer_vouchers_come_back_before_those_of_the_year_that_ends() -> None:
    """REF-02: paid as EX-26, 4.50 of 2026 and 10.50 of 2027."""
    state = some_state(some_holder(lots=((2026, 450), (2027, 10_000))))
    paid = some_request(1500, received_at=JANUARY)
    back = about(paid, Kind.REFUND, 1200, received_at=JANUARY)
    assert moves(decided(paid, back, state=state))[2:] == [
        ("direct", PAYABLE, lot_account(1, 2), 1050), ("direct", PAYABLE, LOT, 150),
    ]  # fmt: skip


def test_what_is_held_of_the_year_that_ends_counts_as_used_and_is_first_again_when_free() -> None:
    """VIN-05: while it is held, newer vouchers pay."""
    state = some_state(some_holder(lots=((2026, 1000), (2027, 5000))))
    held = some_request(1000, kind=Kind.HOLD, received_at=JANUARY)
    free = about(held, Kind.REVERSAL, 1000, received_at=JANUARY)
    one, other = some_request(500, received_at=JANUARY), some_request(500, received_at=JANUARY)
    assert [move[:2] for move in moves(decided(held, one, free, other, state=state))] == [
        ("hold", LOT), ("direct", lot_account(1, 2)), ("void", LOT), ("direct", LOT),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("refunded_at", "then"),
    [(TUESDAY, [(OK, 2500), (Reason.DAILY_CAP, 0)]), (WEDNESDAY, [(Reason.DAILY_CAP, 0)] * 2)],
)
def test_a_refund_gives_the_cap_of_the_paid_day_back_and_of_no_other(
    refunded_at: datetime, then: list[tuple[Reason, int]]
) -> None:
    """REF-03, CAP-07: on the day itself, and when the next day's cap is used up."""
    paid, today = some_request(2500), some_request(2500, received_at=WEDNESDAY)
    before = () if refunded_at is TUESDAY else (today,)
    back = about(paid, Kind.REFUND, 2500, received_at=refunded_at)
    after = [some_request(cents, received_at=refunded_at) for cents in (2500, 1)]
    verdict = decided(paid, *before, back, *after)
    assert answers(verdict)[-3:] == [(OK, 2500), *then]


def test_ex_34_the_cap_is_there_again_on_the_day_of_the_refund() -> None:
    paid = some_request(2000)
    verdict = decided(paid, about(paid, Kind.REFUND, 2000), some_request(2500))
    assert answers(verdict) == [(OK, 2000), (OK, 2000), (OK, 2500)]
    assert moves(verdict) == [
        ("direct", LOT, PAYABLE, 2000), ("direct", PAYABLE, LOT, 2000),
        ("direct", LOT, PAYABLE, 2500),
    ]  # fmt: skip


def test_ex_35_the_refund_of_yesterday_uses_nothing_of_today() -> None:
    paid = some_request(2500)
    back = about(paid, Kind.REFUND, 2500, received_at=WEDNESDAY)
    after = [some_request(cents, received_at=WEDNESDAY) for cents in (2500, 100)]
    verdict = decided(paid, back, *after)
    assert answers(verdict) == [(OK, 2500), (OK, 2500), (OK, 2500), (Reason.DAILY_CAP, 0)]
    assert moves(verdict)[2:] == [("direct", LOT, PAYABLE, 2500)]


@pytest.mark.parametrize(
    ("mode", "first", "amount_minor", "on", "reason"),
    [
        ("FULL_AND_PARTIAL", Kind.PURCHASE, 1000, WEDNESDAY, OK),
        ("FULL_ONLY", Kind.PURCHASE, 2000, WEDNESDAY, OK),
        ("FULL_ONLY", Kind.PURCHASE, 1000, TUESDAY, Reason.PARTIAL_NOT_SUPPORTED),
        ("FULL_ONLY", Kind.HOLD, 1500, WEDNESDAY, OK),
        ("FULL_ONLY", Kind.HOLD, 1499, WEDNESDAY, Reason.PARTIAL_NOT_SUPPORTED),
        ("CANCEL_ONLY", Kind.PURCHASE, 2000, TUESDAY, OK),
        ("CANCEL_ONLY", Kind.PURCHASE, 1000, TUESDAY, Reason.PARTIAL_NOT_SUPPORTED),
        ("CANCEL_ONLY", Kind.PURCHASE, 2000, WEDNESDAY, Reason.PARTIAL_NOT_SUPPORTED),
    ],
)
def test_a_programme_grants_the_refunds_of_its_mode(
    mode: str, first: Kind, amount_minor: int, on: datetime, reason: Reason
) -> None:
    """REF-06, REF-07; all of a payment is what was taken: of a hold of 20.00 here 15.00."""
    books = {"fr-meal": BOOK.derive(refund_mode=mode)}
    paid = some_request(2000, kind=first)
    taken = [about(paid, Kind.CAPTURE, 1500)] * (first is Kind.HOLD)
    back = about(paid, Kind.REFUND, amount_minor, received_at=on)
    verdict = decided(paid, *taken, back, books=books)
    assert answers(verdict)[-1] == (reason, amount_minor * (reason is OK))


@pytest.mark.parametrize(
    ("order", "backs"),
    [
        ("BANK_FIRST", [(House.BANK_RECEIVABLE, 1500), (LOT, 500)]),
        ("VOUCHER_FIRST", [(LOT, 2000)]),
    ],
)
def test_a_programme_says_which_leg_comes_back_first(
    order: str, backs: list[tuple[int, int]]
) -> None:
    """REF-04: 25.00 of vouchers and 15.00 of the bank card, 20.00 given back."""
    legs = (
        Transfer.direct(1, 1, LOT, PAYABLE, 2500, 5, DAY, TUESDAY),
        Transfer.direct(1, 2, House.BANK_RECEIVABLE, PAYABLE, 1500, 5, DAY, TUESDAY),
    )
    payment = Payment(1, 5, 1, Kind.PURCHASE, DAY, "", 4000, 4000, legs, b"")
    state = some_state(some_holder(last_seq=2), payments={(1, 5): payment})
    back = some_request(2000, kind=Kind.REFUND, about=Original(name=(1, 5)), mid="")
    books = {"fr-meal": BOOK.derive(refund_order=order)}
    verdict = decided(back, state=state, books=books)
    assert [(to, cents) for _, _, to, cents in moves(verdict)] == backs


@pytest.mark.parametrize(
    ("card", "on"),
    [
        ({}, SUNDAY),
        ({"status": CardStatus.BLOCKED}, WEDNESDAY),
        ({"status": CardStatus.OPPOSED}, WEDNESDAY),
        ({"status": CardStatus.REPLACED}, WEDNESDAY),
        ({"expiry": "2610"}, WEDNESDAY),
    ],
)
def test_a_refund_comes_back_whatever_the_day_and_the_card(
    card: dict[str, Any], on: datetime
) -> None:
    """REF-05: the value returns to the account, where the card pays nothing any more."""
    bought = Transfer.direct(1, 1, LOT, PAYABLE, 900, 5, DAY, TUESDAY)
    payment = Payment(1, 5, 1, Kind.PURCHASE, DAY, "", 900, 900, (bought,), b"")
    holder = some_holder(last_seq=2)
    holder = replace(holder, profile=replace(holder.profile, cards=(replace(CARD, **card),)))
    state = some_state(holder, payments={(1, 5): payment})
    named = Original(name=(1, 5))
    back = some_request(900, kind=Kind.REFUND, about=named, mid="", received_at=on)
    verdict = decided(some_request(100, received_at=on), back, state=state)
    assert answers(verdict)[0][1] == 0
    assert answers(verdict)[1] == (OK, 900)
    assert moves(verdict) == [("direct", PAYABLE, LOT, 900)]


@pytest.mark.parametrize(
    ("department", "paid_at", "back_at", "reason"),
    [
        ("972", "2026-11-24T20:30:00-04:00", "2026-11-24T20:35:00-04:00", OK),
        ("972", "2026-11-24T20:30:00-04:00", "2026-11-25T00:05:00-04:00", REFUSED),
        ("75", "2026-11-24T12:30:00+01:00", "2026-11-24T23:59:59+01:00", OK),
        ("75", "2026-11-24T12:30:00+01:00", "2026-11-25T00:30:00+01:00", REFUSED),
    ],
)
def test_a_cancel_of_the_same_day_goes_by_the_civil_day_of_the_payments_place(
    department: str, paid_at: str, back_at: str, reason: Reason
) -> None:
    """REF-06, DAY-01: neither by the date in UTC nor by that of Paris."""
    place = KnownMerchant(7, replace(RESTAURANT, department=department))
    state = some_state(merchants={(ACQUIRER, MID): place})
    paid = some_request(2000, received_at=at(paid_at))
    back = about(paid, Kind.REFUND, 2000, received_at=at(back_at))
    books = {"fr-meal": BOOK.derive(refund_mode="CANCEL_ONLY")}
    assert answers(decided(paid, back, state=state, books=books))[1][0] is reason
