"""What a chip computes: its keys, its cryptogram, the issuer's answer to it (EMV Book 2).

Keys go without parity, which DES does not look at.
"""

from typing import Final

from simulators.chips import des

CVN_10: Final = 10
CVN_18: Final = 18


def chip_key(issuer: bytes, pan: str, sequence: str) -> bytes:
    """The key that the issuer put into a chip: option A (A1.4.1), for up to 16 digits."""
    left = bytes.fromhex((pan + sequence)[-16:].rjust(16, "0"))
    return des.encrypt(issuer, left + bytes(octet ^ 0xFF for octet in left))


def session_key(chip: bytes, atc: bytes) -> bytes:
    """The key of one use, for CVN 18: the counter enciphered twice (A1.3.1)."""
    return b"".join(des.encrypt(chip, atc + mark + bytes(5)) for mark in (b"\xf0", b"\x0f"))


def key_of_use(cvn: int, chip: bytes, atc: bytes) -> bytes:
    """The key that makes a cryptogram: the chip's own for CVN 10, else that of the session."""
    return chip if cvn == CVN_10 else session_key(chip, atc)


def cryptogram(cvn: int, key: bytes, data: bytes) -> bytes:
    """The ARQC over the terminal's and the chip's data (8.1)."""
    return des.mac(key, des.zeros(data) if cvn == CVN_10 else des.a_bit_and_zeros(data))


def answers(cvn: int, key: bytes, arqc: bytes, issuer_data: bytes) -> bool:
    """Whether tag 91 is the issuer's own answer to this cryptogram (8.2.1 or 8.2.2)."""
    if cvn == CVN_10:
        proof, code = issuer_data[:8], issuer_data[8:]
        mixed = bytes(a ^ b for a, b in zip(arqc, code.ljust(8, b"\0"), strict=True))
        return len(code) == 2 and proof == des.encrypt(key, mixed)
    proof, status = issuer_data[:4], issuer_data[4:]
    return len(status) == 4 and proof == des.mac(key, des.a_bit_and_zeros(arqc + status))[:4]
