"""PIN blocks in clear, formats 0 and 3 (ISO 9564-1): from the block back to the PIN."""

from typing import Final

from authz.hsm import Pin

_FORMATS: Final = {"0": frozenset("F"), "3": frozenset("ABCDEF")}
"""What may fill each format behind the PIN."""


def pin_of(block: bytes, pan: str) -> Pin | None:
    """The PIN of a clear block of eight bytes; None where it is no block of this card number."""
    if len(block) != 8 or len(pan) < 13:
        return None
    mixed = int.from_bytes(block) ^ int("0000" + pan[-13:-1], 16)
    text = f"{mixed:016X}"
    length = int(text[1], 16)
    digits, fill = text[2 : 2 + length], text[2 + length :]
    if text[0] not in _FORMATS or not _FORMATS[text[0]].issuperset(fill):
        return None
    try:
        return Pin(digits)
    except ValueError:
        return None
