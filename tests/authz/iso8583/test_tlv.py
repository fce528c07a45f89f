"""The structures inside DE48, DE54 and DE55 are read whole or refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.iso8583.tlv import (
    AdditionalAmount,
    TlvError,
    format_amounts,
    format_emv,
    parse_amounts,
    parse_emv,
    parse_private,
)

TEXT = "".join(map(chr, range(0x20, 0x7F)))
private = st.dictionaries(
    st.text(TEXT, min_size=2, max_size=2), st.text(TEXT, max_size=99), max_size=6
)
emv = st.dictionaries(
    st.sampled_from(["82", "84", "95", "9A", "9F26", "9F10", "5F2A", "9F6E", "DF8101"]),
    st.binary(max_size=300).map(lambda raw: raw.hex().upper()),
    max_size=6,
)


def written(elements: dict[str, str]) -> str:
    """The text of these private elements, as a terminal writes it."""
    return "".join(f"{tag}{len(value):02d}{value}" for tag, value in elements.items())


def test_private_elements_are_tag_length_value() -> None:
    text = "6103100EA12000000000850BA00"
    assert parse_private(text) == {"61": "100", "EA": "000000000850", "BA": ""}
    assert parse_private("") == {}


@given(private)
def test_private_elements_survive_the_wire(elements: dict[str, str]) -> None:
    assert parse_private(written(elements)) == elements


@pytest.mark.parametrize(
    "text", ["6", "61", "610", "6103", "610310", "61 3100", "61+3100", "610_100", "6101161011"]
)
def test_broken_private_elements_are_refused(text: str) -> None:
    with pytest.raises(TlvError):
        parse_private(text)


def test_an_additional_amount_is_twenty_characters() -> None:
    eligible = AdditionalAmount("00", "90", "978", "C", 850)
    assert parse_amounts("0090978C000000000850") == (eligible,)
    assert format_amounts(eligible) == "0090978C000000000850"
    assert parse_amounts("0002978C0000000012500001978D000000000001") == (
        AdditionalAmount("00", "02", "978", "C", 1250),
        AdditionalAmount("00", "01", "978", "D", 1),
    )
    assert parse_amounts("") == ()


@pytest.mark.parametrize(
    "text",
    [
        "0090978C00000000085",
        "0090978X000000000850",
        "0090978C00000000085 ",
        "0090978C+00000000850",
        "0090EURC000000000850",
        "A090978C000000000850",
    ],
)
def test_a_broken_additional_amount_is_refused(text: str) -> None:
    with pytest.raises(TlvError):
        parse_amounts(text)


@pytest.mark.parametrize("amount_minor", [-1, 10**12])
def test_an_additional_amount_out_of_range_is_not_written(amount_minor: int) -> None:
    with pytest.raises(TlvError):
        format_amounts(AdditionalAmount("00", "90", "978", "C", amount_minor))


def test_emv_objects_are_read_with_their_unknown_tags() -> None:
    text = "9F2608AABBCCDDEEFF00119A03261122DF8101041234567882021980"
    assert parse_emv(text) == {
        "9F26": "AABBCCDDEEFF0011",
        "9A": "261122",
        "DF8101": "12345678",
        "82": "1980",
    }
    assert parse_emv("") == {}
    assert parse_emv("009a0326112200") == {"9A": "261122"}  # padding means nothing


def test_long_emv_lengths_are_read() -> None:
    assert parse_emv("5F2A8180" + "AB" * 128) == {"5F2A": "AB" * 128}
    assert parse_emv("5F2A820100" + "AB" * 256) == {"5F2A": "AB" * 256}


@given(emv)
def test_emv_objects_survive_the_wire(objects: dict[str, str]) -> None:
    assert parse_emv(format_emv(objects)) == objects


@pytest.mark.parametrize(
    "text",
    [
        "9",
        "9G",
        "9F",
        "9F26",
        "9F2608AA",
        "9A80261122",  # indefinite length
        "9A83000003261122",  # length of three bytes
        "9A81",
        "1F8181810101",  # tag of four bytes
        "9A019A9A019A",  # twice the same
        "9A 0326112",
    ],
)
def test_broken_emv_data_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(TlvError) as caught:
        parse_emv(text)
    assert text not in str(caught.value)


@given(st.binary(max_size=255))
def test_any_emv_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        objects = parse_emv(raw.hex())
    except TlvError:
        return
    assert parse_emv(format_emv(objects)) == objects


@given(st.text(TEXT, max_size=60))
def test_any_text_is_read_as_elements_and_amounts_or_refused(text: str) -> None:
    with suppress(TlvError):
        assert written(parse_private(text)) == text
    with suppress(TlvError):
        assert format_amounts(*parse_amounts(text)) == text
