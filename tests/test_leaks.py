"""The search for leaks finds what is planted, in every spelling, and nothing else."""

import base64

import pytest

from tests.leaks import leaks, needles_of_bytes, needles_of_digits

PAN = "9999670000000012"
KEY = bytes.fromhex("A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8")
NEEDLES = [
    *needles_of_digits("pan", PAN),
    *needles_of_digits("code", "482915"),
    *needles_of_bytes("key", KEY),
]
AROUND = (b"", b"x", b"xy", b"xyz")


@pytest.mark.parametrize(
    "planted",
    [
        PAN.encode(),
        b"9999 6700 0000 0012",
        PAN.encode().hex().encode(),
        bytes.fromhex(PAN),
        b"code=482915;",
        b"482915".hex().encode(),
        KEY,
        KEY.hex().encode(),
        KEY.hex().upper().encode(),
        repr(KEY).encode(),
        *(base64.b64encode(around + PAN.encode() + b"!") for around in AROUND),
        *(base64.b64encode(around + bytes.fromhex(PAN) + b"!") for around in AROUND),
        *(base64.urlsafe_b64encode(around + KEY + b"!") for around in AROUND),
    ],
)
def test_a_planted_secret_is_found(planted: bytes) -> None:
    assert leaks({"log": b'{"said":"' + planted + b'"}'}, NEEDLES)


@pytest.mark.parametrize(
    "innocent",
    [
        b"Pan(****0012)",
        b"99996700000000",
        b"2026-11-24 12:30:00.482915+00",
        b"5482915f",
        base64.b64encode(b"nothing of the kind, only words"),
        KEY[:15].hex().encode(),
    ],
)
def test_what_is_no_secret_is_left_alone(innocent: bytes) -> None:
    assert leaks({"log": innocent}, NEEDLES) == []
