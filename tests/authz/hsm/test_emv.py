"""Chip keys and cryptograms against published vectors."""

import pytest

from authz.hsm.des import DesKey, pad_with_a_bit
from authz.hsm.emv import arpc_1, arpc_2, card_key, padded

IMK = "0123456789ABCDEFFEDCBA9876543210"
ADVT = "2315208C9110AD402315208C9110AD40"
"""The acquirer test cards' key, published by their scheme."""
SESSION = DesKey(bytes.fromhex("29B33180E567CE38EA4CBC9D753B0E61"))
DATA = bytes.fromhex("0123456789ABCDEF0123456789ABCDEF")
ARQC = bytes.fromhex("FA624250B008B59A")


def without_parity(key: bytes) -> bytes:
    return bytes(octet & 0xFE for octet in key)


@pytest.mark.parametrize(
    ("issuer", "pan", "sequence", "expected"),
    [
        (ADVT, "1234567890123456", "01", "3DAD707C897F49895D6D62526297497A"),
        (IMK, "123456789012", "00", "FE890EC1B3FBF7EC32A880C8D6169461"),
        (IMK, "00123456789012", "01", "7C2CF1495458DC3B62913BA87AF7F44A"),
        # Above 16 digits: option B.
        (IMK, "12345678901234567", "01", "AD406D7F6D7570916D75E5DCAB8CF737"),
    ],
)
def test_the_key_of_a_card_is_the_published_one(
    issuer: str, pan: str, sequence: str, expected: str
) -> None:
    key = card_key(DesKey(bytes.fromhex(issuer)), pan, sequence)
    assert without_parity(key) == without_parity(bytes.fromhex(expected))


def test_a_cryptogram_is_the_published_one() -> None:
    assert SESSION.mac(padded(18, DATA)) == ARQC
    assert padded(18, DATA) == pad_with_a_bit(DATA)


def test_cvn_10_pads_with_zeros() -> None:
    assert padded(10, DATA) == DATA
    assert padded(10, DATA[:9]) == DATA[:9] + bytes(7)


def test_the_answers_of_both_methods_are_the_published_ones() -> None:
    assert arpc_1(SESSION, ARQC, "\0\0").hex().upper() == "45D4255EEF10C9200000"
    assert arpc_2(SESSION, ARQC, bytes(4)).hex().upper() == "CB56FA4000000000"


def test_method_1_ends_with_the_response_code_in_characters() -> None:
    answer = arpc_1(SESSION, ARQC, "00")
    assert answer[8:] == b"00" and answer[:8] != bytes.fromhex("45D4255EEF10C920")


def test_method_2_ends_with_the_status_that_it_authenticates() -> None:
    answer = arpc_2(SESSION, ARQC, bytes.fromhex("00800000"))
    assert answer[4:].hex() == "00800000" and answer[:4].hex().upper() != "CB56FA40"
