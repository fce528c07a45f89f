"""Chips are made once, count on from run to run, and get their keys from the key file alone."""

from pathlib import Path

import pytest

from simulators.chips.drawer import Drawer, version_of
from simulators.chips.keyring import Keyring, read_keyring
from simulators.chips.manner import TOUCH
from simulators.chips.paying import present
from simulators.chips.till import second_stamp
from simulators.messages import CardData, Stamp, TerminalData, purchase
from simulators.terminal import Stamps
from tests.simulators.chips.issuers import CARD_KEY, KEYRING, TOKEN_KEY, ZONE_KEY

CARD = CardData("9999670000000012", "2912", "01")
TILL = TerminalData("12345", "TERM0001", "MERCH0000000001")
KEYS = f"""
[pan_digest]
key_id = "digest"
key = "{"00" * 32}"

[[emv_master]]
bin = "999967"
key_id = "cards"
key = "{CARD_KEY.hex()}"

[[emv_master]]
bin = "497010"
key_id = "real"
key = "{"11" * 16}"

[[zone]]
key_id = "pins"
key = "{ZONE_KEY.hex()}"

[[zone]]
key_id = "master"
use = "master"
key = "{"22" * 16}"
"""


def used(drawer: Drawer, card: CardData, times: int) -> int:
    """Pay so often; the counter after it."""
    chip = drawer.chip(card)
    assert chip is not None
    for _ in range(times):
        stamp = Stamps(1).next()
        present(purchase(card, TILL, stamp, 100), stamp, chip, TOUCH)
    return chip.atc


def test_a_card_has_one_chip() -> None:
    drawer = Drawer(KEYRING)
    assert drawer.chip(CARD) is drawer.chip(CARD)
    assert drawer.chip(CARD) is drawer.chip_of({"2": CARD.pan, "14": "2912", "23": "001"})
    assert drawer.chip(CARD) is not drawer.chip(CardData(CARD.pan, "2912", "02"))


def test_a_card_of_another_range_has_none() -> None:
    assert Drawer(KEYRING).chip(CardData("9999490000000015", "2912")) is None


def test_counters_go_on_in_the_next_run(tmp_path: Path) -> None:
    memory = tmp_path / "chips.json"
    first = Drawer(KEYRING, memory)
    assert used(first, CARD, 3) == 3
    first.save()
    assert used(Drawer(KEYRING, memory), CARD, 1) == 4


def test_no_counter_goes_back_when_two_were_at_it(tmp_path: Path) -> None:
    memory = tmp_path / "chips.json"
    slow, quick = Drawer(KEYRING, memory), Drawer(KEYRING, memory)
    used(quick, CARD, 5)
    quick.save()
    used(slow, CARD, 2)
    slow.save()
    assert used(Drawer(KEYRING, memory), CARD, 1) == 6


def test_a_file_that_is_no_memory_is_refused(tmp_path: Path) -> None:
    memory = tmp_path / "chips.json"
    for text in ("[]", "{", '{"a": "b"}'):
        memory.write_text(text)
        with pytest.raises(ValueError, match="not the memory of simulated chips"):
            Drawer(KEYRING, memory)


def test_plastic_is_of_both_versions_and_phones_of_the_newer_one() -> None:
    assert {version_of(f"99996700000000{n:02d}") for n in range(100)} == {10, 18}
    assert {version_of(f"99997900000000{n:02d}") for n in range(100)} == {18}


def key_file(folder: Path, text: str = KEYS) -> Path:
    path = folder / "keys.toml"
    path.write_text(text)
    return path


def test_only_keys_of_test_ranges_are_taken_from_the_file(tmp_path: Path) -> None:
    keys = read_keyring(key_file(tmp_path))
    assert keys == Keyring({"999967": CARD_KEY}, {"ascii": ZONE_KEY})
    assert CARD_KEY.hex() not in repr(keys) and ZONE_KEY.hex() not in repr(keys)


@pytest.mark.parametrize(
    "text", ["[[emv_master]]\nbin = 'x", "[[emv_master]]\nkey = '00'", KEYS.replace("0123", "zz23")]
)
def test_a_broken_key_file_is_refused_without_a_word_of_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"^keys.toml is not a key file that can be read$"):
        read_keyring(key_file(tmp_path, text))


def test_a_file_without_keys_for_chips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no \\[\\[emv_master\\]\\] key"):
        read_keyring(key_file(tmp_path, KEYS.replace("999967", "497011")))


def test_a_forger_s_keys_are_others_even_without_parity() -> None:
    forged = KEYRING.forged().issuers
    for bin_, key in (("999967", CARD_KEY), ("999979", TOKEN_KEY)):
        assert [octet | 1 for octet in forged[bin_]] != [octet | 1 for octet in key]


def test_a_second_question_is_never_another_payment_s() -> None:
    stamps = Stamps(499_990)
    first = [stamps.next() for _ in range(30)]
    seconds = [second_stamp(stamp) for stamp in first]
    assert not {stamp.stan for stamp in first} & {stamp.stan for stamp in seconds}
    assert len({(stamp.stan, stamp.rrn) for stamp in seconds}) == 30
    assert all(stamp.rrn.endswith(stamp.stan) and len(stamp.rrn) == 12 for stamp in seconds)
    assert isinstance(seconds[0], Stamp)
