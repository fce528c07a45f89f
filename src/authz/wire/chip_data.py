"""DE55 read: which use of a chip it is, what its cryptogram covers, what the chip says. Pure.

EMV objects by their tags (EMV Book 3, annex A): 9F10 is the issuer's own data, here of the form
`length, key index, CVN, CVR`, the card verification results being 03 and three bytes.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from authz.hsm.emv import CVN_10
from authz.iso8583.tlv import TlvError, format_emv, parse_emv
from rules.facts import ChipUse

DEFAULT_SEQUENCE: Final = "00"
_CRYPTOGRAM: Final = "9F26"
_COVERED: Final = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")
"""What every cryptogram is computed over, in this order; then CVN 10 the CVR, CVN 18 all 9F10."""
_SIZES: Final[Mapping[str, int]] = {
    "9F02": 6, "9F03": 6, "9F1A": 2, "95": 5, "5F2A": 2, "9A": 3, "9C": 1, "9F37": 4, "82": 2,
    "9F36": 2, _CRYPTOGRAM: 8,
}  # fmt: skip
"""In bytes, of all that must be there."""
_NOTHING_ELSE: Final = {"9F03": "000000000000"}
"""The other amount is cash, and there is none."""
_ISSUER_DATA: Final = "9F10"
_SEQUENCE: Final = "5F34"
# Places in the hexadecimal text of 9F10.
_CVN: Final = slice(4, 6)
_RESULTS: Final = slice(6, 14)
_RESULTS_MARK: Final = "03"
_VERIFIED: Final = 0x04
"""CVR byte 2, bit 3: the chip, or the phone that plays one, has verified its holder ..."""
_FAILED: Final = 0x02
"""... bit 2: and failed to."""
_DECIDED: Final = 0xF0
_ASKED: Final = 0xA0
"""CVR byte 2, bits 8 to 5: no second cryptogram was asked for yet, and the first is an ARQC."""
_KIND: Final = "9F27"
_KIND_BITS: Final = 0xC0
_ARQC: Final = 0x80
"""Cryptogram information data, bits 8 and 7 (EMV Book 3, table 15): 00 AAC, 01 TC, 10 ARQC."""
_NEVER_KEPT: Final = frozenset({"5A", "57", "56", "5F20", "9F0B", "9F1F", "9F20", "9F6B"})
"""Card number, tracks and what belongs to them, the holder's name."""


class ChipData(Struct, frozen=True, gc=False):
    """A DE55: the use of the chip, the data under its cryptogram, amount and currency among them.

    `amount` is twelve digits and `currency` four, as the chip knew them; `verified` is its own word
    about its holder; `asks`: it left the decision to its issuer (ARQC); `objects` are all of DE55,
    by tag.
    """

    use: ChipUse
    data: bytes
    amount: str
    currency: str
    verified: bool
    asks: bool
    objects: Mapping[str, str]


def read_chip_data(text: str, sequence: str | None) -> ChipData | None:
    """Read a DE55 in hexadecimal; None where it holds no cryptogram, and so proves nothing.

    TlvError: malformed, or an object that goes with a cryptogram is missing or of odd size.

    `sequence` is that of the message (DE23); TlvError too if the chip's own (5F34) is another.
    """
    objects = _NOTHING_ELSE | parse_emv(text)
    if _CRYPTOGRAM not in objects:
        return None
    for tag, size in _SIZES.items():
        if len(objects.get(tag, "")) != 2 * size:
            raise TlvError(f"object {tag} is missing or not {size} bytes")
    issuer_data = objects.get(_ISSUER_DATA, "")
    results = issuer_data[_RESULTS]
    if len(results) != 8 or results[:2] != _RESULTS_MARK:
        raise TlvError("object 9F10 holds no card verification results")
    cvn, said = int(issuer_data[_CVN], 16), int(results[2:4], 16)
    own = results if cvn == CVN_10 else issuer_data
    use = ChipUse(
        _sequence(objects, sequence),
        cvn,
        int(objects["9F36"], 16),
        bytes.fromhex(objects[_CRYPTOGRAM]),
    )
    return ChipData(
        use,
        bytes.fromhex("".join([objects[tag] for tag in _COVERED]) + own),
        objects["9F02"],
        objects["5F2A"],
        said & (_VERIFIED | _FAILED) == _VERIFIED,
        said & _DECIDED == _ASKED and _is_arqc(objects.get(_KIND)),
        objects,
    )


def _is_arqc(kind: str | None) -> bool:
    """What 9F27 says, which no cryptogram covers; without it the CVR has the only word."""
    if kind is None:
        return True
    if len(kind) != 2:
        raise TlvError(f"object {_KIND} is not 1 byte")
    return int(kind, 16) & _KIND_BITS == _ARQC


def _sequence(objects: Mapping[str, str], said: str | None) -> str:
    own = objects.get(_SEQUENCE)
    if own is None:
        return said or DEFAULT_SEQUENCE
    if len(own) != 2 or not own.isdigit():
        raise TlvError("object 5F34 is not two digits")
    if said not in (None, own):
        raise TlvError("object 5F34 does not agree with DE23")
    return own


def kept_objects(text: str, objects: Mapping[str, str], pan: str) -> bytes:
    """DE55 as it may be kept: without what names the card or its holder, in whatever spelling."""
    spelt = pan, pan.encode().hex().upper()
    if _NEVER_KEPT.isdisjoint(objects) and not any(each in text for each in spelt):
        return bytes.fromhex(text)
    told = {
        tag: value
        for tag, value in objects.items()
        if tag not in _NEVER_KEPT and not any(each in value for each in spelt)
    }
    return bytes.fromhex(format_emv(told))


def issuer_authentication(data: bytes) -> str:
    """The DE55 of an answer: tag 91, in hexadecimal."""
    return format_emv({"91": data.hex().upper()})
