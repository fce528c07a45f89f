"""0800: sign-on, sign-off and echo are answered; what lacks its code is refused."""

from datetime import UTC, datetime

import pytest

from authz.door import network
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.wire.translate import to_reply
from rules.decision import Reason

ASKED = {7: "1124113000", 11: "000042", 32: "12345", 70: "301"}


@pytest.mark.parametrize("code", ["001", "002", "301"])
def test_sign_on_sign_off_and_echo_are_answered(code: str) -> None:
    message = Message("0800", ASKED | {70: code})
    answer = to_reply(message, network.answer(message), profile("ascii"))
    assert answer.mti == "0810"
    assert answer.fields == ASKED | {70: code, 39: "00"}


@pytest.mark.parametrize("number", [7, 11, 70])
def test_a_missing_mandatory_field_is_a_format_error(number: int) -> None:
    fields = {n: value for n, value in ASKED.items() if n != number}
    assert network.answer(Message("0800", fields)).reason is Reason.FORMAT


def test_an_unknown_code_is_an_invalid_transaction() -> None:
    assert network.answer(Message("0800", ASKED | {70: "999"})).reason is Reason.INVALID_TRANSACTION


def test_a_malformed_private_field_does_not_matter_to_an_echo() -> None:
    message = Message("0800", ASKED | {48: "??"})
    answer = to_reply(message, network.answer(message), profile("ascii"))
    assert answer.fields[39] == "00"


def test_our_own_echo_is_complete() -> None:
    echo = network.echo(7, datetime(2026, 11, 24, 11, 30, 5, tzinfo=UTC))
    assert (echo.mti, echo.fields) == ("0800", {7: "1124113005", 11: "000007", 70: "301"})
    assert profile("ascii").codec.encode(echo)
