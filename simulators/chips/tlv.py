"""DE55: EMV objects one after another, as hexadecimal text."""

from collections.abc import Mapping


def write(objects: Mapping[str, bytes]) -> str:
    """Write objects in their order; tags are hexadecimal, values short (under 128 bytes)."""
    parts = []
    for tag, value in objects.items():
        assert len(value) < 0x80, "no object of a chip is that long"
        parts.append(f"{tag}{len(value):02X}{value.hex().upper()}")
    return "".join(parts)


def read(text: str) -> dict[str, bytes]:
    """Read objects by tag. ValueError: they are not whole, or a length is of the long form."""
    objects, data, place = {}, bytes.fromhex(text), 0
    while place < len(data):
        wide = data[place] & 0x1F == 0x1F
        start = place + (3 if wide else 2)
        if start > len(data) or data[start - 1] >= 0x80 or start + data[start - 1] > len(data):
            raise ValueError(f"the EMV object at byte {place} is not whole")
        tag, end = data[place : start - 1].hex().upper(), start + data[start - 1]
        objects[tag], place = data[start:end], end
    return objects
