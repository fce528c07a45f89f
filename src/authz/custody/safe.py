"""How secrets that come in are kept: numbers in the vault, PINs as the security module keeps them.

Without a vault (a key file without such a key) no number is kept; PINs always are.
"""

from time import monotonic
from typing import Final, Self

from msgspec import Struct

from authz.custody.keys import KeyFile
from authz.custody.pan import Pan
from authz.custody.vault import Sealed, Slot, Vault
from authz.hsm import Pin, SecurityModule
from authz.hsm.software import SoftwareModule

PIN_PROFILE: Final = "ascii"
"""Whose zone key PIN blocks of world files and of HTTP are enciphered under."""


class NoPin(ValueError):
    """Not a PIN block of this card under the zone's key; the text never shows it."""


class Safe(Struct, frozen=True):
    """One for a process; `vault` is None where numbers are not kept."""

    module: SecurityModule
    vault: Vault | None = None

    @classmethod
    def of(cls, keys: KeyFile) -> Self:
        """The safe of a key file, with a security module of its own."""
        return cls(SoftwareModule(keys, monotonic), Vault.of(keys))

    def card(self, pan: Pan, card_ref: bytes) -> Sealed | None:
        """The number of a card or token, for the row of its reference."""
        return None if self.vault is None else self.vault.seal(pan.reveal(), Slot.card(card_ref))

    def pin_of_block(self, block: str, pan: Pan) -> Pin:
        """The PIN in a block of 16 hex digits, format 0 or 3. Raises NoPin."""
        pin = self.module.open_pin(PIN_PROFILE, bytes.fromhex(block), pan.reveal())
        if pin is None:
            raise NoPin(f"no PIN block of this card under the {PIN_PROFILE} zone's PIN key")
        return pin
