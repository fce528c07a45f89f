"""Looks for secrets in whatever was left behind, in every spelling that a program may give them."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

SHORT: Final = 10
"""Fewer digits than this stand in a dump by chance: they must stand alone to be found."""


class Needle(Struct, frozen=True):
    """One spelling of one secret."""

    secret: str
    spelling: str
    pattern: re.Pattern[bytes]


def needles_of_digits(secret: str, digits: str) -> Iterator[Needle]:
    """A number or PIN: in clear, grouped, as bytes of text or packed, in hex and in base64."""
    yield Needle(secret, "clear", _pattern(digits.encode(), alone=len(digits) < SHORT))
    if len(digits) >= SHORT:
        grouped = "[ -]".join(digits[i : i + 4] for i in range(0, len(digits), 4))
        yield Needle(secret, "grouped", re.compile(grouped.encode()))
        packed = bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")
        yield Needle(secret, "packed", re.compile(re.escape(packed)))
        yield from _in_base64(secret, "packed", packed)
    yield from needles_of_bytes(f"{secret} as text", digits.encode(), raw=False)


def needles_of_bytes(secret: str, value: bytes, *, raw: bool = True) -> Iterator[Needle]:
    """A key or block: as it is, in hex of either case, as a list of numbers, in base64."""
    if raw:
        yield Needle(secret, "raw", re.compile(re.escape(value)))
        escaped = "".join(f"\\x{byte:02x}" for byte in value)
        yield Needle(secret, "escaped", re.compile(re.escape(escaped.encode())))
    yield Needle(secret, "hex", re.compile(value.hex().encode(), re.IGNORECASE))
    yield from _in_base64(secret, "bytes", value)


def found_in(place: bytes, needles: Iterable[Needle]) -> list[str]:
    """Which secrets stand in a place, and in which spelling; never the secret itself."""
    return [f"{n.secret}: {n.spelling}" for n in needles if n.pattern.search(place)]


def leaks(places: Mapping[str, bytes], needles: Iterable[Needle]) -> list[str]:
    """All that is found, with the place."""
    known = tuple(needles)
    return [f"{name}: {what}" for name, place in places.items() for what in found_in(place, known)]


def _pattern(text: bytes, *, alone: bool) -> re.Pattern[bytes]:
    word = re.escape(text)
    return re.compile(rb"(?<![0-9A-Fa-f.])" + word + rb"(?![0-9A-Fa-f])" if alone else word)


def _in_base64(secret: str, what: str, value: bytes) -> Iterator[Needle]:
    """At each of the three places where it may begin in a group of three bytes, both alphabets."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + value)
        # What depends on the bytes around it is left out on both sides.
        first, last = -(-before * 8 // 6), (before + len(value)) * 8 // 6
        core = whole[first:last]
        for alphabet, text in (("", core), (" url", core.translate(_URL))):
            name = f"base64{alphabet} of {what}, from {before}"
            yield Needle(secret, name, re.compile(re.escape(text)))


_URL: Final = bytes.maketrans(b"+/", b"-_")
