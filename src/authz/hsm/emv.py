"""Chip keys and cryptograms (EMV Book 2: A1.3, A1.4, 8.1, 8.2).

Derived keys keep whatever parity they come with: DES does not look at it.
"""

from hashlib import sha1
from typing import Final

from authz.hsm.des import BLOCK, DesKey, pad_with_a_bit, pad_with_zeros

CVN_10: Final = 10
CVN_18: Final = 18
CSU_APPROVED: Final = bytes.fromhex("00800000")
"""Card status update of an approval: byte 2, bit 8, the issuer approves online."""
CSU_DECLINED: Final = bytes(4)
_OPTION_A_DIGITS_MAX: Final = 16
_ONES: Final = (1 << 64) - 1
# A1.4.2, step 2: a digest with too few decimal digits goes on with its letters, as digits.
_LETTERS: Final = str.maketrans("abcdef", "012345")


def card_key(issuer: DesKey, pan: str, sequence: str) -> bytes:
    """The 16-byte key of one card: option A, or B above 16 digits (A1.4.1, A1.4.2)."""
    digits = (
        _option_a(pan, sequence) if len(pan) <= _OPTION_A_DIGITS_MAX else _option_b(pan, sequence)
    )
    left = bytes.fromhex(digits)
    right = (int.from_bytes(left) ^ _ONES).to_bytes(BLOCK)
    return issuer.encrypt(left + right)


def _option_a(pan: str, sequence: str) -> str:
    return (pan + sequence)[-16:].zfill(16)


def _option_b(pan: str, sequence: str) -> str:
    digits = pan + sequence
    packed = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    digest = sha1(packed, usedforsecurity=False).hexdigest()
    numerals = "".join(c for c in digest if c.isdigit())
    letters = "".join(c for c in digest if not c.isdigit()).translate(_LETTERS)
    return (numerals + letters)[:16]


def common_session_key(card: DesKey, atc: bytes) -> bytes:
    """The key of one use of the card, diversified by its counter of two bytes (A1.3.1)."""
    return card.encrypt(atc + b"\xf0" + bytes(5) + atc + b"\x0f" + bytes(5))


def padded(cvn: int, data: bytes) -> bytes:
    """What the cryptogram is computed over: CVN 10 pads with zeros, CVN 18 with a bit."""
    return pad_with_zeros(data) if cvn == CVN_10 else pad_with_a_bit(data)


def arpc_1(key: DesKey, arqc: bytes, response_code: str) -> bytes:
    """Tag 91 by method 1: eight bytes, then the response code as two characters (8.2.1)."""
    code = response_code.encode("ascii")
    mixed = int.from_bytes(arqc) ^ int.from_bytes(code + bytes(6))
    return key.encrypt(mixed.to_bytes(BLOCK)) + code


def arpc_2(key: DesKey, arqc: bytes, csu: bytes) -> bytes:
    """Tag 91 by method 2: four bytes, then the card status update of four (8.2.2)."""
    return key.mac(pad_with_a_bit(arqc + csu))[:4] + csu
