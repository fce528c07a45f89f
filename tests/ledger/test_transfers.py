"""One movement: its laws, its constructors and its row."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.accounts import House, lot_account, payable_account
from ledger.schema import TRANSFERS
from ledger.transfers import Movement, Transfer

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(days=3)
DAY = date(2026, 11, 22)
LOT, OTHER_LOT, SHOP = lot_account(7, 1), lot_account(7, 2), payable_account(5)


def a_hold(amount_minor: int = 1000) -> Transfer:
    return Transfer.hold(7, 3, LOT, SHOP, amount_minor, 81, DAY, AT)


def a_purchase(amount_minor: int = 1000) -> Transfer:
    return Transfer.direct(7, 3, LOT, SHOP, amount_minor, 81, DAY, AT)


def test_the_fields_are_the_columns_of_the_table_in_order_and_the_database_adds_who_wrote() -> None:
    columns = tuple(column.name for column in TRANSFERS.columns)
    assert (*Transfer.__struct_fields__, "sql_tx") == columns


def test_a_row_has_the_values_in_the_order_of_the_table() -> None:
    row = a_purchase(250).as_row()
    assert row == (7, 3, "direct", LOT, SHOP, 250, 81, None, DAY, AT)


def test_a_row_that_was_read_is_the_movement_that_was_written() -> None:
    names = [column.name for column in TRANSFERS.columns]
    for movement in (a_purchase(), a_hold(), Transfer.void(a_hold(), 4, None, LATER)):
        read = dict(zip(names, [*map(plain, movement.as_row()), 4711], strict=True))
        again = Transfer.from_row(read)
        assert again == movement
        assert again.kind is movement.kind


def plain(value: Any) -> Any:
    """The value as a driver gives it: a string, not a member of an enum."""
    return str(value) if isinstance(value, Movement) else value


def test_a_post_keeps_the_accounts_and_the_day_of_its_hold() -> None:
    post = Transfer.post(a_hold(), 9, 400, 82, LATER)
    assert post.as_row() == (7, 9, "post", LOT, SHOP, 400, 82, 3, DAY, LATER)


def test_a_void_is_always_of_the_whole_hold() -> None:
    void = Transfer.void(a_hold(), 9, 82, LATER)
    assert void.as_row() == (7, 9, "void", LOT, SHOP, 1000, 82, 3, DAY, LATER)


def test_a_give_back_goes_the_other_way_for_the_day_of_the_original() -> None:
    back = Transfer.give_back(a_purchase(), 9, 1000, 82, LATER)
    assert back.as_row() == (7, 9, "direct", SHOP, LOT, 1000, 82, 3, DAY, LATER)


def test_a_give_back_of_a_post_names_the_post() -> None:
    post = Transfer.post(a_hold(), 9, 400, 82, LATER)
    assert Transfer.give_back(post, 10, 400, 83, LATER).about_seq == 9


def test_a_give_back_may_go_to_the_lot_that_took_the_place_of_an_expired_one() -> None:
    back = Transfer.give_back(a_purchase(), 9, 1, 82, LATER, to_account=OTHER_LOT)
    assert (back.debit_account, back.credit_account) == (SHOP, OTHER_LOT)


MISTAKES: list[tuple[str, Callable[[], Transfer]]] = [
    ("an amount is positive", lambda: Transfer.direct(7, 1, LOT, SHOP, 0, None, DAY, AT)),
    ("an amount is positive", lambda: Transfer.direct(7, 1, LOT, SHOP, -1, None, DAY, AT)),
    ("two accounts", lambda: Transfer.hold(7, 1, LOT, LOT, 5, None, DAY, AT)),
    ("some holder's", lambda: Transfer.direct(0, 1, LOT, SHOP, 5, None, DAY, AT)),
    ("numbered from 1", lambda: Transfer.direct(7, 0, LOT, SHOP, 5, None, DAY, AT)),
    ("looks back", lambda: Transfer.void(a_hold(), 3, None, AT)),
    ("looks back", lambda: Transfer.post(a_hold(), 2, 5, None, AT)),
    ("only a hold is posted", lambda: Transfer.post(a_purchase(), 9, 5, None, AT)),
    ("only a hold is voided", lambda: Transfer.void(a_purchase(), 9, None, AT)),
    ("never more than was held", lambda: Transfer.post(a_hold(99), 9, 100, None, AT)),
    ("only posted money returns", lambda: Transfer.give_back(a_hold(), 9, 5, None, AT)),
    ("never more than the orig", lambda: Transfer.give_back(a_purchase(99), 9, 100, None, AT)),
]


@pytest.mark.parametrize(("law", "mistake"), MISTAKES, ids=[law for law, _ in MISTAKES])
def test_what_breaks_a_law_cannot_be_said(law: str, mistake: Callable[[], Transfer]) -> None:
    with pytest.raises(AssertionError, match=law):
        mistake()


def test_a_load_comes_from_the_prepayment_of_the_employer() -> None:
    load = Transfer.direct(7, 1, House.EMPLOYER_PREPAID, LOT, 1000, None, DAY, AT)
    assert load.as_row()[3:5] == (200, LOT)
