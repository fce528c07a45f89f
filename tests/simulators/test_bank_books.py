"""The bank's books: the same question moves once, and what stands is what was not undone."""

from pathlib import Path

import pytest

from simulators.bank_books import BankBooks, BankRules
from simulators.wire import Fields

CARD = "9999490000000015"


def ask(stan: int, amount_minor: int, mti: str = "0200", **more: str) -> Fields:
    plain = {
        "t": mti, "2": CARD, "3": "000000", "4": f"{amount_minor:012d}", "7": "1124113000",
        "11": f"{stan:06d}", "32": "99", "37": f"{stan:012d}", "41": "TERM0001",
    }  # fmt: skip
    return plain | {f"{name.lstrip('f')}": value for name, value in more.items()}


def about(original: Fields, stan: int, mti: str, amount_minor: int = 0, **more: str) -> Fields:
    named = f"{original['t']}{original['11']}{original['7']}{'99':0>11}{0:011d}"
    return ask(stan, amount_minor, mti, f90=named, **more)


def replacement(minor: int) -> str:
    return f"{minor:012d}{0:012d}C{0:08d}C{0:08d}"


def test_a_payment_stands_for_its_amount_and_is_booked_once_however_often_it_is_asked() -> None:
    books = BankBooks()
    first = ask(1, 1500)
    assert [books.answer(first), books.answer(first | {"t": "0201"})] == ["00", "00"]
    assert books.spent_minor(CARD) == 1500


def test_a_reversal_undoes_all_or_down_to_a_total_and_twice_is_once() -> None:
    books = BankBooks()
    first = ask(1, 1500)
    books.answer(first)
    assert books.answer(about(first, 2, "0420", f95=replacement(500))) == "00"
    assert books.spent_minor(CARD) == 500
    # A total never rises again, whatever order the messages come in.
    assert books.answer(about(first, 3, "0420", f95=replacement(900))) == "00"
    assert books.spent_minor(CARD) == 500
    whole = about(first, 4, "0420")
    assert [books.answer(whole), books.answer(whole | {"t": "0421"})] == ["00", "00"]
    assert books.spent_minor(CARD) == 0


def test_a_reversal_that_comes_first_stops_its_payment() -> None:
    books = BankBooks()
    first = ask(1, 1500)
    assert books.answer(about(first, 2, "0420")) == "00"
    assert books.answer(first) == "05"
    assert books.spent_minor(CARD) == 0
    assert books.summary()["legs"] == []


def test_a_hold_is_captured_once_for_at_most_its_amount() -> None:
    books = BankBooks()
    held = ask(1, 1500, "0100")
    books.answer(held)
    assert books.answer(about(held, 2, "0220", 1501)) == "13"
    assert books.answer(about(held, 3, "0220", 900)) == "00"
    assert books.answer(about(held, 4, "0220", 900)) == "25"
    assert books.spent_minor(CARD) == 900


def test_a_refund_gives_back_at_most_what_stands() -> None:
    books = BankBooks()
    first = ask(1, 1500)
    books.answer(first)
    assert books.answer(about(first, 2, "0200", 1000, f3="200000")) == "00"
    assert books.answer(about(first, 3, "0200", 501, f3="200000")) == "13"
    assert books.spent_minor(CARD) == 500


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (BankRules(balance_minor=1499), "51"),
        (BankRules(limit_minor=1499), "61"),
        (BankRules(declines={CARD: "43"}), "43"),
        (BankRules(), "00"),
    ],
)
def test_a_decline_has_its_reason_and_books_nothing(rules: BankRules, code: str) -> None:
    books = BankBooks(rules)
    assert books.answer(ask(1, 1500)) == code
    assert books.spent_minor(CARD) == (1500 if code == "00" else 0)


def test_a_card_of_another_bank_is_unknown() -> None:
    assert BankBooks().answer(ask(1, 100) | {"2": "9999670000000012"}) == "14"


def test_a_bank_that_was_killed_comes_back_with_what_it_had_promised(tmp_path: Path) -> None:
    path = tmp_path / "books"
    first = ask(1, 1500)
    BankBooks(path=path).answer(first)
    again = BankBooks(path=path)
    assert again.spent_minor(CARD) == 1500
    assert again.answer(first) == "00"
    assert again.answer(about(first, 2, "0420")) == "00"
    assert BankBooks(path=path).spent_minor(CARD) == 0


def test_the_summary_shows_no_card_number() -> None:
    books = BankBooks()
    books.answer(ask(1, 1500))
    assert CARD not in str(books.summary())
    assert books.summary()["charged"] == 1500
