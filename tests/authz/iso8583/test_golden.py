"""One frame per kind of field, worked out by hand from the rules of each profile."""

import pytest

from authz.iso8583.message import Message
from authz.iso8583.profiles import profile

# The kind, the field, its value, and what follows the type 0200 and the bitmap in each profile:
# characters for `ascii`, hexadecimal for the others. None: `bcd` is the same as `ascii-binary`.
GOLDEN: list[tuple[str, int, str, str, str, str | None]] = [
    ("fixed digits, even", 3, "000010", "000010", "303030303130", "000010"),
    ("fixed digits, odd: 0 in front", 22, "071", "071", "303731", "0071"),
    ("one digit", 27, "6", "6", "36", "06"),
    (
        "42 digits",
        90,
        "020000012311220130000000012345600000000000",
        "020000012311220130000000012345600000000000",
        "303230303030303132333131323230313330303030303030303132333435363030303030303030303030",
        "020000012311220130000000012345600000000000",
    ),
    (
        "digits by length, even",
        2,
        "999967000012",
        "12999967000012",
        "3132393939393637303030303132",
        "12999967000012",
    ),
    (
        "digits by length, odd: the length counts digits",
        32,
        "12345",
        "0512345",
        "30353132333435",
        "05012345",
    ),
    ("digits by length, none", 33, "", "00", "3030", "00"),
    (
        "sign and digits: the sign stays a character",
        28,
        "D00000050",
        "D00000050",
        "443030303030303530",
        "4400000050",
    ),
    (
        "sign and 16 digits",
        97,
        "C0000000000001250",
        "C0000000000001250",
        "4330303030303030303030303031323530",
        "430000000000001250",
    ),
    (
        "track, even: = is the nibble D",
        35,
        "9999670=2912",
        "129999670=2912",
        "3132393939393637303D32393132",
        "129999670D2912",
    ),
    ("track, odd: 0 in front", 35, "9999=29", "079999=29", "3037393939393D3239", "0709999D29"),
    ("text, fixed", 41, "TERM 01 ", "TERM 01 ", "5445524D20303120", None),
    ("latin-1, DE43 alone", 43, "CAFÉ".ljust(40), "CAFÉ".ljust(40), "434146C9" + "20" * 36, None),
    ("text by two digits", 44, "A5", "02A5", "30324135", "024135"),
    (
        "text by three digits",
        48,
        "EA03500",
        "007EA03500",
        "30303745413033353030",
        "000745413033353030",
    ),
    (
        "binary, fixed: hexadecimal or raw",
        52,
        "0123456789ABCDEF",
        "0123456789ABCDEF",
        "0123456789ABCDEF",
        None,
    ),
    (
        "binary by length: in ascii the length counts characters",
        55,
        "9A03261122",
        "0109A03261122",
        "3030359A03261122",
        "00059A03261122",
    ),
    ("digits in the second bitmap", 70, "301", "301", "333031", "0301"),
]


def bitmap(number: int) -> str:
    bits = 1 << (128 - number)
    return f"{bits >> 64:016X}" if number <= 64 else f"{bits | 1 << 127:032X}"


@pytest.mark.parametrize(
    ("number", "value", "text", "raw", "packed"),
    [row[1:] for row in GOLDEN],
    ids=[row[0] for row in GOLDEN],
)
def test_a_field_looks_as_worked_by_hand(
    number: int, value: str, text: str, raw: str, packed: str | None
) -> None:
    bits = bitmap(number)
    golden = {
        "ascii": f"0200{bits}{text}".encode("latin-1"),
        "ascii-binary": b"0200" + bytes.fromhex(bits + raw),
        "bcd": bytes.fromhex("0200" + bits + (raw if packed is None else packed)),
    }
    for name, body in golden.items():
        codec = profile(name).codec
        assert codec.encode(Message("0200", {number: value})) == body, name
        assert codec.decode(body) == Message("0200", {number: value}), name


def test_a_whole_packed_frame_worked_by_hand() -> None:
    # Type, bitmap (3 4 7 11 22 41 49: 32 20 04 00 00 80 80 00), then the fields.
    body = bytes.fromhex(
        "0200"
        "3220040000808000"
        "000000"  # 3
        "000000001250"  # 4
        "1122013000"  # 7
        "000123"  # 11
        "0071"  # 22, odd
        "5445524D30303031"  # 41, text
        "393738"  # 49, an: text
    )
    assert profile("bcd").codec.decode(body) == Message(
        "0200",
        {3: "000000", 4: "000000001250", 7: "1122013000", 11: "000123", 22: "071"}
        | {41: "TERM0001", 49: "978"},
    )
