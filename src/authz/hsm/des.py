"""DES as cards and networks use it: blocks, retail MACs and check values from contexts made once.

Making a cipher context costs several times what a block costs, so that each key keeps its own. Keys
are always given to the library as 24 bytes: it is giving up shorter ones, and means by them just
what is spelt out here.
"""

from hmac import compare_digest
from typing import Final, NoReturn

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

BLOCK: Final = 8
CHECK_VALUE_SIZE: Final = 3
_ZERO: Final = bytes(BLOCK)


class DesKey:
    """A key at work. Not to be shared between threads."""

    __slots__ = ("_carry", "_chain", "_decryptor", "_encryptor", "_key")

    def __init__(self, key: bytes) -> None:
        """`key` is 16 or 24 bytes, or 8 for a single DES; ValueError otherwise."""
        self._key = _tripled(key)
        self._encryptor = _ecb(self._key).encryptor()
        self._decryptor: CipherContext | None = None
        self._chain: CipherContext | None = None
        # Where the chaining context stands: the last block that it gave out.
        self._carry = 0

    def encrypt(self, blocks: bytes) -> bytes:
        """Whole blocks, each by itself."""
        return self._encryptor.update(blocks)

    def decrypt(self, blocks: bytes) -> bytes:
        """Whole blocks, each by itself."""
        if self._decryptor is None:
            self._decryptor = _ecb(self._key).decryptor()
        return self._decryptor.update(blocks)

    def mac(self, padded: bytes) -> bytes:
        """Eight bytes over one block or more: ISO/IEC 9797-1 MAC algorithm 3.

        The first DES key alone chains the blocks, all of them close the last one.
        """
        last = int.from_bytes(padded[-BLOCK:])
        if len(padded) > BLOCK:
            # The context goes on from its last block: taking that out of the first begins anew.
            first = int.from_bytes(padded[:BLOCK]) ^ self._carry
            chained = self._chaining().update(first.to_bytes(BLOCK) + padded[BLOCK:-BLOCK])
            self._carry = int.from_bytes(chained[-BLOCK:])
            last ^= self._carry
        return self._encryptor.update(last.to_bytes(BLOCK))

    def mac_holds(self, padded: bytes, mac: bytes) -> bool:
        """Whether `mac`, four to eight leading bytes, is the one; compared in constant time."""
        return 4 <= len(mac) <= BLOCK and compare_digest(self.mac(padded)[: len(mac)], mac)

    def check_value(self) -> bytes:
        """Three bytes by which two sides see that they hold the same key."""
        return self.encrypt(_ZERO)[:CHECK_VALUE_SIZE]

    def _chaining(self) -> CipherContext:
        if self._chain is None:
            single = TripleDES(self._key[:BLOCK] * 3)
            self._chain = Cipher(single, CBC(_ZERO)).encryptor()
        return self._chain

    def __repr__(self) -> str:
        """Nothing of the key."""
        return "DesKey(****)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickle and copy: a key stays where it was loaded."""
        raise TypeError("a key is not serialized")


def pad_with_zeros(data: bytes) -> bytes:
    """Padding method 1: zeros up to whole blocks, at least one block (ISO/IEC 9797-1)."""
    return data + bytes(-len(data) % BLOCK) if data else _ZERO


def pad_with_a_bit(data: bytes) -> bytes:
    """Padding method 2: one bit, then zeros up to whole blocks (ISO/IEC 9797-1)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % BLOCK)


def _ecb(key: bytes) -> Cipher[ECB]:
    return Cipher(TripleDES(key), ECB())  # noqa: S305 - single blocks, as the standards ask


def _tripled(key: bytes) -> bytes:
    match len(key):
        case 8:
            return key * 3
        case 16:
            return key + key[:BLOCK]
        case 24:
            return key
    raise ValueError("a DES key is 8, 16 or 24 bytes")
