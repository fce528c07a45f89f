"""Bank card numbers at rest: AES-GCM under a named key of the key file, in clear for the line only.

The first `pan_encryption` key encrypts; all of them still read, so that a key can be followed by
another one without a day on which cards cannot be read.
"""

import os
from collections.abc import Sequence
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from authz.bank.words import BankCard
from authz.keys import Keys
from authz.pan import Pan

NONCE_BYTES: Final = 12
_PURPOSE: Final = b"bank card"
"""Bound to every ciphertext, so that none made for another purpose is taken for a card."""


class SealedPan(Struct, frozen=True, array_like=True):
    """A card number as it is kept, the name of its key, and what people may see."""

    key_id: str
    encrypted: bytes
    last4: str


class UnreadablePan(Exception):
    """The key that a card was encrypted under is not here, or is another one."""


class PanVault:
    """Encrypts and reads card numbers. Prints and travels without its keys."""

    __slots__ = ("_ciphers", "_key_id")

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """`keys` are names and 32 bytes each; the first encrypts."""
        self._key_id = keys[0][0]
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys}

    @classmethod
    def of(cls, keys: Keys) -> Self | None:
        """The vault of a key file, None where it has no key for card numbers."""
        named = [(key.key_id, key.key.reveal()) for key in keys.pan_encryption]
        return cls(named) if named else None

    def seal(self, pan: Pan) -> SealedPan:
        """Encrypt; the same number never looks the same twice."""
        nonce = os.urandom(NONCE_BYTES)
        hidden = self._ciphers[self._key_id].encrypt(nonce, pan.reveal().encode(), _PURPOSE)
        return SealedPan(self._key_id, nonce + hidden, pan.last4)

    def card(self, key_id: str, encrypted: bytes, expiry: str) -> BankCard:
        """The card for the line. Raises `UnreadablePan`, which tells no number."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnreadablePan(f"there is no key {key_id}")
        nonce, hidden = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
        try:
            digits = cipher.decrypt(nonce, hidden, _PURPOSE)
        except InvalidTag:
            raise UnreadablePan(f"key {key_id} is not the one it was") from None
        return BankCard(Pan(digits.decode()), expiry)

    def __repr__(self) -> str:
        """The names of the keys."""
        return f"PanVault({', '.join(self._ciphers)})"
