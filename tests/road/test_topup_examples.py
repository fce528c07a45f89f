"""Every TOP rule goes the whole pure road: bytes in, the bank's word in between, bytes out."""

import re

import pytest

from tests.road import people
from tests.road.examples import Example
from tests.road.road import Road, instant, questions, says
from tests.road.topup_examples import TOPUPS

HOLDERS_BANK, FIRST_MERCHANT = 110, -1


@pytest.mark.parametrize("example", TOPUPS, ids=lambda example: example.id)
def test_top_up_is_answered_as_written(example: Example) -> None:
    road = Road(people.in_memory(example.setting), example.book, word=example.word)
    asked = questions(example)
    answers = [road.ask_fields([question], instant(example.at))[0] for question in asked]
    assert tuple(map(says, answers)) == example.says
    assert road.store.debits() == example.vouchers
    assert road.store.bank_minor() == example.bank_minor
    assert road.store.pending == {}
    # TOP-13: the bank's part goes from its own account to who is owed.
    sides = {row[3:5] for row in road.store.movements if HOLDERS_BANK in row[3:5]}
    assert sides <= {(HOLDERS_BANK, FIRST_MERCHANT)}
    # TOP-14: both parts are what was approved; a repeat approves nothing anew.
    told = [
        said.amount_minor
        for ask, said in zip(example.asks, example.says, strict=True)
        if said.code in ("00", "10") and ask.repeats is None
    ]
    assert sum(told) == sum(example.vouchers.values()) + example.bank_minor


def test_every_rule_has_a_row() -> None:
    rules = {found for each in TOPUPS for found in re.findall(r"TOP-\d\d", each.id)}
    assert rules == {f"TOP-{number:02}" for number in range(1, 15)}
