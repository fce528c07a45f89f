"""An issuer for tests, on pyemv and psec: knows right cryptograms, answers them, opens PINs."""

from typing import Any, Final

import psec
import pyemv

from simulators.chips import tlv
from simulators.chips.drawer import Drawer
from simulators.chips.keyring import Keyring
from simulators.wire import Fields
from tests.simulators.worlds import approve

CARD_KEY: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
TOKEN_KEY: Final = bytes.fromhex("89ABCDEF0123456776543210FEDCBA98")
ZONE_KEY: Final = bytes.fromhex("8877665544332211FFEEDDCCBBAA0099")
KEYRING: Final = Keyring({"999967": CARD_KEY, "999979": TOKEN_KEY}, {"ascii": ZONE_KEY})
COVERED: Final = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")
VERSIONS: Final = {10: pyemv.cvn.VisaCVN10, 18: pyemv.cvn.VisaCVN18}
WARNS: Final = "ignore::cryptography.utils.CryptographyDeprecationWarning"
"""Both libraries reach for TripleDES by its old name, which the cipher library warns of."""


def some_drawer() -> Drawer:
    return Drawer(KEYRING)


def cvn_of(question: Fields, issuer: bytes | None = None) -> tuple[int, Any]:
    """The version of a question's cryptogram, and pyemv's own way with it."""
    objects = tlv.read(question["55"])
    key = issuer or (TOKEN_KEY if question["2"].startswith("999979") else CARD_KEY)
    version = objects["9F10"][2]
    return version, VERSIONS[version](key, key, key, question["2"], objects["5F34"].hex())


def is_right(question: Fields) -> bool:
    """Whether the card itself made the cryptogram of this question, over its amount."""
    objects = tlv.read(question["55"])
    version, theirs = cvn_of(question)
    own = objects["9F10"][3:] if version == 10 else objects["9F10"]
    made = theirs.generate_ac(*(objects[tag] for tag in COVERED), own)
    return bool(made == objects["9F26"] and objects["9F02"].hex() == question["4"])


def with_proof(question: Fields, answer: Fields) -> Fields:
    """The answer with tag 91, as the issuer alone can make it."""
    objects = tlv.read(question["55"])
    version, theirs = cvn_of(question)
    if version == 10:
        code = answer["39"].encode()
        data = theirs.generate_arpc(objects["9F26"], code) + code
    else:
        status = bytes.fromhex("00800000")
        data = theirs.generate_arpc(objects["9F26"], objects["9F36"], status) + status
    return answer | {"55": f"91{len(data):02X}{data.hex().upper()}"}


def format_of(question: Fields) -> int:
    """The format of the PIN block in DE52."""
    return _block(question)[0] >> 4


def pin_in(question: Fields) -> str:
    """The PIN of DE52."""
    format_3 = psec.pinblock.decode_pinblock_iso_3
    read = format_3 if format_of(question) == 3 else psec.pinblock.decode_pinblock_iso_0
    return str(read(_block(question), question["2"]))


def _block(question: Fields) -> bytes:
    return psec.des.decrypt_tdes_ecb(ZONE_KEY, bytes.fromhex(question["52"]))


def careful(question: Fields) -> Fields | None:
    """Approve what the card itself made, 82 for anything else; answer with a proof."""
    answer = approve(question)
    if answer is None or "55" not in question:
        return answer
    if not is_right(question):
        return answer | {"39": "82"}
    return with_proof(question, answer)
