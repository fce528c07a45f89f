"""One check for account numbers and references: published examples hold, slips do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.mod97 import check_digits, holds

# The IBAN registry (ISO 13616) and ISO 11649 print these.
PUBLISHED = ["FR1420041010050500013M02606", "DE89370400440532013000", "RF18539007547034"]
BODY = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=21)


@pytest.mark.parametrize("number", PUBLISHED)
def test_what_is_published_holds(number: str) -> None:
    assert holds(number)


@given(BODY, st.integers(0, 20), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_one_wrong_character_is_always_found(body: str, place: int, other: str) -> None:
    """A digit for a digit, a letter for a letter: a letter counts as two digits (ISO 7064)."""
    number = f"RF{check_digits('RF', body)}{body}"
    assert holds(number)
    at = 4 + place % len(body)
    if number[at] != other and number[at].isdigit() is other.isdigit():
        assert not holds(number[:at] + other + number[at + 1 :])


@given(BODY)
def test_digits_that_no_rule_gives_out_do_not_hold(body: str) -> None:
    assert not any(holds(f"RF{digits}{body}") for digits in ("00", "01", "99"))
