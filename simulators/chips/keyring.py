"""The keys of simulated chips and PIN pads, out of the engine's own key file (test ranges only).

A real issuer would never let them out; a simulated card has to get its key from somewhere.
"""

import tomllib
from pathlib import Path
from typing import Final

from msgspec import Struct

TEST_BINS: Final = frozenset({"999967", "999979"})
_BIN_SIZES: Final = (8, 7, 6)


class Keyring(Struct, frozen=True):
    """Issuer master keys by BIN, and by profile the zone keys under which PINs travel."""

    issuers: dict[str, bytes]
    zones: dict[str, bytes] = {}

    def issuer_of(self, pan: str) -> bytes | None:
        """The master key of a card number's range; the longest BIN wins."""
        found = (self.issuers.get(pan[:size]) for size in _BIN_SIZES)
        return next((key for key in found if key is not None), None)

    def forged(self) -> "Keyring":
        """The same ranges under keys of one's own, as a forger would have them."""
        return Keyring({bin_: _other(key) for bin_, key in self.issuers.items()}, self.zones)

    def __repr__(self) -> str:
        """Which keys there are, none of them shown."""
        return f"Keyring(BINs {', '.join(self.issuers)}; zones {', '.join(self.zones)})"


def read_keyring(path: Path) -> Keyring:
    """Read a key file. ValueError: it is none, or has no key for the test ranges."""
    try:
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        masters = {each["bin"]: bytes.fromhex(each["key"]) for each in file.get("emv_master", ())}
        zones = [each for each in file.get("zone", ()) if each.get("use", "pin") == "pin"]
        pins = {each.get("profile", "ascii"): bytes.fromhex(each["key"]) for each in zones}
    except (OSError, ValueError, KeyError, TypeError):
        # What exactly is wrong would quote the file.
        raise ValueError(f"{path.name} is not a key file that can be read") from None
    issuers = {bin_: key for bin_, key in masters.items() if bin_[:6] in TEST_BINS}
    if not issuers:
        raise ValueError(f"{path.name} has no [[emv_master]] key for 999967 or 999979")
    return Keyring(issuers, pins)


def _other(key: bytes) -> bytes:
    # One bit of each octet, but not the last: that is parity, which DES does not look at.
    return bytes(octet ^ 0x10 for octet in key)
