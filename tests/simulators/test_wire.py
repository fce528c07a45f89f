"""What the simulators put on the wire: every profile there and back, and bytes written by hand."""

from datetime import UTC, datetime

import pytest

from simulators.frames import FrameError, FrameReader, framing_of, wrap
from simulators.messages import (
    CardData,
    Stamp,
    TerminalData,
    amounts_in,
    balance_inquiry,
    capture,
    network,
    purchase,
    refund,
    repeat,
    reversal,
)
from simulators.wire import PROFILES, Fields, WireError, decode, encode, profile_of

CARD = CardData("9999670000000012", "2912", "00")
TERMINAL = TerminalData("12345", "TERM0001", "MERCH0000000001", "5812", "Chez Paul")
STAMP = Stamp("000123", datetime(2026, 11, 24, 11, 30, tzinfo=UTC), "632811000123")
LATER = Stamp("000124", datetime(2026, 11, 24, 11, 31, tzinfo=UTC), "632811000124")


def some_purchase() -> Fields:
    return purchase(CARD, TERMINAL, STAMP, 1250, eligible_minor=900, partial=True)


def every_message() -> list[Fields]:
    first = some_purchase()
    return [
        first,
        purchase(CARD, TERMINAL, STAMP, 1250, hold=True),
        repeat(first),
        balance_inquiry(CARD, TERMINAL, STAMP),
        capture(first, LATER, 1000, "A1B2C3"),
        refund(first, LATER, 500),
        reversal(first, LATER),
        reversal(first, LATER, advice=False, kept_minor=300),
        network("12345", STAMP),
    ]


@pytest.mark.parametrize("name", PROFILES)
def test_every_message_is_read_as_it_was_written(name: str) -> None:
    profile = PROFILES[name]
    for fields in every_message():
        read = decode(encode(fields, profile), profile)
        assert {key: value for key, value in read.items() if key not in "ph1"} == fields


def test_ascii_is_the_text_anyone_can_read() -> None:
    raw = encode(network("12345", STAMP), profile_of("ascii"))
    assert raw == b"08008220000100000000040000000000000011241130000001230512345301"


def test_ascii_binary_has_raw_bitmaps() -> None:
    raw = encode(network("12345", STAMP), profile_of("ascii-binary"))
    bitmaps = bytes.fromhex("82200001000000000400000000000000")
    assert raw == b"0800" + bitmaps + b"11241130000001230512345301"


def test_bcd_packs_digits_and_pads_odd_lengths_on_the_left() -> None:
    raw = encode(network("12345", STAMP), profile_of("bcd"))
    written = "0800 8220000100000000 0400000000000000 1124113000 000123 05 012345 0301"
    assert raw == bytes.fromhex(written.replace(" ", ""))


def test_bcd_counts_characters_in_text_and_bytes_in_binary_fields() -> None:
    fields = {"t": "0200", "48": "61011", "55": "9F2608" + "00" * 8}
    raw = encode(fields, profile_of("bcd"))
    expected = bytes.fromhex("0200") + bytes.fromhex("0000000000010200")
    assert raw == expected + b"\x00\x05" + b"61011" + b"\x00\x11" + bytes.fromhex(fields["55"])


def test_a_purchase_says_that_it_takes_a_part_and_what_is_eligible() -> None:
    fields = some_purchase()
    assert fields["48"] == "61011"
    assert fields["54"] == "0090978C000000000900"
    assert list(amounts_in(fields["54"])) == [("90", 900)]
    assert (fields["12"], fields["13"]) == ("123000", "1124"), "local time is Paris time"
    assert len(fields["43"]) == 40


def test_a_reversal_names_its_original() -> None:
    fields = reversal(some_purchase(), LATER, kept_minor=300)
    assert fields["90"] == "020000012311241130000000001234500000000000"
    assert fields["95"] == "000000000300000000000000C00000000C00000000"
    assert fields["4"] == "000000001250", "DE4 of a reversal is the original's"


def test_a_fault_names_the_field_and_never_the_card() -> None:
    broken = some_purchase() | {"4": "12.50"}
    with pytest.raises(WireError, match="field 4 ") as caught:
        encode(broken, profile_of("ascii"))
    assert "9999670000000012" not in repr(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert "9999670000000012" not in repr(CARD)


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("2b", b"\x00\x03abc"),
        ("2b-incl", b"\x00\x05abc"),
        ("4a", b"0003abc"),
        ("4a-incl", b"0007abc"),
        ("2b-tpdu", b"\x00\x08\x60\x00\x01\x00\x02abc"),
        ("4a-incl-tpdu", b"0012\x60\x00\x01\x00\x02abc"),
    ],
)
def test_each_framing_wraps_as_its_name_says(name: str, frame: bytes) -> None:
    assert wrap(b"abc", framing_of(name)) == frame


@pytest.mark.parametrize("name", ["2b", "2b-incl", "4a", "4a-incl"])
def test_frames_come_out_however_the_stream_is_cut(name: str) -> None:
    framing = framing_of(name)
    stream = wrap(b"one", framing) + wrap(b"", framing) + wrap(b"three", framing)
    reader = FrameReader(framing)
    assert [b for byte in stream for b in reader.feed(bytes([byte]))] == [b"one", b"three"]


def test_an_answer_must_lead_back_through_its_tpdu() -> None:
    framing = framing_of("2b-tpdu")
    good = b"\x00\x08\x60\x00\x02\x00\x01abc"
    assert list(FrameReader(framing).feed(good)) == [b"abc"]
    with pytest.raises(FrameError, match="TPDU"):
        list(FrameReader(framing).feed(wrap(b"abc", framing)))


@pytest.mark.parametrize("name", ["3b", "2b-tpdu-incl", "2b-x", ""])
def test_a_framing_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unknown framing"):
        framing_of(name)
