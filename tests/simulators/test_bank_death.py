"""The bank's scripted deaths, and the file that it comes back from."""

from pathlib import Path

import pytest

from simulators.bank_books import BankBooks
from simulators.bank_death import Death, Fatality, Step, parse_death
from simulators.bank_file import BookFile
from tests.simulators.test_bank_books import CARD, ask


class Dead(Exception):
    """Stands in for SIGKILL."""


def die() -> None:
    raise Dead


@pytest.mark.parametrize(
    ("text", "death"),
    [
        ("received", Death(Step.RECEIVED)),
        ("booked:3", Death(Step.BOOKED, 3)),
        ("answered:2:reverse", Death(Step.ANSWERED, 2, "reverse")),
    ],
)
def test_a_death_is_written_as_step_number_and_deed(text: str, death: Death) -> None:
    assert parse_death(text) == death


@pytest.mark.parametrize("text", ["", "soon", "booked:0", "booked:x", "booked:1:cheat"])
def test_another_death_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|the steps are"):
        parse_death(text)


def test_it_comes_at_the_nth_question_of_its_kind_and_once() -> None:
    fatality = Fatality(Death(Step.BOOKED, 2, "pay"), die)
    fatality.passed(Step.BOOKED, "pay")
    fatality.passed(Step.RECEIVED, "pay")
    fatality.passed(Step.BOOKED, "refund")
    with pytest.raises(Dead):
        fatality.passed(Step.BOOKED, "pay")
    fatality.passed(Step.BOOKED, "pay")


def test_a_line_that_was_not_finished_was_never_said(tmp_path: Path) -> None:
    path = tmp_path / "books"
    books = BankBooks(path=path)
    books.answer(ask(1, 1500))
    fatality = Fatality(Death(Step.TORN), die)
    with pytest.raises(Dead):
        books.answer(ask(2, 700), lambda step: fatality.passed(step, "pay"))
    assert not path.read_bytes().endswith(b"\n")
    again = BankBooks(path=path)
    assert (again.spent_minor(CARD), path.read_bytes()[-1:]) == (1500, b"\n")
    assert again.answer(ask(2, 700)) == "00"
    assert BankBooks(path=path).spent_minor(CARD) == 2200


def test_a_file_keeps_its_lines_in_order(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    file = BookFile(path)
    for line in (b"one", b"two"):
        file.append(line)
    assert BookFile(path).lines == [b"one", b"two"]
