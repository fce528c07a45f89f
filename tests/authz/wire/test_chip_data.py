"""DE55 read: what a use of a chip is, what its cryptogram covers, what is kept of it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.iso8583.tlv import TlvError, format_emv
from authz.wire.chip_data import ChipData, issuer_authentication, kept_objects, read_chip_data

PAN = "9999670000000015"
OBJECTS = {
    "9F26": "A1A2A3A4A5A6A7A8",
    "9F27": "80",
    "9F10": "06011203A00000",
    "9F37": "01020304",
    "9F36": "002A",
    "95": "0000000000",
    "9A": "261124",
    "9C": "00",
    "9F02": "000000001250",
    "9F03": "000000000000",
    "5F2A": "0978",
    "82": "2000",
    "9F1A": "0250",
}
AMOUNTS, PLACE = "000000001250000000000000", "025000000000000978"
COVERED = AMOUNTS + PLACE + "2611240001020304" + "2000" + "002A"


def read(
    objects: dict[str, str] | None = None, sequence: str | None = None, without: str = ""
) -> ChipData:
    """A valid DE55, less one object or with others in their places."""
    changed = OBJECTS | (objects or {})
    text = format_emv({tag: value for tag, value in changed.items() if tag != without})
    chip = read_chip_data(text, sequence)
    assert chip is not None
    return chip


def test_a_use_of_a_chip_is_read() -> None:
    chip = read()
    assert (chip.use.sequence, chip.use.cvn, chip.use.atc) == ("00", 18, 42)
    assert chip.use.arqc.hex().upper() == OBJECTS["9F26"]
    assert (chip.amount, chip.currency, chip.verified) == ("000000001250", "0978", False)
    assert chip.objects == OBJECTS


@pytest.mark.parametrize(
    ("issuer_data", "cvn", "own"),
    [
        ("06011203A00000", 18, "06011203A00000"),
        ("06010A03A00000", 10, "03A00000"),
        ("0B011203A0000004AABBCCDD", 18, "0B011203A0000004AABBCCDD"),
    ],
)
def test_version_10_covers_the_results_and_version_18_all_of_the_issuers_data(
    issuer_data: str, cvn: int, own: str
) -> None:
    chip = read({"9F10": issuer_data})
    assert (chip.use.cvn, chip.data.hex().upper()) == (cvn, COVERED + own)


@pytest.mark.parametrize(
    ("results", "verified"),
    [("03A40000", True), ("03A00000", False), ("03A60000", False), ("03A20000", False)],
)
def test_the_chip_says_itself_whether_it_verified_its_holder(results: str, verified: bool) -> None:
    assert read({"9F10": "060112" + results}).verified is verified


def test_the_sequence_is_the_messages_then_the_chips_then_none() -> None:
    assert read({}, "03").use.sequence == "03"
    assert read({"5F34": "03"}, "03").use.sequence == "03"
    assert read({"5F34": "01"}).use.sequence == "01"
    assert read().use.sequence == "00"


def test_a_sequence_that_is_not_the_messages_is_malformed() -> None:
    with pytest.raises(TlvError, match="DE23"):
        read({"5F34": "01"}, "03")


def test_without_another_amount_it_is_zero() -> None:
    assert read(without="9F03").data == read().data


@pytest.mark.parametrize("objects", [{}, {"DF7F": "C0FFEE"}, {"9F10": "06"}, {"9F36": "002A"}])
def test_without_a_cryptogram_no_chip_has_said_anything(objects: dict[str, str]) -> None:
    assert read_chip_data(format_emv(objects), "03") is None


@pytest.mark.parametrize("tag", [tag for tag in OBJECTS if tag not in ("9F03", "9F27")])
def test_an_object_that_is_missing_or_too_short_is_malformed(tag: str) -> None:
    if tag != "9F26":
        with pytest.raises(TlvError, match=tag):
            read(without=tag)
    with pytest.raises(TlvError, match=tag):
        read({tag: OBJECTS[tag][2:]})


@pytest.mark.parametrize("objects", [{"5F34": "0A"}, {"5F34": "0001"}, {"9F10": "06011204A00000"}])
def test_what_is_no_sequence_and_no_results_is_malformed(objects: dict[str, str]) -> None:
    with pytest.raises(TlvError):
        read(objects)


@given(st.binary(max_size=255), st.integers(0, 300))
def test_any_bytes_are_read_or_malformed(noise: bytes, cut: int) -> None:
    for text in (noise.hex(), (format_emv(OBJECTS) + noise.hex())[: 2 * cut]):
        with suppress(TlvError):
            chip = read_chip_data(text, None)
            assert chip is None or len(chip.use.arqc) == 8


@pytest.mark.parametrize(
    "secret",
    [{"5A": PAN}, {"57": f"{PAN}D2912201"}, {"DF01": PAN.encode().hex().upper()}, {"5F20": "AB"},
     {"E1": f"5A08{PAN}"}],
)  # fmt: skip
def test_what_names_the_card_or_its_holder_is_not_kept(secret: dict[str, str]) -> None:
    objects = {"DF7F": "C0FFEE"} | secret | OBJECTS
    kept = kept_objects(format_emv(objects), objects, PAN)
    assert kept.hex().upper() == format_emv({"DF7F": "C0FFEE"} | OBJECTS)


def test_everything_else_is_kept_as_it_came() -> None:
    text = "00" + format_emv({"9F34": "1F0300", "9F6C": "0080", "DF7F": "C0FFEE"} | OBJECTS)
    assert kept_objects(text, OBJECTS, PAN).hex().upper() == text


def test_a_kind_of_cryptogram_of_odd_size_is_malformed() -> None:
    for kind in ("", "8000"):
        with pytest.raises(TlvError, match="9F27"):
            read({"9F27": kind})


def test_the_answer_is_tag_91() -> None:
    assert issuer_authentication(b"\x01\x02") == "91020102"
