"""The worked examples go the whole pure road: bytes in, bytes out."""

import pytest

from tests.road import people
from tests.road.examples import EXAMPLES, Example
from tests.road.road import Road, instant, questions, says


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
@pytest.mark.parametrize("profile", ["ascii", "ascii-binary", "bcd"])
def test_example_is_answered_as_written(example: Example, profile: str) -> None:
    """Response code, amount, balances and what was taken from which vintage."""
    road = Road(people.in_memory(example.setting), example.book, profile)
    asked = questions(example)
    if example.at_once:
        answers = road.ask_fields(asked, instant(example.at))
    else:
        answers = [
            road.ask_fields([question], instant(ask.at or example.at))[0]
            for ask, question in zip(example.asks, asked, strict=True)
        ]
    assert tuple(map(says, answers)) == example.says
    assert road.store.debits() == example.vouchers
    for ask, answer in zip(example.asks, answers, strict=True):
        if ask.repeats is not None:
            assert answer.get("38") == answers[ask.repeats].get("38")
