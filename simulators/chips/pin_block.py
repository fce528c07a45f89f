"""PIN blocks as a PIN pad makes them, formats 0 and 3 (ISO 9564-1), under a zone key (DE52)."""

from random import Random

from simulators.chips import des


def clear_block(pin: str, pan: str, *, fill: Random | None = None) -> bytes:
    """A block in clear: format 3 with letters drawn from `fill`, without one format 0."""
    letters = "F" * 14 if fill is None else "".join(fill.choices("ABCDEF", k=14))
    padded = f"{0 if fill is None else 3}{len(pin):X}{pin}{letters}"[:16]
    account = int(pan[-13:-1], 16)
    return (int(padded, 16) ^ account).to_bytes(des.BLOCK)


def sealed(zone_key: bytes, pin: str, pan: str, *, fill: Random | None = None) -> str:
    """DE52: the block enciphered, as hexadecimal text."""
    return des.encrypt(zone_key, clear_block(pin, pan, fill=fill)).hex().upper()
