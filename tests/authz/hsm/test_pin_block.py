"""PIN blocks by hand: what is read, and what is no PIN block of this card."""

import pytest

from authz.hsm import Pin
from authz.hsm.pin_block import pin_of

# 13 digits of which the last is the check digit: the block is mixed with 0000 and twelve zeros.
PAN = "0000000000000"


@pytest.mark.parametrize(
    "block",
    ["041234FFFFFFFFFF", "341234ABCDEFABCD", "341234FFFFFFFFFF"],
)
def test_both_formats_are_read(block: str) -> None:
    pin = pin_of(bytes.fromhex(block), PAN)
    assert pin is not None and pin.reveal() == "1234"


@pytest.mark.parametrize(
    "block",
    [
        "141234FFFFFFFFFF",  # format 1
        "041234FFFFFFFFF0",  # a digit in the fill
        "041234ABCDEFABCD",  # the fill of format 3
        "3412340123456789",
        "03123FFFFFFFFFFF",  # too short a PIN
        "0D1234567890123F",  # too long a one
        "04123AFFFFFFFFFF",  # no digit
        "041234FFFFFFFF",  # seven bytes
    ],
)
def test_anything_else_is_none(block: str) -> None:
    assert pin_of(bytes.fromhex(block), PAN) is None


def test_a_card_number_of_twelve_digits_has_no_block() -> None:
    assert pin_of(bytes.fromhex("041234FFFFFFFFFF"), PAN[:12]) is None


def test_a_pin_does_not_print() -> None:
    assert "1234" not in repr(Pin("1234")) + f"{Pin('1234')}"
