"""The security of one message.

Question: what do a cryptogram with its answer, a MAC and a PIN cost, beside pyemv and psec in one
run? Operations a second, median and 99th percentile, in microseconds. Ours keeps contexts and card
keys; a tap is measured with the card known and with a new counter every time, as it comes.
"""

import warnings
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final

import psec
import pyemv

from authz.custody.keys import EmvMasterKey, KeyFile, MacKey, PanDigestKey, Secret, ZoneKey
from authz.hsm import ChipCard, Cryptogram
from authz.hsm.des import DesKey
from authz.hsm.emv import card_key, common_session_key, padded
from authz.hsm.software import SoftwareModule
from benchmarks.timing import measure, report

KEY: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
CARD: Final = ChipCard("9999670000000012", bytes(16))
DATA: Final = bytes(range(36))
MESSAGE: Final = bytes(range(200))
PIN: Final = "1234"


def main() -> None:
    """Measure each step; what the two libraries say must be what ours says."""
    warnings.filterwarnings("ignore", module="pyemv|psec")
    module = _module()
    for cvn in (10, 18):
        report(
            f"cryptogram and its answer, CVN {cvn}",
            measure("ours, new counter", _our_taps(module, cvn)),
            measure("ours, checked again", partial(_our_tap, module, _tap(cvn, 1))),
            measure("pyemv", partial(_their_tap, cvn, _tap(cvn, 1)), samples=500),
        )
    mac = module.mac("ascii", MESSAGE)
    _same(psec.mac.generate_retail_mac(KEY[:8], KEY[8:], MESSAGE, 1), mac)
    report(
        f"MAC of {len(MESSAGE)} bytes",
        measure("ours", partial(module.mac_holds, "ascii", MESSAGE, mac)),
        measure(
            "psec", partial(psec.mac.generate_retail_mac, KEY[:8], KEY[8:], MESSAGE, 1), samples=500
        ),
    )
    block = psec.des.encrypt_tdes_ecb(KEY, psec.pinblock.encode_pinblock_iso_3(PIN, CARD.pan))
    _same(_their_pin(block), PIN)
    report(
        "PIN block to the reference that is kept",
        measure("ours", partial(_our_pin, module, block)),
        measure("psec, to the PIN", partial(_their_pin, block), samples=500),
    )


def _module() -> SoftwareModule:
    keys = KeyFile(
        PanDigestKey("digest", Secret(bytes(32))),
        emv_master=(EmvMasterKey("999967", "emv", Secret(KEY)),),
        zone=(ZoneKey("pin", Secret(KEY)),),
        mac=(MacKey("ascii", "mac", Secret(KEY)),),
    )
    return SoftwareModule(keys, lambda: 0.0)


def _tap(cvn: int, counter: int) -> Cryptogram:
    atc, key = counter.to_bytes(2), DesKey(card_key(DesKey(KEY), CARD.pan, CARD.sequence))
    if cvn == 18:
        key = DesKey(common_session_key(key, atc))
    return Cryptogram(cvn, atc, DATA, key.mac(padded(cvn, DATA)))


def _our_taps(module: SoftwareModule, cvn: int) -> Callable[[], bytes]:
    """Taps prepared before the clock runs: more than are measured, so that none comes twice."""
    taps = [_tap(cvn, counter) for counter in range(1, 30_000)]
    numbers = count()
    return lambda: _our_tap(module, taps[next(numbers)])


def _our_tap(module: SoftwareModule, tap: Cryptogram) -> bytes:
    if not module.arqc_holds(CARD, tap):
        raise AssertionError("a good cryptogram was refused")
    return module.arpc(CARD, tap, "00", approves=True) or b""


def _their_tap(cvn: int, tap: Cryptogram) -> bytes:
    key = pyemv.kd.derive_icc_mk_a(KEY, CARD.pan, CARD.sequence)
    if cvn == 18:
        key = pyemv.kd.derive_common_sk(key, tap.atc + bytes(6))
    kind = pyemv.ac.PaddingType.VISA if cvn == 10 else pyemv.ac.PaddingType.EMV
    _same(pyemv.ac.generate_ac(key, tap.data, kind), tap.arqc)
    if cvn == 10:
        return pyemv.ac.generate_arpc_1(key, tap.arqc, b"00")
    return pyemv.ac.generate_arpc_2(key, tap.arqc, bytes(4))


def _our_pin(module: SoftwareModule, block: bytes) -> bytes:
    pin = module.open_pin("ascii", block, CARD.pan)
    if pin is None:
        raise AssertionError("a good PIN block was refused")
    return module.pin_ref(CARD.card_ref, pin)


def _their_pin(block: bytes) -> str:
    return psec.pinblock.decode_pinblock_iso_3(psec.des.decrypt_tdes_ecb(KEY, block), CARD.pan)


def _same(theirs: object, ours: object) -> None:
    if theirs != ours:
        raise AssertionError("the two do not agree")


if __name__ == "__main__":
    main()
