"""ISO 8583 through pyiso8583: one specification per profile, and nothing of our own codec.

`ascii` is pyiso8583's `default_ascii`, `ascii-binary` its `default`; `bcd` packs digits like the
jPOS image `ISO87B`, except that odd lengths are padded with a 0 on the left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import iso8583
from iso8583.specs import default, default_ascii

Fields = dict[str, str]
"""A message: `t` is the type, the other keys are field numbers, the values text."""

Spec = Mapping[str, Mapping[str, Any]]

_BINARY: Final = ("52", "55", "64", "96", "128")
_NUMERIC: Final = tuple(
    str(field)
    for field in (
        *(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24),
        *(25, 26, 27, 32, 33, 35, 53, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80),
        *(81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 99, 100),
    )
)


class WireError(Exception):
    """A message that cannot be read or written: names the field, never what it held."""


def _named(spec: Spec) -> dict[str, dict[str, Any]]:
    """A specification of pyiso8583, but merchants' names have accents: DE43 is latin-1."""
    named = {name: dict(field) for name, field in spec.items()}
    named["43"]["data_enc"] = "latin-1"
    return named


def _packed() -> Spec:
    """`bcd`: packed digits, raw bitmaps, packed length prefixes."""
    spec = _named(default)
    for name, field in spec.items():
        if name in _NUMERIC:
            field |= {"data_enc": "b", "len_count": "nibbles", "left_pad": "0"}
        if name in ("t", "p", "1", *_BINARY):
            field["data_enc"] = "b"
        if field["len_type"]:
            # LL travels as one packed byte, LLL as two.
            field |= {"len_enc": "bcd", "len_type": (field["len_type"] + 1) // 2}
    spec["t"]["max_len"] = 2
    return spec


@dataclass(frozen=True)
class WireProfile:
    """How one acquirer network writes: character forms, and the framing it uses by habit."""

    name: str
    spec: Spec
    framing: str


PROFILES: Final = {
    profile.name: profile
    for profile in (
        WireProfile("ascii", _named(default_ascii), "2b"),
        WireProfile("ascii-binary", _named(default), "2b"),
        WireProfile("bcd", _packed(), "2b-tpdu"),
    )
}


def profile_of(name: str) -> WireProfile:
    """Find a profile by its name; ValueError lists those there are."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: one of {', '.join(PROFILES)}")
    return PROFILES[name]


def encode(fields: Fields, profile: WireProfile) -> bytes:
    """Write a message. WireError: a field does not fit."""
    try:
        raw, _ = iso8583.encode(_with_track_mark(fields, profile), profile.spec)
    except iso8583.EncodeError as broken:
        # pyiso8583's error carries the whole message, card number and all: it must not travel on.
        field, why = broken.field, broken.msg
    else:
        return bytes(raw)
    raise WireError(f"field {field} cannot be written: {why}")


def decode(raw: bytes, profile: WireProfile) -> Fields:
    """Read a message. WireError: it breaks the profile."""
    try:
        fields, _ = iso8583.decode(raw, profile.spec)
    except iso8583.DecodeError as broken:
        field, why = broken.field, broken.msg
    else:
        return dict(fields)
    raise WireError(f"field {field} cannot be read: {why}")


def _with_track_mark(fields: Fields, profile: WireProfile) -> Fields:
    """Copy the message; packed track 2 separates with D, since `=` is no digit."""
    copied = dict(fields)
    if profile.name == "bcd" and "35" in copied:
        copied["35"] = copied["35"].replace("=", "D")
    return copied
