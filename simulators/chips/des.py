"""DES with two keys as chips and PIN pads use it: blocks, and the MAC of ISO/IEC 9797-1."""

from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

BLOCK: Final = 8


def encrypt(key: bytes, blocks: bytes) -> bytes:
    """Encipher whole blocks, each by itself, under a key of 8, 16 or 24 bytes."""
    cipher = Cipher(_triple(key), ECB()).encryptor()  # noqa: S305 - single blocks, as EMV asks
    return cipher.update(blocks)


def decrypt(key: bytes, blocks: bytes) -> bytes:
    """Decipher whole blocks, each by itself."""
    cipher = Cipher(_triple(key), ECB()).decryptor()  # noqa: S305 - single blocks, as EMV asks
    return cipher.update(blocks)


def mac(key: bytes, blocks: bytes) -> bytes:
    """Algorithm 3 over whole blocks: the left key chains them, both keys close the chain."""
    left, right = key[:BLOCK], key[BLOCK:]
    chained = Cipher(_triple(left), CBC(bytes(BLOCK))).encryptor().update(blocks)
    return encrypt(left, decrypt(right, chained[-BLOCK:]))


def zeros(data: bytes) -> bytes:
    """Padding method 1: zeros up to a whole block."""
    return data + bytes(-len(data) % BLOCK)


def a_bit_and_zeros(data: bytes) -> bytes:
    """Padding method 2: one bit, then zeros up to a whole block."""
    return zeros(data + b"\x80")


def _triple(key: bytes) -> TripleDES:
    """Spell a key out to the 24 bytes that the library will go on taking."""
    return TripleDES({8: key * 3, 16: key + key[:BLOCK], 24: key}[len(key)])
