"""What an answer of the bank means."""

import pytest

from authz.bank.teller import word_of
from authz.iso8583.message import Message
from authz.topup import BankWord


@pytest.mark.parametrize(
    ("code", "amount", "word"),
    [
        ("00", "000000001500", BankWord.APPROVED),
        ("00", "000000001000", BankWord.SILENT),
        ("05", "000000001500", BankWord.DECLINED),
        ("10", "000000001000", BankWord.DECLINED),
    ],
)
def test_only_an_approval_of_what_was_asked_is_one(code: str, amount: str, word: BankWord) -> None:
    """An approval of another amount is undone like a silence: nobody asked for that."""
    asked = Message("0200", {4: "000000001500"})
    assert word_of(asked, Message("0210", {4: amount, 39: code})) is word
