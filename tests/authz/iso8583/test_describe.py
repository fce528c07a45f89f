"""Printing shows what is harmless and nothing else."""

import io

import pytest
from rich.console import Console

from authz.iso8583 import describe
from authz.iso8583.message import Message
from authz.iso8583.spec import DESCRIPTIONS

SECRET = {
    2: "9999670000000012",
    14: "2912",
    34: "9999670000000012",
    35: "9999670000000012=2912",
    36: "019999670000000012=2912",
    45: "B9999670000000012^DUPONT",
    52: "0123456789ABCDEF",
    53: "0000000000009967",
    55: "5A089999670000000012",
    62: "CARD 9999670000000012",
    64: "FEDCBA9876543210",
    102: "9999670000000012",
    120: "9999670000000012",
    128: "FEDCBA9876543210",
}
HARMLESS = {3: "000000", 4: "000000001250", 11: "000123", 39: "51", 41: "TERM0001", 43: "CAFÉ"}


@pytest.mark.parametrize("number", sorted(SECRET))
def test_a_secret_field_is_not_shown(number: int) -> None:
    value = SECRET[number]
    shown = describe.masked(number, value)
    pieces = {value[i : i + 5] for i in range(len(value) - 4)} or {value}
    assert not any(piece in shown for piece in pieces)


def test_a_card_number_shows_its_last_four_digits() -> None:
    assert describe.masked(2, "9999670000000012") == "****0012"
    assert describe.masked(2, "99996") == "<5>"  # too short: four would be most of it


def test_private_elements_show_their_tags_only() -> None:
    assert describe.masked(48, "6103100KY04ABCD") == "[61,KY]"
    assert describe.masked(48, "no elements") == "<11>"


def test_harmless_fields_are_shown_in_one_line() -> None:
    line = describe.line("0210", HARMLESS)
    assert line == "0210 3=000000 4=000000001250 11=000123 39=51 41=TERM0001 43=CAFÉ"


def test_a_message_prints_masked_everywhere() -> None:
    message = Message("0200", {**SECRET, **HARMLESS})
    pretty = io.StringIO()
    Console(file=pretty, width=400).print([message])
    for text in (repr(message), str(message), f"{message}", pretty.getvalue()):
        assert "999967" not in text
        assert "0123456789" not in text
        assert "TERM0001" in text


def test_only_fields_that_exist_are_called_harmless() -> None:
    assert set(DESCRIPTIONS) >= describe.SHOWN
    assert not describe.SHOWN & SECRET.keys()
