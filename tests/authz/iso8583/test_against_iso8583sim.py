"""iso8583sim, another implementation, writes what ours reads and reads what ours writes."""

import pytest
from iso8583sim.core.builder import ISO8583Builder  # type: ignore[import-untyped]
from iso8583sim.core.types import ISO8583Message  # type: ignore[import-untyped]
from iso8583sim.wire import (  # type: ignore[import-untyped]
    WireFormat,
    decode_message,
    encode_message,
)

from authz.iso8583.message import Message
from authz.iso8583.profiles import profile

PRESETS = {"ascii": "ascii-hex", "ascii-binary": "ascii-binary", "bcd": "bcd"}
PURCHASE = {
    2: "9999670000000012",
    3: "000000",
    4: "000000001250",
    7: "1122013000",
    11: "000123",
    12: "023000",
    13: "1122",
    14: "2912",
    22: "071",
    23: "001",
    32: "12345678901",
    35: "9999670000000012=29122010000000000",
    37: "112201000123",
    41: "TERM0001",
    42: "MERCHANT0000001",
    49: "978",
    52: "0123456789ABCDEF",
}
ECHO = {7: "1122013000", 11: "000124", 70: "301"}


def fields_of(message: ISO8583Message) -> dict[int, str]:
    return {number: str(value) for number, value in message.fields.items() if number > 1}


@pytest.mark.parametrize("name", sorted(PRESETS))
@pytest.mark.parametrize(("mti", "fields"), [("0200", PURCHASE), ("0800", ECHO)])
def test_both_write_the_same_bytes_and_read_them_alike(
    name: str, mti: str, fields: dict[int, str]
) -> None:
    if name == "bcd":  # it packs the currency; ISO 8583:1987 and jPOS say `an`, hence text
        fields = {number: value for number, value in fields.items() if number != 49}
    wire = WireFormat.preset(PRESETS[name])
    theirs = encode_message(ISO8583Message(mti=mti, fields={0: mti, **fields}), wire)
    codec = profile(name).codec
    assert codec.encode(Message(mti, fields)) == theirs
    assert codec.decode(theirs) == Message(mti, fields)
    assert fields_of(decode_message(theirs, wire)) == fields


def test_its_text_builder_agrees_with_the_ascii_profile() -> None:
    built = ISO8583Builder().build(ISO8583Message(mti="0800", fields={0: "0800", **ECHO}))
    assert profile("ascii").codec.decode(built.encode("latin-1")) == Message("0800", ECHO)
