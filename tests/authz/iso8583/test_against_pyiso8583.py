"""pyiso8583 reads what our codec writes and writes what it reads; where ours is stricter, a table.

The specifications are shared, the code is not: pyiso8583 walks the dict, ours is compiled from it.
"""

from typing import Any

import iso8583
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso8583.specs import default, default_ascii

from authz.iso8583.codec import DecodeError
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.iso8583.spec import SPECS
from tests.authz.iso8583.strategies import NUMBERS, SIGNED, TRACKS, field_sets, mtis

# pyiso8583 has no word for a sign in front of packed digits.
PACKED = tuple(number for number in NUMBERS if number not in SIGNED)
SHIPPED = {"ascii": default_ascii, "ascii-binary": default}


def sayable(name: str) -> st.SearchStrategy[dict[int, str]]:
    return field_sets(PACKED) if name == "bcd" else field_sets()


def theirs(name: str, message: Message) -> dict[str, str]:
    """Our message in pyiso8583's words: the separator of a packed track is its nibble, D."""
    values = {
        str(number): value.replace("=", "D") if name == "bcd" and number in TRACKS else value
        for number, value in message.fields.items()
    }
    return {"t": message.mti, **values}


def written_by_theirs(name: str, message: Message) -> bytes:
    encoded, _ = iso8583.encode(theirs(name, message), SPECS[name])
    return bytes(encoded)


@given(name=st.sampled_from(sorted(SPECS)), mti=mtis, data=st.data())
def test_both_write_the_same_bytes(name: str, mti: str, data: st.DataObject) -> None:
    message = Message(mti, data.draw(sayable(name)))
    assert profile(name).codec.encode(message) == written_by_theirs(name, message)


@given(name=st.sampled_from(sorted(SPECS)), mti=mtis, data=st.data())
def test_both_read_the_same_values(name: str, mti: str, data: st.DataObject) -> None:
    message = Message(mti, data.draw(sayable(name)))
    wire = written_by_theirs(name, message)
    decoded, _ = iso8583.decode(wire, SPECS[name])
    ours = profile(name).codec.decode(wire)
    assert theirs(name, ours) == {k: v for k, v in decoded.items() if k not in ("p", "1")}


@pytest.mark.parametrize("name", sorted(SPECS))
@given(data=st.data(), fields=field_sets(PACKED))
def test_what_ours_reads_of_damaged_bytes_theirs_reads_alike(
    name: str, data: st.DataObject, fields: dict[int, str]
) -> None:
    body = bytearray(profile(name).codec.encode(Message("0200", fields)))
    for _ in range(data.draw(st.integers(0, 2))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        ours = profile(name).codec.decode(bytes(body))
    except DecodeError:
        return
    if name == "bcd" and SIGNED.keys() & ours.fields.keys():
        return
    decoded, _ = iso8583.decode(bytes(body), SPECS[name])
    expected = {k: v for k, v in decoded.items() if k not in ("p", "1")}
    if name == "ascii":  # theirs keeps hexadecimal text as it came, ours is upper case
        expected |= {
            k: expected[k].upper() for k in ("52", "55", "64", "96", "128") if k in expected
        }
    assert theirs(name, ours) == expected


@pytest.mark.parametrize(
    ("what", "fields", "bitmap"),
    [
        ("an underscore in a length", "1_0" + "9" * 10, "0000000000010000"),
        ("a space in a length", " 5" + "9" * 5, "4000000000000000"),
        ("a sign in a length", "+5" + "9" * 5, "4000000000000000"),
        ("letters in an amount", "TWELVE EUROS", "1000000000000000"),
        ("a space in an amount", "00000000 250", "1000000000000000"),
        ("a line feed in a terminal", "TERM\n001", "0000000000800000"),
        ("words for a PIN block", "SIXTEEN LETTERS!", "0000000000001000"),
        ("a space in the bitmap", "000000", "20 00 00 00 0000"),
    ],
)
def test_ours_refuses_what_theirs_lets_through(what: str, fields: str, bitmap: str) -> None:
    body = f"0200{bitmap}{fields}".encode()
    iso8583.decode(body, SPECS["ascii"])
    with pytest.raises(DecodeError):
        profile("ascii").codec.decode(body)


def test_a_fault_is_placed_where_theirs_places_it() -> None:
    body = b"0200" + b"7000000000000000" + b"129999670000120000000000000012"
    with pytest.raises(iso8583.DecodeError) as theirs_refusal:
        iso8583.decode(body, SPECS["ascii"])
    with pytest.raises(DecodeError) as ours:
        profile("ascii").codec.decode(body)
    assert str(ours.value.field) == theirs_refusal.value.field
    assert ours.value.position == theirs_refusal.value.pos


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_our_specifications_are_the_shipped_ones_but_for_named_changes(name: str) -> None:
    changed: dict[str, Any] = {
        key: {k: v for k, v in SPECS[name][key].items() if entry.get(k) != v}
        for key, entry in SHIPPED[name].items()
        if key in SPECS[name] and SPECS[name][key] != entry
    }
    assert changed == {"43": {"data_enc": "latin-1"}, "54": {"max_len": 120}}
    assert SHIPPED[name].keys() - SPECS[name].keys() == {"65"}
