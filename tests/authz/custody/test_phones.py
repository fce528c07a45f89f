"""A telephone number: its shape, and that it does not print itself."""

import copy

import pytest

from authz.custody.phones import Phone


@pytest.mark.parametrize("number", ["+33612345678", "+1234567", "+123456789012345"])
def test_international_numbers_are_taken(number: str) -> None:
    assert Phone(number).reveal() == number


@pytest.mark.parametrize(
    "number", ["0612345678", "+0612345678", "+33 612345678", "+123456", "+1234567890123456", ""]
)
def test_other_shapes_are_refused_without_the_number(number: str) -> None:
    with pytest.raises(ValueError, match="written as") as refused:
        Phone(number)
    assert not number or number not in str(refused.value)


def test_only_two_digits_are_shown() -> None:
    phone = Phone("+33612345678")
    assert f"{phone} {phone!r}" == "Phone(********78) Phone(********78)"
    with pytest.raises(TypeError):
        copy.copy(phone)
