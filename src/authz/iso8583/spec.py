"""What the fields are: lengths, alphabets and encodings of ISO 8583:1987, per kind of content.

The tables are pyiso8583 specification dicts, derived from the two it ships, so that pyiso8583 can
read what we write and the other way round. To them we add what they lack: the alphabet of each
field (ISO 8583:1987, 4.3.2 and table 6).
"""

from collections.abc import Mapping
from typing import Any, Final

from iso8583.specs import default, default_ascii

Spec = Mapping[str, Mapping[str, Any]]

# ISO 8583:1987, 4.3.2: n digits; x+n a C or D and digits; z track data; b binary; the texts `an`
# and `ans` are both read as 0x20 to 0x7E, and `latin` (DE43 alone: names of towns) as latin-1
# without control characters.
NUMERIC: Final = "n"
SIGNED: Final = "x+n"
TRACK: Final = "z"
BINARY: Final = "b"
TEXT: Final = "ans"
LATIN: Final = "latin"

_ALPHABETS: Final[dict[str, tuple[int, ...]]] = {
    NUMERIC: (*range(2, 28), 32, 33, 53, *range(66, 91), 99, 100),
    SIGNED: (*range(28, 32), 97),
    TRACK: (35, 36),
    BINARY: (52, 55, 64, 96, 128),
    LATIN: (43,),
}


def alphabet(number: int) -> str:
    """The alphabet of a field; whatever is not listed is text."""
    return next((name for name, numbers in _ALPHABETS.items() if number in numbers), TEXT)


# Field 65 announces a third bitmap, which the 1987 edition leaves unused: refused like an unknown.
_UNUSED: Final = "65"
# DE54 holds six amounts of 20 characters (ISO 8583:1987); pyiso8583 allows twelve.
_DE54_SIZE_MAX: Final = 120


def _adjusted(shipped: Spec) -> dict[str, dict[str, Any]]:
    spec = {key: dict(entry) for key, entry in shipped.items() if key != _UNUSED}
    spec["54"]["max_len"] = _DE54_SIZE_MAX
    spec["43"]["data_enc"] = "latin-1"
    return spec


def _packed(shipped: Spec) -> dict[str, dict[str, Any]]:
    """Digits two to a byte, lengths too; what is not digits stays as it is in `ascii-binary`.

    An odd count of digits has a 0 in front (`left_pad`). The signed amounts are one character and
    packed digits, which pyiso8583 cannot say: those five fields are ours alone.
    """
    spec = _adjusted(shipped)
    spec["t"]["data_enc"] = "b"
    for key, entry in spec.items():
        entry["len_type"] = (entry["len_type"] + 1) // 2
        entry["len_enc"] = "bcd"
        if key.isdigit() and alphabet(int(key)) in (NUMERIC, SIGNED, TRACK):
            entry.update(data_enc="b", len_count="nibbles", left_pad="0")
    return spec


SPECS: Final[dict[str, Spec]] = {
    "ascii": _adjusted(default_ascii),
    "ascii-binary": _adjusted(default),
    "bcd": _packed(default),
}

# The fields that a message may hold, with their names.
DESCRIPTIONS: Final[dict[int, str]] = {
    int(key): entry["desc"] for key, entry in SPECS["ascii"].items() if key.isdigit() and key != "1"
}
