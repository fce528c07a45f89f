"""Two libraries of others agree with ours on thousands of random keys, cards and messages.

They reach for TripleDES by its old name and with short keys, which the cipher library warns of.
"""

import random
from itertools import product

import psec
import pyemv
import pytest

from authz.hsm import ChipCard, Cryptogram, Pin
from authz.hsm.des import DesKey, pad_with_zeros
from authz.hsm.emv import card_key, common_session_key
from authz.hsm.pin_block import pin_of
from tests.authz.hsm.keys import some_keys, some_module

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
DICE = random.Random(8583)
VISA = pyemv.ac.PaddingType.VISA
EMV = pyemv.ac.PaddingType.EMV


def digits(count: int) -> str:
    return "".join(DICE.choices("0123456789", k=count))


def without_parity(key: bytes) -> bytes:
    return bytes(octet & 0xFE for octet in key)


def test_a_thousand_cards_have_the_same_keys() -> None:
    for length in DICE.choices(range(12, 20), k=1_000):
        issuer, pan, sequence = DICE.randbytes(16), digits(length), digits(2)
        derive = pyemv.kd.derive_icc_mk_a if length <= 16 else pyemv.kd.derive_icc_mk_b
        theirs = derive(issuer, pan, sequence)
        assert without_parity(card_key(DesKey(issuer), pan, sequence)) == without_parity(theirs)


def test_a_thousand_uses_have_the_same_session_key() -> None:
    for _ in range(1_000):
        card, atc = DICE.randbytes(16), DICE.randbytes(2)
        theirs = pyemv.kd.derive_common_sk(card, atc + bytes(6))
        assert without_parity(common_session_key(DesKey(card), atc)) == without_parity(theirs)


@pytest.mark.parametrize(("cvn", "padding"), [(10, VISA), (18, EMV)])
def test_a_thousand_taps_hold_and_are_answered_alike(
    cvn: int, padding: pyemv.ac.PaddingType
) -> None:
    for _ in range(1_000):
        issuer, pan, sequence = DICE.randbytes(16), "999967" + digits(10), digits(2)
        module = some_module(some_keys(issuer))
        atc, data = DICE.randbytes(2), DICE.randbytes(DICE.randrange(1, 60))
        key = pyemv.kd.derive_icc_mk_a(issuer, pan, sequence)
        if cvn == 18:
            key = pyemv.kd.derive_common_sk(key, atc + bytes(6))
        arqc = pyemv.ac.generate_ac(key, data, padding)
        card = ChipCard(pan, DICE.randbytes(16), sequence)
        cryptogram = Cryptogram(cvn, atc, data, arqc)
        assert module.arqc_holds(card, cryptogram) is True
        if cvn == 10:
            theirs = pyemv.ac.generate_arpc_1(key, arqc, b"51") + b"51"
        else:
            theirs = pyemv.ac.generate_arpc_2(key, arqc, bytes(4)) + bytes(4)
        assert module.arpc(card, cryptogram, "51", approves=False) == theirs


def test_two_thousand_messages_have_the_same_mac() -> None:
    for n in range(2_000):
        key, message = DICE.randbytes(16), DICE.randbytes(n % 500 + 1)
        theirs = psec.mac.generate_retail_mac(key[:8], key[8:], message, 1)
        ours = DesKey(key)
        ours.mac(pad_with_zeros(DICE.randbytes(50)))
        assert ours.mac(pad_with_zeros(message)) == theirs


def test_every_length_of_pin_is_read_from_both_formats() -> None:
    encoders = (psec.pinblock.encode_pinblock_iso_0, psec.pinblock.encode_pinblock_iso_3)
    for encode, length, pan_length in product(encoders, range(4, 13), range(13, 20)):
        for _ in range(10):
            pin, pan = digits(length), digits(pan_length)
            found = pin_of(encode(pin, pan), pan)
            assert isinstance(found, Pin) and found.reveal() == pin


def test_enciphered_pins_are_opened() -> None:
    for _ in range(500):
        zone, pin, pan = DICE.randbytes(16), digits(4), "999967" + digits(10)
        block = psec.des.encrypt_tdes_ecb(zone, psec.pinblock.encode_pinblock_iso_3(pin, pan))
        found = some_module(some_keys(pin=zone)).open_pin("ascii", block, pan)
        assert found is not None and found.reveal() == pin


def test_check_values_are_the_same() -> None:
    for size in (16, 24) * 200:
        key = DICE.randbytes(size)
        assert DesKey(key).check_value() == psec.des.generate_kcv(key, 3)
