"""The running figures of a holder: lots and use of recent days after movements."""

from datetime import date

import pytest

from ledger.accounts import lot_account
from ledger.running import Running, after
from ledger.schema import HOLDERS
from ledger.transfers import Transfer
from tests.ledger.books import Books
from tests.ledger.table import movement

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)
ACCOUNT_OF = {1: 1, 2: 1, 3: 2}


def moved(*lines: str) -> list[Transfer]:
    """The movements of holder A that these lines of a table describe, numbered from 1."""
    books, transfers = Books(), []
    for line in lines:
        transfers.append(movement(line, books))
        assert books.post(transfers[-1]) is None, line
    return transfers


def figures(transfers: list[Transfer], since: date = FIRST) -> Running:
    """The figures of a new holder after these movements."""
    return after(Running(1, 4, 0, since), transfers, {}, ACCOUNT_OF)


def test_the_fields_are_the_columns_of_the_holder_in_order() -> None:
    columns = tuple(column.name for column in HOLDERS.columns)
    assert (*Running.__struct_fields__, "profile", "counters") == columns


def test_every_change_moves_the_version_and_the_last_number() -> None:
    running = figures(moved("direct PREPAID -> A1 500", "direct A1 -> M7 100"))
    assert (running.version, running.last_seq) == (5, 2)


def test_a_lot_begins_at_zero_and_stands_at_its_number() -> None:
    running = figures(moved("direct PREPAID -> A3 500", "hold A3 -> M7 200"))
    assert running.lot_available == (0, 0, 300)
    assert running.lot_held == (0, 0, 200)


def test_use_is_kept_for_each_account_and_day() -> None:
    lines = ("direct PREPAID -> A1 500", "direct PREPAID -> A3 500")
    spent = ("direct A1 -> M7 10", "hold A1 -> M7 20", "direct A3 -> M7 30 on 2")
    running = figures(moved(*lines, *spent))
    assert running.usage_accounts == (1, 2)
    assert running.usage_days == (FIRST, SECOND)
    assert running.usage_minor == (30, 30)


def test_use_that_falls_free_leaves_no_entry() -> None:
    running = figures(
        moved("direct PREPAID -> A1 500", "hold A1 -> M7 20 on 2", "void A1 -> M7 20 of 2 on 2")
    )
    assert (running.usage_accounts, running.usage_days, running.usage_minor) == ((), (), ())
    assert (running.lot_available, running.lot_held) == ((500,), (0,))


def test_use_of_days_before_the_first_that_is_kept_stays_in_the_books_only() -> None:
    movements = moved("direct PREPAID -> A1 500", "direct A1 -> M7 10", "direct A1 -> M7 5 on 2")
    running = figures(movements, since=SECOND)
    assert (running.usage_days, running.usage_minor) == ((SECOND,), (5,))
    assert running.lot_available == (485,)


def test_a_post_of_an_earlier_hold_needs_that_holds_amount() -> None:
    load, hold, post = moved(
        "direct PREPAID -> A1 500", "hold A1 -> M7 200", "post A1 -> M7 50 of 2"
    )
    held = figures([load, hold])
    running = after(held, [post], {2: 200}, ACCOUNT_OF)
    assert (running.lot_available, running.lot_held, running.usage_minor) == ((450,), (0,), (50,))
    with pytest.raises(KeyError):
        after(held, [post], {}, ACCOUNT_OF)


def test_a_gap_in_the_numbers_is_our_mistake() -> None:
    load = movement("direct PREPAID -> A1 500 seq 2", Books())
    with pytest.raises(AssertionError, match="without a gap"):
        figures([load])


def test_a_row_that_was_read_gives_the_figures_that_were_written() -> None:
    running = figures(moved("direct PREPAID -> A1 500", "direct A1 -> M7 10"))
    names = Running.__struct_fields__
    read = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in zip(names, running.as_row(), strict=True)
    }
    assert Running.from_row(read) == running
    assert running.as_row()[0] == 1
    assert running.lot_available == (490,)


def test_the_account_of_a_lot_that_is_spent_must_be_known() -> None:
    assert lot_account(1, 4) not in ACCOUNT_OF
    with pytest.raises(KeyError):
        figures(moved("direct PREPAID -> A4 500", "direct A4 -> M7 10"))
