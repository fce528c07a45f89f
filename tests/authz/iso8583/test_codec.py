"""The codec reads exactly what a message is, writes it back, and says what is wrong otherwise."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.iso8583.codec import Codec, DecodeError, EncodeError
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.iso8583.spec import DESCRIPTIONS
from tests.authz.iso8583.strategies import NUMBERS, field_sets, mtis

PROFILES = ("ascii", "ascii-binary", "bcd")
PURCHASE = {
    2: "9999670000000012",
    3: "000000",
    4: "000000001250",
    7: "1122013000",
    11: "000123",
    22: "071",
    32: "12345678901",
    35: "9999670000000012=29122010000000000",
    41: "TERM0001",
    42: "MERCHANT0000001",
    43: "CAFÉ DU MARCHÉ                        FR",
    49: "978",
    55: "9F2608AABBCCDDEEFF0011",
}


def codec(name: str) -> Codec:
    return profile(name).codec


def ascii_body(*fields: str, mti: str = "0200", bitmap: str = "7000000000000000") -> bytes:
    return (mti + bitmap + "".join(fields)).encode("latin-1")


def refused(body: bytes, name: str = "ascii") -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        codec(name).decode(body)
    return caught.value


# Both ways


@pytest.mark.parametrize("name", PROFILES)
@given(mti=mtis, fields=field_sets())
def test_what_is_written_is_read_back(name: str, mti: str, fields: dict[int, str]) -> None:
    message = Message(mti, fields)
    decoded = codec(name).decode(codec(name).encode(message))
    assert decoded == message
    assert list(decoded.fields) == sorted(fields)


@pytest.mark.parametrize("name", PROFILES)
@given(body=st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(name: str, body: bytes) -> None:
    try:
        message = codec(name).decode(body)
    except DecodeError:
        return
    assert codec(name).decode(codec(name).encode(message)) == message


@pytest.mark.parametrize("name", PROFILES)
@given(fields=field_sets(), data=st.data())
def test_any_damaged_message_decodes_or_is_refused(
    name: str, fields: dict[int, str], data: st.DataObject
) -> None:
    body = bytearray(codec(name).encode(Message("0200", fields)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    del body[data.draw(st.integers(0, len(body))) :]
    refusal = None
    try:
        codec(name).decode(bytes(body))
    except DecodeError as raised:
        refusal = raised
    if refusal is not None:
        assert 0 <= refusal.position <= len(body)
        assert refusal.partial is None or refusal.field not in refusal.partial.fields


def test_the_damage_above_reaches_every_kind_of_refusal() -> None:
    random, seen = Random(8583), Counter[str]()
    for name in PROFILES:
        whole = codec(name).encode(
            Message("0200", PURCHASE | {28: "C00000001", 52: "AB" * 8, 70: "301"})
        )
        for _ in range(4_000):
            body = bytearray(whole)
            body[random.randrange(len(body))] = random.randrange(256)
            try:
                codec(name).decode(bytes(body[: random.choice((len(body), len(body), 150))]))
            except DecodeError as refusal:
                seen[refusal.why] += 1
    assert set(seen) >= {
        "message type is not four digits",
        "bitmap is not hexadecimal",
        "bytes after the last field",
        "cut short",
        "length is cut short, no number or over the maximum",
        "not digits",
        "not packed digits",
        "not packed track data",
        "not track data",
        "not printable ASCII",
        "not latin-1 without control characters",
        "not pairs of hexadecimal digits",
        "sign is neither C nor D",
        "pad is not 0",
        "field 65 is not specified",
    }


# Strictness


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("letters in an amount", ascii_body("04TEST", "000000", "00000000125O"), 2),
        ("letter O for a zero", ascii_body("0299", "000000", "00000000125O"), 4),
        ("superscript digits", ascii_body("0299", "00000²", "000000001250"), 3),
        ("underscore in a length", ascii_body("1_0" + "9" * 10, bitmap="0000000000010000"), 48),
        ("space in a length", ascii_body(" 5" + "9" * 5, bitmap="4000000000000000"), 2),
        ("sign in a length", ascii_body("+5" + "9" * 5, bitmap="4000000000000000"), 2),
        ("length over the maximum", ascii_body("20" + "9" * 20, bitmap="4000000000000000"), 2),
        ("NUL in a text", ascii_body("TERM\x000001", bitmap="0000000000800000"), 41),
        ("accent outside DE43", ascii_body("TÉRM0001", bitmap="0000000000800000"), 41),
        ("control in DE43", ascii_body("\x85" + " " * 39, bitmap="0000000000200000"), 43),
        ("odd hexadecimal", ascii_body("0039F2", bitmap="0000000000000200"), 55),
        ("space in hexadecimal", ascii_body("0049F 2", bitmap="0000000000000200"), 55),
        ("DE54 of seven amounts", ascii_body("140" + "0" * 140, bitmap="0000000000000400"), 54),
        ("no sign in a fee", ascii_body("000000001", bitmap="0000001000000000"), 28),
        ("letters in a type", ascii_body(mti="02O0", bitmap="0000000000000000"), None),
        ("a sign in a type", ascii_body(mti="+200", bitmap="0000000000000000"), None),
        ("a space in a bitmap", ascii_body(bitmap="00000000 0000000"), None),
        ("an underscore in a bitmap", ascii_body(bitmap="0_00000000000000"), None),
        ("half of a second bitmap", ascii_body("00000000", bitmap="8000000000000000"), None),
        ("bytes after the last field", ascii_body("x", bitmap="0000000000000000"), None),
        ("a third bitmap", ascii_body("8" + "0" * 15, bitmap="8" + "0" * 15), 65),
        ("nothing at all", b"", None),
        ("half a type", b"02", None),
        ("no bitmap", b"0200", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_exactly_a_message_is_refused(
    what: str, body: bytes, field: int | None
) -> None:
    assert refused(body).field == field


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("an F among the digits", "0200 2000000000000000 00000F", 3),
        ("an F as the pad of an odd count", "0200 0000080000000000 F123", 21),
        ("a digit as the pad of an odd count", "0200 0000080000000000 1123", 21),
        ("a digit as the pad of an odd length", "0200 0000000100000000 05 912345", 32),
        ("a pad behind an odd count", "0200 4000000000000000 13 9999670000001F", 2),
        ("a length that is not packed", "0200 4000000000000000 0A 0000000000", 2),
        ("a length of four digits", "0200 0000000000010000 1005 3131313131", 48),
        ("an E in a track", "0200 0000000020000000 04 12E4", 35),
        ("letters in the type", "02A0 0000000000000000", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_packed_digits_are_digits_and_their_pad_is_a_zero_in_front(
    what: str, body: str, field: int | None
) -> None:
    assert refused(bytes.fromhex(body), "bcd").field == field


def test_an_all_zero_second_bitmap_is_accepted_and_not_sent() -> None:
    body = ascii_body("0" * 16, "000000", bitmap="A000000000000000")
    message = codec("ascii").decode(body)
    assert message == Message("0200", {3: "000000"})
    assert codec("ascii").encode(message) == ascii_body("000000", bitmap="2000000000000000")


def test_lower_case_hexadecimal_is_read_and_upper_case_is_written() -> None:
    message = codec("ascii").decode(ascii_body("0049f2a", bitmap="000000000000020" + "0"))
    assert message.fields[55] == "9F2A"


# Refusals


def test_a_refusal_keeps_what_was_readable_before_and_after_the_fault() -> None:
    body = (
        codec("ascii").encode(Message("0200", PURCHASE)).replace(b"000000001250", b"00000000125O")
    )
    refusal = refused(body)
    assert (refusal.field, refusal.why) == (4, "not digits")
    assert body[refusal.position :].startswith(b"00000000125O")
    expected = {number: value for number, value in PURCHASE.items() if number != 4}
    assert refusal.partial == Message("0200", expected)


def test_nothing_is_guessed_behind_a_field_of_unknown_length() -> None:
    body = (
        codec("ascii").encode(Message("0200", PURCHASE)).replace(b"1112345678901", b"9912345678901")
    )
    refusal = refused(body)
    assert refusal.field == 32
    assert refusal.partial is not None
    assert sorted(refusal.partial.fields) == [2, 3, 4, 7, 11, 22]


def test_without_a_message_type_there_is_no_part_to_answer() -> None:
    assert refused(b"ABCD0000000000000000").partial is None


def test_no_refusal_repeats_a_value() -> None:
    for field, value in ((2, "99996700000000A2"), (35, "9999670000000012?29122010000000000")):
        broken = codec("ascii").encode(Message("0200", PURCHASE))
        broken = broken.replace(PURCHASE[field].encode(), value.encode(), 1)
        refusal = refused(broken)
        assert refusal.field == field
        for text in (str(refusal), repr(refusal), repr(refusal.partial), str(refusal.__context__)):
            assert "999967" not in text


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({3: "00000"}, "DE3"),
        ({3: "00000０"}, "DE3"),  # full-width zero: str.isdigit alone would take it
        ({4: "00000000125²"}, "DE4"),
        ({2: "9" * 20}, "DE2"),
        ({41: "TERM\n001"}, "DE41"),
        ({43: "Ł" + " " * 39}, "DE43"),
        ({52: "00112233445566"}, "DE52"),
        ({55: "9F2"}, "DE55"),
        ({97: "0" * 17}, "DE97"),
        ({65: "0" * 16}, "field 65"),
        ({1: "0" * 16}, "field 1"),
        ({129: "x"}, "field 129"),
    ],
)
@pytest.mark.parametrize("name", PROFILES)
def test_a_message_of_ours_that_does_not_fit_is_our_fault(
    name: str, fields: dict[int, str], blamed: str
) -> None:
    with pytest.raises(EncodeError, match=blamed) as caught:
        codec(name).encode(Message("0210", {11: "000001", **fields}))
    assert "9999" not in str(caught.value)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("mti", ["021", "02100", "02A0", ""])
def test_a_type_of_ours_has_four_digits(name: str, mti: str) -> None:
    with pytest.raises(EncodeError, match="four digits"):
        codec(name).encode(Message(mti, {}))


# Plans


def test_every_field_that_is_tried_here_is_every_field_there_is() -> None:
    assert sorted(DESCRIPTIONS) == NUMBERS


def test_a_peer_with_ever_new_bitmaps_fills_no_memory() -> None:
    reading, random = Codec(profile("ascii").codec.spec), Random(1)
    for _ in range(1_500):
        fields = dict.fromkeys((3, 11, 12, 73), "000000") | dict.fromkeys(
            random.sample(range(105, 128), 12), ""
        )
        reading.decode(reading.encode(Message("0200", fields)))
    assert reading.plans_kept <= 2 * 512
