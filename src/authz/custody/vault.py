"""Numbers that lead to a person, at rest: AES-GCM under a named key of the key file.

Card numbers, device PANs, bank cards and telephone numbers. The first `pan_encryption` key
encrypts; all of them still read, so that a key can be followed by another one without a day on
which numbers cannot be read. Every value has a nonce of its own and is bound to its slot: moved to
another row, or made for another purpose, it does not open.
"""

import os
from collections.abc import Sequence
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from authz.custody.keys import KeyFile

NONCE_BYTES: Final = 12


class Slot(Struct, frozen=True):
    """What a number is, and whose: with the holder the key of its row, and no other's."""

    kind: str
    name: bytes

    @property
    def bound(self) -> bytes:
        """What a ciphertext is bound to."""
        return self.kind.encode() + b" " + self.name

    @classmethod
    def card(cls, card_ref: bytes) -> Self:
        """The number of a meal card or token."""
        return cls("CARD", card_ref)

    @classmethod
    def bank_card(cls, card_no: int) -> Self:
        """The number of a linked bank card; `int8send` of PostgreSQL makes the same name."""
        return cls("BANK_CARD", card_no.to_bytes(8))

    @classmethod
    def phone(cls, holder_id: int) -> Self:
        """The telephone number of a person."""
        return cls("PHONE", holder_id.to_bytes(8))

    @classmethod
    def staged(cls, what: str, name: str) -> Self:
        """A number that waits while the world that it came with is loaded."""
        return cls("STAGED", f"{what} {name}".encode())


class Sealed(Struct, frozen=True, array_like=True):
    """A number as it is kept, and the name of its key."""

    key_id: str
    encrypted: bytes


class Unreadable(Exception):
    """The key that a number was encrypted under is not here or another one, or the slot is."""


class Vault:
    """Encrypts and reads numbers. Prints and travels without its keys."""

    __slots__ = ("_ciphers", "key_id")

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """`keys` are names and 32 bytes each; the first encrypts, `key_id` names it."""
        self.key_id = keys[0][0]
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys}

    @classmethod
    def of(cls, keys: KeyFile) -> Self | None:
        """The vault of a key file, None where it has no key for numbers."""
        named = [(key.key_id, key.key.reveal()) for key in keys.pan_encryption]
        return cls(named) if named else None

    def knows(self, key_id: str) -> bool:
        """Whether what is kept under this key can be read."""
        return key_id in self._ciphers

    def seal(self, number: str, slot: Slot) -> Sealed:
        """Encrypt under the current key; the same number never looks the same twice."""
        nonce = os.urandom(NONCE_BYTES)
        hidden = self._ciphers[self.key_id].encrypt(nonce, number.encode(), slot.bound)
        return Sealed(self.key_id, nonce + hidden)

    def open(self, sealed: Sealed, slot: Slot) -> str:
        """The number in clear. Raises `Unreadable`, which tells no number."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise Unreadable(f"there is no key {sealed.key_id}")
        nonce, hidden = sealed.encrypted[:NONCE_BYTES], sealed.encrypted[NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, hidden, slot.bound).decode()
        except InvalidTag:
            raise Unreadable(f"not under this key {sealed.key_id}, or not in this slot") from None

    def again(self, sealed: Sealed, slot: Slot, to: Slot | None = None) -> Sealed:
        """The same number under the current key, bound to the slot `to` where one is given."""
        return self.seal(self.open(sealed, slot), slot if to is None else to)

    def __repr__(self) -> str:
        """The names of the keys."""
        return f"Vault({', '.join(self._ciphers)})"
