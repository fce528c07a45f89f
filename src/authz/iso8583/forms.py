"""How the values of one alphabet look on the wire: unfold bytes to text, fold text to bytes.

Wire bytes are handled as latin-1 text, one character a byte, because slices of a `str` are values
at once and Python's tests on them (`isdigit` after `isascii`) run in C. A form knows no lengths.
"""

import re
from collections.abc import Callable

from msgspec import Struct

from authz.iso8583 import spec


class Broken(Exception):
    """A value leaves its alphabet. Says in what, and never the value."""


class Form(Struct, frozen=True):
    """One way of writing one alphabet.

    A length counts digits (packed), bytes (raw) or characters; `nibbles` is the half bytes on the
    wire and `chars` the characters of the value for each one counted. `mergeable`: neighbours of
    this form may be unfolded in one go, for the alphabet is the same at every place.
    """

    name: str
    unfold: Callable[[str], str]
    fold: Callable[[str], str]
    nibbles: int = 2
    chars: int = 1
    mergeable: bool = True

    def width(self, count: int) -> int:
        """Bytes on the wire of a value so long."""
        return (count * self.nibbles + 1) // 2


_LATIN = re.compile(r"[\x20-\x7e\xa0-\xff]*").fullmatch


def _is_digits(text: str) -> bool:
    return (text.isascii() and text.isdigit()) or not text


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()  # together: exactly 0x20 to 0x7E


def _digits(text: str) -> str:
    if not _is_digits(text):
        raise Broken("not digits")
    return text


def _signed(text: str) -> str:
    if text[:1] not in ("C", "D"):
        raise Broken("sign is neither C nor D")
    return text[0] + _digits(text[1:])


def _printable(text: str) -> str:
    if not _is_printable(text):
        raise Broken("not printable ASCII")
    return text


def _latin(text: str) -> str:
    if not (_is_printable(text) or _LATIN(text)):  # the expression is slow and seldom needed
        raise Broken("not latin-1 without control characters")
    return text


def _track(text: str) -> str:
    if not _is_digits(text.replace("=", "").replace("D", "")):
        raise Broken("not track data")
    return text


def _hex(text: str) -> str:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise Broken("not pairs of hexadecimal digits") from None
    if text and not text.isalnum():  # fromhex lets blanks through
        raise Broken("not pairs of hexadecimal digits")
    return text.upper()


def _unfold_raw(wire: str) -> str:
    return wire.encode("latin-1").hex().upper()


def _fold_raw(text: str) -> str:
    return bytes.fromhex(_hex(text)).decode("latin-1")


def _unfold_packed(wire: str) -> str:
    nibbles = wire.encode("latin-1").hex()
    if not _is_digits(nibbles):  # A to F, an F pad included, is refused
        raise Broken("not packed digits")
    return nibbles


def _pack(nibbles: str) -> str:
    """An odd count gets a 0 in front."""
    return bytes.fromhex("0" * (len(nibbles) % 2) + nibbles).decode("latin-1")


def _fold_packed(text: str) -> str:
    return _pack(_digits(text))


def _unfold_packed_signed(wire: str) -> str:
    return _signed(wire[:1] + _unfold_packed(wire[1:]))


def _fold_packed_signed(text: str) -> str:
    return _signed(text)[0] + _pack(text[1:])


def _unfold_packed_track(wire: str) -> str:
    nibbles = wire.encode("latin-1").hex()
    if not _is_digits(nibbles.replace("d", "")):
        raise Broken("not packed track data")
    return nibbles.replace("d", "=")


def _fold_packed_track(text: str) -> str:
    return _pack(_track(text).replace("=", "D"))


# Keyed by alphabet and by whether the specification writes the field in binary ("b").
FORMS: dict[tuple[str, bool], Form] = {
    (spec.NUMERIC, False): Form("digits", _digits, _digits),
    (spec.SIGNED, False): Form("signed digits", _signed, _signed, mergeable=False),
    (spec.TRACK, False): Form("track", _track, _track),
    (spec.TEXT, False): Form("text", _printable, _printable),
    (spec.LATIN, False): Form("latin-1 text", _latin, _latin),
    (spec.BINARY, False): Form("hexadecimal text", _hex, _hex),
    (spec.BINARY, True): Form("raw bytes", _unfold_raw, _fold_raw, chars=2),
    (spec.NUMERIC, True): Form("packed digits", _unfold_packed, _fold_packed, nibbles=1),
    (spec.TRACK, True): Form("packed track", _unfold_packed_track, _fold_packed_track, nibbles=1),
    (spec.SIGNED, True): Form(
        "sign and packed digits",
        _unfold_packed_signed,
        _fold_packed_signed,
        nibbles=1,
        mergeable=False,
    ),
}
