"""What each lot still bears of a payment, whatever became of it."""

from datetime import UTC, date, datetime

from authz.decide.aftermath import spent_by_lot
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer

AT, DAY = datetime(2026, 11, 24, 11, tzinfo=UTC), date(2026, 11, 24)
LOT_1, LOT_2, SHOP = lot_account(3, 1), lot_account(3, 2), payable_account(7)


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


def test_what_was_given_back_and_taken_again_is_spent_once_more() -> None:
    paid = direct(1, LOT_1, 30)
    back = Transfer.give_back(paid, 2, 30, 10, AT)
    assert spent_by_lot([paid, back, Transfer.give_back(back, 3, 20, 11, AT)]) == {LOT_1: 20}
