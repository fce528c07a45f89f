"""The holder's proof: read back what was made, and nothing that was bent."""

from datetime import UTC, datetime

import pytest

from authz.custody.keys import Secret
from authz.gateway.proofs import Claim, make_proof, read_proof
from rules.facts import HolderProof

KEY = Secret(b"k" * 32)
UNTIL = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEXT = make_proof(Claim("acc-1", "12345", "MERCH1", 2_500, UNTIL), KEY)


def test_a_proof_says_what_the_holder_agreed_to() -> None:
    assert read_proof(TEXT, KEY, "12345", "MERCH1") == HolderProof("acc-1", 2_500, UNTIL)


@pytest.mark.parametrize(("acquirer", "mid"), [("12345", "MERCH2"), ("54321", "MERCH1")])
def test_it_is_good_at_its_own_merchant_only(acquirer: str, mid: str) -> None:
    assert read_proof(TEXT, KEY, acquirer, mid) is None


@pytest.mark.parametrize(
    "text", ["", "hp1..", "é", TEXT[:-1], TEXT.upper(), f"x{TEXT}", TEXT.replace("hp1", "hp2")]
)
def test_what_was_bent_is_none(text: str) -> None:
    assert read_proof(text, KEY, "12345", "MERCH1") is None


def test_another_key_reads_nothing() -> None:
    assert read_proof(TEXT, Secret(b"o" * 32), "12345", "MERCH1") is None
