"""Two libraries of others agree with our chips and PIN pads on random keys, cards and payments.

They reach for TripleDES by its old name and with short keys, which the cipher library warns of.
"""

import random
from datetime import date
from itertools import product
from typing import Any

import psec
import pyemv
import pytest

from simulators.chips import des, emv, pin_block
from simulators.chips.chip import Asked, Chip
from simulators.messages import CardData

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
DICE = random.Random(55)
PROFILE = bytes.fromhex("1C00")
VERSIONS = {10: pyemv.cvn.VisaCVN10, 18: pyemv.cvn.VisaCVN18}
COVERED = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")


def digits(count: int) -> str:
    return "".join(DICE.choices("0123456789", k=count))


def some_card() -> CardData:
    return CardData("999967" + digits(10), "2912", digits(2))


def some_payment() -> Asked:
    day = date(2026, DICE.randint(1, 12), DICE.randint(1, 28))
    return Asked(DICE.randrange(10**8), day, DICE.randbytes(4), "00", DICE.randbytes(5))


def their_version(version: int, issuer: bytes, card: CardData) -> Any:
    return VERSIONS[version](issuer, issuer, issuer, card.pan, card.psn)


@pytest.mark.parametrize("version", [10, 18])
def test_five_hundred_taps_have_the_same_cryptogram(version: int) -> None:
    for _ in range(500):
        issuer, card, asked = DICE.randbytes(16), some_card(), some_payment()
        chip = Chip(card, issuer, version, atc=DICE.randrange(60_000))
        tap = chip.tap(asked, PROFILE, verified=DICE.random() < 0.5)
        told = tap.objects
        own = told["9F10"][3:] if version == 10 else told["9F10"]
        theirs = their_version(version, issuer, card)
        assert told["9F26"] == theirs.generate_ac(*(told[tag] for tag in COVERED), own)


@pytest.mark.parametrize(("version", "status"), [(10, b"00"), (18, bytes.fromhex("00800000"))])
def test_the_issuer_s_own_answer_is_believed_and_no_other(version: int, status: bytes) -> None:
    for _ in range(200):
        issuer, card = DICE.randbytes(16), some_card()
        tap = Chip(card, issuer, version).tap(some_payment(), PROFILE, verified=True)
        theirs = their_version(version, issuer, card)
        arqc, atc = tap.objects["9F26"], tap.objects["9F36"]
        proof = (
            theirs.generate_arpc(arqc, status)
            if version == 10
            else theirs.generate_arpc(arqc, atc, status)
        )
        genuine = proof + status
        assert tap.genuine(f"91{len(genuine):02X}{genuine.hex()}")
        place = DICE.randrange(len(proof))
        forged = bytearray(genuine)
        forged[place] ^= 1 << DICE.randrange(8)
        assert not tap.genuine(f"91{len(forged):02X}{forged.hex()}")


def test_three_hundred_cards_have_the_same_key_but_for_parity() -> None:
    for _ in range(300):
        issuer, card = DICE.randbytes(16), some_card()
        ours = emv.chip_key(issuer, card.pan, card.psn)
        theirs = pyemv.kd.derive_icc_mk_a(issuer, card.pan, card.psn)
        assert [octet | 1 for octet in ours] == [octet | 1 for octet in theirs]


def test_both_formats_of_pin_block_are_read_by_others() -> None:
    for length, pan_length in product(range(4, 13), range(13, 20)):
        pin, pan, zone = digits(length), digits(pan_length), DICE.randbytes(16)
        formats = (
            (None, psec.pinblock.decode_pinblock_iso_0),
            (random.Random(DICE.random()), psec.pinblock.decode_pinblock_iso_3),
        )
        for fill, decode in formats:
            block = bytes.fromhex(pin_block.sealed(zone, pin, pan, fill=fill))
            assert decode(psec.des.decrypt_tdes_ecb(zone, block), pan) == pin


def test_ours_and_theirs_are_the_same_retail_mac() -> None:
    for n in range(1, 300):
        key, message = DICE.randbytes(16), DICE.randbytes(n)
        assert des.mac(key, des.zeros(message)) == psec.mac.generate_retail_mac(
            key[:8], key[8:], message, 1
        )
