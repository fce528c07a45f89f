"""The structures inside fields: private elements of DE48, amounts of DE54, EMV data of DE55."""

from collections.abc import Mapping

from msgspec import Struct

# A DE55 of 255 bytes holds at most so many two-byte objects; more elements than that is nonsense.
_ELEMENTS_MAX = 127
_AMOUNT_SIZE = 20
_LONG = 0x80
"""Lengths from here on are written in more than one byte."""


class TlvError(ValueError):
    """The structure inside a field is broken; the text names the place and never the value."""


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def parse_private(text: str) -> dict[str, str]:
    """DE48 elements `tag(2) length(2) value` by tag. TlvError: cut short, or a tag twice."""
    elements: dict[str, str] = {}
    place = 0
    while place < len(text):
        tag, length = text[place : place + 2], text[place + 2 : place + 4]
        if not (len(length) == 2 and _is_digits(length)):
            raise TlvError(f"no element length at {place + 2}")
        end = place + 4 + int(length)
        if end > len(text):
            raise TlvError(f"element at {place} is cut short")
        if tag in elements:
            raise TlvError(f"element at {place} comes twice")
        elements[tag] = text[place + 4 : end]
        place = end
    return elements


class AdditionalAmount(Struct, frozen=True):
    """One amount of DE54 (ISO 8583:1987, 20 characters).

    `sign` is C (credit, positive) or D (debit, negative); `amount_minor` is never negative.
    """

    account_type: str
    amount_type: str
    currency: str
    sign: str
    amount_minor: int


def parse_amounts(text: str) -> tuple[AdditionalAmount, ...]:
    """The amounts of a DE54, in their order. TlvError: not a multiple of 20, or broken inside."""
    if len(text) % _AMOUNT_SIZE:
        raise TlvError("additional amounts are 20 characters each")
    return tuple(_amount(text, at) for at in range(0, len(text), _AMOUNT_SIZE))


def _amount(text: str, at: int) -> AdditionalAmount:
    account_type, amount_type = text[at : at + 2], text[at + 2 : at + 4]
    currency, sign, amount = text[at + 4 : at + 7], text[at + 7], text[at + 8 : at + 20]
    if not (_is_digits(account_type + currency + amount) and sign in "CD"):
        raise TlvError(f"broken additional amount at {at}")
    return AdditionalAmount(account_type, amount_type, currency, sign, int(amount))


def format_amounts(*amounts: AdditionalAmount) -> str:
    """The DE54 text of these amounts. TlvError: more than twelve digits, or below zero."""
    for amount in amounts:
        if not 0 <= amount.amount_minor < 10**12:
            raise TlvError("an additional amount has at most twelve digits")
    return "".join(
        f"{a.account_type}{a.amount_type}{a.currency}{a.sign}{a.amount_minor:012d}" for a in amounts
    )


def parse_emv(hexadecimal: str) -> dict[str, str]:
    """The BER-TLV objects of DE55 by tag, all in upper-case hexadecimal; unknown tags are kept.

    EMV book 3, annex B: tags of one to three bytes, definite lengths of one to three bytes, `00`
    between objects means nothing. Constructed objects are kept whole. TlvError when malformed.
    """
    text, data = hexadecimal.upper(), _bytes(hexadecimal)
    objects: dict[str, str] = {}
    place, size = 0, len(data)
    while place < size:
        if data[place] == 0x00:
            place += 1
            continue
        begin = end = _tag_end(data, place)
        length = data[end] if end < size else _LONG
        if length < _LONG:
            begin += 1
        else:
            length, begin = _long_length(data, end)
        stop = begin + length
        tag = text[2 * place : 2 * end]
        if stop > size:
            raise TlvError(f"object at byte {begin} is cut short")
        if tag in objects or len(objects) == _ELEMENTS_MAX:
            raise TlvError(f"object at byte {begin} comes twice or too late")
        objects[tag] = text[2 * begin : 2 * stop]
        place = stop
    return objects


def _bytes(hexadecimal: str) -> bytes:
    try:
        data = bytes.fromhex(hexadecimal)
    except ValueError:
        raise TlvError("not hexadecimal") from None
    if 2 * len(data) != len(hexadecimal):  # blanks between bytes are none of ours
        raise TlvError("not hexadecimal")
    return data


def _tag_end(data: bytes, start: int) -> int:
    end = start + 1
    if data[start] & 0x1F == 0x1F:  # more tag bytes follow while their top bit is set
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    if end > len(data) or end - start > 3:
        raise TlvError(f"broken tag at byte {start}")
    return end


def _long_length(data: bytes, start: int) -> tuple[int, int]:
    """A length of more than one byte and where it ends; TlvError where there is none."""
    if start >= len(data):
        raise TlvError(f"no length at byte {start}")
    width = data[start] & 0x7F  # 0x80, the indefinite length, is forbidden in EMV
    end = start + 1 + width
    if not 1 <= width <= 2 or end > len(data):
        raise TlvError(f"broken length at byte {start}")
    return int.from_bytes(data[start + 1 : end], "big"), end


def format_emv(objects: Mapping[str, str]) -> str:
    """The DE55 hexadecimal of these objects, in their order (the answer's `91`)."""
    return "".join(f"{tag}{_length_hex(len(value) // 2)}{value}" for tag, value in objects.items())


def _length_hex(size: int) -> str:
    if size < 0x80:
        return f"{size:02X}"
    return f"81{size:02X}" if size < 0x100 else f"82{size:04X}"
