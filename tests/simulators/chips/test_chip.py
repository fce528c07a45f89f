"""A chip counts every use, says what it knows of its holder, and shows nothing of its key."""

from datetime import date

import pytest

from simulators.chips import tlv
from simulators.chips.chip import ATC_MAX, Asked, Chip, WornOutError
from simulators.messages import CardData
from tests.simulators.chips.issuers import CARD_KEY

CARD = CardData("9999670000000012", "2912", "01")
ASKED = Asked(1_250, date(2026, 11, 24), bytes.fromhex("A1B2C3D4"))
PROFILE = bytes.fromhex("1C00")


def test_every_use_has_the_next_number_and_another_cryptogram() -> None:
    chip = Chip(CARD, CARD_KEY, atc=7)
    taps = [chip.tap(ASKED, PROFILE, verified=False) for _ in range(3)]
    assert [tap.atc for tap in taps] == [8, 9, 10]
    assert len({tap.objects["9F26"] for tap in taps}) == 3


def test_a_counter_at_its_end_pays_no_more() -> None:
    chip = Chip(CARD, CARD_KEY, atc=ATC_MAX - 1)
    assert chip.tap(ASKED, PROFILE, verified=False).objects["9F36"] == b"\xff\xff"
    with pytest.raises(WornOutError, match=r"\*0012"):
        chip.tap(ASKED, PROFILE, verified=False)
    assert chip.atc == ATC_MAX


@pytest.mark.parametrize(
    ("version", "verified", "issuer_data"),
    [
        (10, False, "06010A03A00000"),
        (10, True, "06010A03A40000"),
        (18, False, "06011203A00000"),
        (18, True, "06011203A40000"),
    ],
)
def test_the_verification_of_the_holder_is_under_the_cryptogram(
    version: int, verified: bool, issuer_data: str
) -> None:
    tap = Chip(CARD, CARD_KEY, version).tap(ASKED, PROFILE, verified=verified)
    other = Chip(CARD, CARD_KEY, version).tap(ASKED, PROFILE, verified=not verified)
    assert tap.objects["9F10"].hex().upper() == issuer_data
    assert tap.objects["9F26"] != other.objects["9F26"]


def test_the_data_are_what_a_terminal_sends() -> None:
    tap = Chip(CARD, CARD_KEY).tap(ASKED, PROFILE, verified=True)
    told = tlv.read(tap.data({"9F33": bytes.fromhex("E0F8C8")}))
    assert told == tap.objects | {"9F33": bytes.fromhex("E0F8C8")}
    assert {tag: value.hex().upper() for tag, value in told.items() if tag != "9F26"} == {
        "9F27": "80",
        "9F10": "06011203A40000",
        "9F37": "A1B2C3D4",
        "9F36": "0001",
        "95": "0000000000",
        "9A": "261124",
        "9C": "00",
        "9F02": "000000001250",
        "5F2A": "0978",
        "82": "1C00",
        "9F1A": "0250",
        "9F03": "000000000000",
        "5F34": "01",
        "9F33": "E0F8C8",
    }


def test_neither_key_nor_card_number_shows() -> None:
    tap = Chip(CARD, CARD_KEY).tap(ASKED, PROFILE, verified=True)
    assert repr(tap) == "Tap(ATC 1)"
    assert tap.key.hex() not in repr([tap])


@pytest.mark.parametrize("text", ["9F", "9F26", "9F2608AA", "9181", "91", "918100"])
def test_objects_that_are_not_whole_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not whole"):
        tlv.read(text)


def test_an_answer_that_cannot_be_read_is_nobody_s() -> None:
    tap = Chip(CARD, CARD_KEY).tap(ASKED, PROFILE, verified=True)
    assert not tap.genuine("9F")
    assert not tap.genuine("")
    assert not tap.genuine("9108" + "00" * 8)
