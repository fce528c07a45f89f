"""How a message names the payment that it is about."""

import pytest

from authz.identity import request_key
from authz.wire.originals import named_by

PLAIN = {7: "1124113000", 11: "000009", 13: "1124", 32: "12345", 41: "TERM0001"}
NAMED = "0200" + "000001" + "1124112959" + "00000012345" + "0" * 11


def test_de90_names_one_payment_and_what_else_would_fit_is_not_looked_at() -> None:
    """A weaker name could only contradict it: a reversal that came first must lay a tombstone."""
    named = named_by({**PLAIN, 37: "632512000001", 90: NAMED}, 700)
    assert named.keys == (request_key("12345", "TERM0001", "000001", "1124112959", "020"),)
    assert (named.rrn, named.stan, named.month_day) == (None, None, None)
    assert named.amount_minor == 700


@pytest.mark.parametrize(
    ("mti", "advised"), [("0120", True), ("0221", True), ("0100", False), ("0200", False)]
)
def test_de90_says_whether_it_names_what_happened(mti: str, advised: bool) -> None:
    assert named_by({**PLAIN, 90: mti + NAMED[4:]}, 700).advised is advised
    assert named_by(PLAIN, 700).advised is False


def test_without_de90_it_may_carry_the_very_identity() -> None:
    named = named_by({**PLAIN, 37: "632512000001", 38: "ABC123"}, None)
    assert named.keys == tuple(
        request_key("12345", "TERM0001", "000009", "1124113000", family)
        for family in ("010", "020")
    )
    assert (named.rrn, named.approval_code, named.stan) == ("632512000001", "ABC123", "000009")


@pytest.mark.parametrize("rrn", ["000000000000", " " * 12, "999999999999", ""])
def test_a_constant_reference_names_nothing(rrn: str) -> None:
    assert named_by({**PLAIN, 37: rrn}, None).rrn is None
