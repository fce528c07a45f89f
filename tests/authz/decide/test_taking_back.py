"""Where the money of a reversed refund is taken from."""

from datetime import date

import pytest
from msgspec.structs import replace

from authz.requests import Kind, Original
from authz.state import LotInfo, Payment, Refund
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import Origin
from tests.authz.builders import some_holder, some_request, some_state
from tests.authz.sequels import answers, decided, moves
from tests.rules.builders import TUESDAY, at

OLD, NEW, PAYABLE = lot_account(1, 1), lot_account(1, 2), payable_account(7)
MARCH = at("2027-03-02T12:30:00+01:00")


def test_the_lot_that_took_the_place_of_another_pays_for_both_but_only_what_it_has() -> None:
    """VIN-06: 5.00 came back to a lot of 2026, 10.00 to its successor, which has 9.00 of all."""
    day = MARCH.date()
    paid = [
        Transfer.direct(1, seq, lot, PAYABLE, cents, 5, day, MARCH)
        for seq, (lot, cents) in enumerate([(OLD, 500), (NEW, 1000)], 1)
    ]
    back = [
        Transfer.give_back(each, seq, each.amount_minor, 6, MARCH)
        for seq, each in enumerate(reversed(paid), 3)
    ]
    payment = Payment(1, 5, 1, Kind.PURCHASE, day, "", 1500, 1500, (*paid, *back), b"")
    successor = LotInfo(2, 1, 2027, Origin.EXCHANGE, day, from_vintage=2026, from_lot=1)
    holder = some_holder(lots=((2026, 0), (2027, 900)))
    lots = (holder.profile.lots[0], successor)
    state = some_state(
        replace(holder, profile=replace(holder.profile, lots=lots)),
        payments={(1, 5): payment},
        refunds={(1, 6): Refund(6, (1, 5), 1500, 1500)},
    )
    named = Original(name=(1, 6))
    undo = some_request(1500, kind=Kind.REVERSAL, about=named, happened=True, received_at=MARCH)
    assert moves(decided(undo, state=state)) == [
        ("direct", NEW, PAYABLE, 500), ("direct", NEW, PAYABLE, 400),
        ("direct", House.ISSUER_LOSS, PAYABLE, 600),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "answer"),
    [(3800, (Reason.APPROVED, 3800)), (3801, (Reason.DAILY_CAP, 0))],
)
def test_a_merchant_that_is_forgotten_had_the_highest_cap_of_its_day(
    cents: int, answer: tuple[Reason, int]
) -> None:
    """CAP-05: in 2021 it was 38.00 in a restaurant and 19.00 elsewhere."""
    day, none = date(2021, 6, 10), b""
    paid = Transfer.direct(1, 1, OLD, PAYABLE, cents, 5, day, TUESDAY)
    back = Transfer.give_back(paid, 2, cents, 6, TUESDAY)
    payment = Payment(1, 5, 1, Kind.PURCHASE, day, "", cents, cents, (paid, back), none)
    refund = Refund(6, (1, 5), cents, cents)
    state = some_state(payments={(1, 5): payment}, refunds={(1, 6): refund})
    undo = some_request(cents, kind=Kind.REVERSAL, about=Original(name=(1, 6)))
    assert answers(decided(undo, state=state)) == [answer]
