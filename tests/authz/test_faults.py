"""Where a fault arose: the innermost function, by name and line, and no value."""

import re

import pytest

from authz.faults import place_of


class Till:
    def breaks(self, number: str) -> None:
        raise ValueError(number)


def test_a_fault_is_placed_where_it_was_raised_and_says_no_value() -> None:
    with pytest.raises(ValueError, match="99996700") as caught:
        Till().breaks("9999670000000012")
    assert re.fullmatch(r"Till\.breaks:\d+", place_of(caught.value))


def test_a_fault_that_was_never_raised_has_no_place() -> None:
    assert place_of(ValueError()) == ""
