"""What is presented beside a card number, put before the security module: chip and PIN.

Done where the message is read, before it waits in any batch: processor time only. The card number
in clear is here, and goes no further.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from authz.custody.pan import PanDigester
from authz.door.policies import CryptogramPolicy
from authz.hsm import ChipCard, Cryptogram, SecurityModule
from authz.hsm.emv import CVN_10, CVN_18
from authz.iso8583 import numbers as de
from authz.wire.chip_data import issuer_authentication, kept_objects, read_chip_data
from authz.wire.elements import sequence_number
from rules.facts import ChipUse, CryptogramCheck, Tap

ECOMMERCE: Final = "81"
_CHIP_ENTRIES: Final = frozenset({"05", "07"})
_CVNS: Final = frozenset({CVN_10, CVN_18})


class CredentialCheck(Struct, frozen=True):
    """One listener's way of looking at cards.

    `policy` is what becomes of chip data; `ecommerce` are the acquirers that may name online
    payments (DE22 81), since they have authenticated the holder themselves.
    """

    profile: str
    policy: CryptogramPolicy
    module: SecurityModule
    digester: PanDigester
    ecommerce: frozenset[str] = frozenset()

    def wants_chip(self, entry: str) -> bool:
        """Whether a card that was read in this way must say so by its chip."""
        return self.policy is CryptogramPolicy.REQUIRE and entry in _CHIP_ENTRIES

    def allows(self, entry: str, acquirer: str) -> bool:
        """Whether this acquirer may do what the network's own entry modes do not cover."""
        return entry == ECOMMERCE and acquirer in self.ecommerce

    def tap(self, fields: Mapping[int, str], pan: str, card_ref: bytes) -> Tap | None:
        """What the chip said and whether it is to be believed; None where there is no cryptogram.

        Raises TlvError, and Untranslatable for a sequence number that no card can have.
        """
        text = fields.get(de.CHIP_DATA)
        if text is None or self.policy is CryptogramPolicy.OFF:
            return None
        chip = read_chip_data(text, sequence_number(fields))
        if chip is None:
            return None
        use = chip.use
        cryptogram = Cryptogram(use.cvn, use.atc.to_bytes(2), chip.data, use.arqc)
        holds = None
        if use.cvn in _CVNS:
            holds = self.module.arqc_holds(ChipCard(pan, card_ref, use.sequence), cryptogram)
        asked = fields[de.AMOUNT], fields.get(de.CURRENCY, chip.currency[1:])
        same = (chip.amount, chip.currency[1:]) == asked
        check = _meaning(holds, known_version=use.cvn in _CVNS, same=same)
        kept = kept_objects(text, chip.objects, pan)
        return Tap(check, use, chip.verified, kept, chip.asks)

    def pin_refs(
        self, fields: Mapping[int, str], pan: str, card_ref: bytes
    ) -> tuple[bytes, ...] | None:
        """What would be kept of the PIN that came; empty if none can be read, None if none came."""
        block = fields.get(de.PIN_BLOCK)
        if block is None:
            return None
        pin = self.module.open_pin(self.profile, bytes.fromhex(block), pan)
        return () if pin is None else self.module.pin_refs(card_ref, pin)

    def issuer_data(
        self, use: ChipUse, pan: str, response_code: str, *, approves: bool
    ) -> dict[int, str]:
        """DE55 of the answer to a use that was believed; none where its key is here no more."""
        if self.policy is CryptogramPolicy.OFF:
            return {}
        card = ChipCard(pan, self.digester.card_ref(pan), use.sequence)
        cryptogram = Cryptogram(use.cvn, use.atc.to_bytes(2), b"", use.arqc)
        data = self.module.arpc(card, cryptogram, response_code, approves=approves)
        return {} if data is None else {de.CHIP_DATA: issuer_authentication(data)}


def _meaning(holds: bool | None, *, known_version: bool, same: bool) -> CryptogramCheck:
    if not known_version:
        return CryptogramCheck.WRONG
    if holds is None:
        return CryptogramCheck.NO_KEY
    if not holds:
        return CryptogramCheck.WRONG
    return CryptogramCheck.GOOD if same else CryptogramCheck.OTHER_AMOUNT
