"""What a bank leg does when something becomes of its payment, and what the bank is told."""

import pytest
from msgspec import msgpack

from authz.decide.topup import BankLeg, LegState, NoticeKind
from authz.requests import Kind, Original, Request
from authz.state import Payment, Pending
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Reason
from tests.authz.builders import some_holder, some_request, some_state
from tests.authz.sequels import decided
from tests.rules.builders import BOOK, TUESDAY

LOT, PAYABLE, DAY = lot_account(1, 1), payable_account(7), TUESDAY.date()
APPROVED, CAPTURED, DUE = LegState.APPROVED, LegState.CAPTURED, LegState.REVERSAL_DUE
TAKE, BACK, UNDO = NoticeKind.CAPTURE, NoticeKind.REFUND, NoticeKind.REVERSAL


def forty(kind: Kind) -> Payment:
    """EX-08: 25.00 of vouchers and 15.00 of the bank card, held or posted."""
    make = Transfer.hold if kind is Kind.HOLD else Transfer.direct
    movements = (
        make(1, 1, LOT, PAYABLE, 2500, 5, DAY, TUESDAY),
        make(1, 2, House.BANK_RECEIVABLE, PAYABLE, 1500, 5, DAY, TUESDAY),
    )
    leg = BankLeg(1, 5, APPROVED, 1500, 1500)
    return Payment(1, 5, 1, kind, DAY, "", 4000, 4000, movements, b"", leg=leg)


@pytest.mark.parametrize(
    ("kind", "then", "amount_minor", "left_minor", "told", "stands"),
    [
        (Kind.HOLD, Kind.CAPTURE, 4000, 0, (TAKE, 1500), (CAPTURED, 1500, 0)),
        (Kind.HOLD, Kind.CAPTURE, 3300, 0, (TAKE, 800), (CAPTURED, 800, 0)),
        (Kind.HOLD, Kind.CAPTURE, 2500, 0, (UNDO, 0), (DUE, 0, 0)),
        (Kind.HOLD, Kind.CAPTURE, 2000, 0, (UNDO, 0), (DUE, 0, 0)),
        (Kind.HOLD, Kind.EXPIRY, 0, 0, (UNDO, 0), (DUE, 0, 0)),
        (Kind.HOLD, Kind.CANCEL, 0, 0, (UNDO, 0), (DUE, 0, 0)),
        (Kind.HOLD, Kind.REVERSAL, 4000, 3000, (UNDO, 0), (APPROVED, 500, 0)),
        (Kind.PURCHASE, Kind.REVERSAL, 4000, 0, (UNDO, 0), (DUE, 0, 0)),
        (Kind.PURCHASE, Kind.REVERSAL, 4000, 3000, (UNDO, 0), (APPROVED, 500, 0)),
        (Kind.PURCHASE, Kind.REVERSAL, 4000, 2500, (UNDO, 0), (DUE, 0, 0)),
        (Kind.PURCHASE, Kind.REVERSAL, 4000, 4000, None, None),
        (Kind.PURCHASE, Kind.REFUND, 1000, 0, (BACK, 1000), (APPROVED, 1500, 1000)),
        (Kind.PURCHASE, Kind.REFUND, 2000, 0, (BACK, 1500), (APPROVED, 1500, 1500)),
    ],
)
def test_the_bank_is_told_what_its_card_pays_in_the_end(
    kind: Kind,
    then: Kind,
    amount_minor: int,
    left_minor: int,
    told: tuple[NoticeKind, int] | None,
    stands: tuple[LegState, int, int] | None,
) -> None:
    """The notice and its amount; the leg's state, what is left of it and what was given back.

    REV-02 and REF-04: the bank card's part goes first. A capture that needs none of it asks the
    bank for nothing: the whole of it is undone.
    """
    held_minor = 2500 if kind is Kind.HOLD else 0
    holder = some_holder(lots=((2026, 7500),), lot_held=(held_minor,))
    state = some_state(holder, payments={(1, 5): forty(kind)})
    named = Original(name=(1, 5))
    asked = some_request(amount_minor, kind=then, about=named, mid="", new_total_minor=left_minor)
    bank = decided(asked, state=state).writes.bank
    assert [row[3:5] for row in bank.notices] == ([(told[0].value, told[1])] if told else [])
    assert [row[3:6] for row in bank.steps] == ([(stands[0].value, *stands[1:])] if stands else [])


def test_vouchers_that_come_back_alone_are_no_matter_of_the_bank() -> None:
    """P-REFUND-ORDER: where vouchers come back first, the bank card may not be reached."""
    state = some_state(some_holder(last_seq=2), payments={(1, 5): forty(Kind.PURCHASE)})
    back = some_request(2500, kind=Kind.REFUND, about=Original(name=(1, 5)), mid="")
    books = {"fr-meal": BOOK.derive(refund_order="VOUCHER_FIRST")}
    verdict = decided(back, state=state, books=books)
    assert len(verdict.writes.movements) == 1
    assert verdict.writes.bank.notices == verdict.writes.bank.steps == []


def waits(number: int, sent: Request) -> Pending:
    """25.00 of vouchers are held, and the bank is asked for 15.00."""
    leg = BankLeg(1, number, LegState.ASKED, 1500, 1500)
    holds = (Transfer.hold(1, number, LOT, PAYABLE, 2500, number, DAY, TUESDAY),)
    return Pending(leg, 1, msgpack.encode(sent), b"", holds)


@pytest.mark.parametrize(
    ("waiting", "holder_id", "marked"),
    [((5,), 1, True), ((5,), 2, False), ((5, 6), 1, False)],
    ids=["its own", "of another card", "either of two"],
)
def test_a_reversal_marks_the_one_payment_that_waits_and_that_it_means(
    waiting: tuple[int, ...], holder_id: int, marked: bool
) -> None:
    sent = some_request(4000)
    undo = some_request(4000, holder_id, kind=Kind.REVERSAL, about=Original(rrn=sent.rrn))
    names = tuple((1, number) for number in waiting)
    state = some_state(
        some_holder(1),
        some_holder(2),
        pending={name: waits(name[1], sent) for name in names},
        originals={undo.key_hash: names},
    )
    verdict = decided(undo, state=state)
    assert verdict.writes.marked is marked
    reason = Reason.APPROVED if marked else Reason.ORIGINAL_NOT_FOUND
    assert verdict.outcomes[0].reason is reason
