"""Message types: what is asked, what answers it, and what repeats."""

import pytest

from authz.iso8583 import mti


@pytest.mark.parametrize(
    ("asked", "answer"),
    # INTERFACE, message types; repeats included.
    [
        *[("0100", "0110"), ("0101", "0110"), ("0120", "0130"), ("0121", "0130")],
        *[("0200", "0210"), ("0201", "0210"), ("0220", "0230"), ("0221", "0230")],
        *[("0400", "0410"), ("0401", "0410"), ("0420", "0430"), ("0421", "0430")],
        *[("0500", "0510"), ("0520", "0530"), ("0800", "0810")],
    ],
)
def test_the_answer_drops_the_repeat_digit(asked: str, answer: str) -> None:
    assert mti.answer_mti(asked) == answer
    assert mti.is_request(asked)
    assert not mti.is_response(asked)
    assert mti.is_response(answer)
    assert not mti.is_request(answer)
    assert mti.is_repeat(asked) is asked.endswith("1")
    assert mti.is_advice(asked) is (asked[2] == "2")


@pytest.mark.parametrize("wrong", ["0110", "0130", "0810", "0240", "020", "02O0", "", "０２００"])
def test_what_does_not_ask_is_not_answered(wrong: str) -> None:
    with pytest.raises(ValueError, match="no answer"):
        mti.answer_mti(wrong)


def test_a_repeat_is_of_the_same_request() -> None:
    assert mti.request_class("0201") == mti.request_class("0200") == "020"
    assert mti.request_class("0200") != mti.request_class("0220")


def test_the_table_of_answers_is_what_the_digits_say() -> None:
    assert {asked: mti.answer_mti(asked) for asked in mti.ANSWERS} == mti.ANSWERS
