"""A chip: its own key, a counter that never goes back, and a cryptogram for every payment."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from msgspec import Struct

from simulators.chips import emv, tlv
from simulators.messages import CardData

ATC_MAX: Final = 0xFFFF
FRANCE: Final = bytes.fromhex("0250")
EURO: Final = bytes.fromhex("0978")
ARQC: Final = b"\x80"
KEY_INDEX: Final = b"\x01"
DEFAULT_PSN: Final = "00"

_ASKED_ONLINE: Final = 0xA0
"""CVR byte 2: no second cryptogram was asked for, the first one is an ARQC."""
_VERIFIED: Final = 0x04
"""CVR byte 2, bit 3: the holder was verified by the chip or by the phone itself."""
_COVERED: Final = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36")
"""What both versions authenticate, in their order; then CVN 10 the CVR, CVN 18 all of 9F10."""
_CVR_PLACE: Final = slice(3, 7)


class WornOutError(Exception):
    """The counter is at its end: such a chip pays nothing more."""


class Asked(Struct, frozen=True):
    """What a terminal tells a chip: cents, the civil day there, and its unpredictable number."""

    amount_minor: int
    day: date
    unpredictable: bytes
    kind: str = "00"
    """The first two digits of DE3."""
    tvr: bytes = bytes(5)


class Tap(Struct, frozen=True):
    """One use of a chip. `objects` is what goes to the issuer; the key checks what comes back."""

    cvn: int
    objects: dict[str, bytes]
    key: bytes

    @property
    def atc(self) -> int:
        """The counter of this use."""
        return int.from_bytes(self.objects["9F36"])

    def data(self, terminal: Mapping[str, bytes]) -> str:
        """DE55: the chip's objects, and what the terminal adds on its own account."""
        return tlv.write({**self.objects, **terminal})

    def genuine(self, answer: str) -> bool:
        """Whether the issuer's DE55 answers this very cryptogram (tag 91)."""
        try:
            issuer_data = tlv.read(answer).get("91", b"")
        except ValueError:
            return False
        return emv.answers(self.cvn, self.key, self.objects["9F26"], issuer_data)

    def __repr__(self) -> str:
        """The counter, nothing of the key."""
        return f"Tap(ATC {self.atc})"


class Chip:
    """A card's chip, or the one that a phone plays."""

    def __init__(self, card: CardData, issuer: bytes, cvn: int = emv.CVN_18, atc: int = 0) -> None:
        """`issuer` is the master key of the card's range, `atc` the counter of the last use."""
        self.card, self.atc, self._cvn = card, atc, cvn
        self._psn = f"{int(card.psn or DEFAULT_PSN):02d}"
        self._key = emv.chip_key(issuer, card.pan, self._psn)

    def tap(self, asked: Asked, interchange: bytes, *, verified: bool) -> Tap:
        """Make the cryptogram of a payment. `interchange` is the profile (82). WornOutError."""
        if self.atc >= ATC_MAX:
            raise WornOutError(f"{self.card!r} was used {ATC_MAX} times")
        self.atc += 1
        objects = self._objects(asked, interchange, verified)
        key = emv.key_of_use(self._cvn, self._key, objects["9F36"])
        arqc = emv.cryptogram(self._cvn, key, self._covered(objects))
        return Tap(self._cvn, {"9F26": arqc} | objects, key)

    def _objects(self, asked: Asked, interchange: bytes, verified: bool) -> dict[str, bytes]:
        return {
            "9F27": ARQC,
            "9F10": self._issuer_data(verified),
            "9F37": asked.unpredictable,
            "9F36": self.atc.to_bytes(2),
            "95": asked.tvr,
            "9A": bytes.fromhex(f"{asked.day:%y%m%d}"),
            "9C": bytes.fromhex(asked.kind),
            "9F02": bytes.fromhex(f"{asked.amount_minor:012d}"),
            "5F2A": EURO,
            "82": interchange,
            "9F1A": FRANCE,
            "9F03": bytes(6),
            "5F34": bytes.fromhex(self._psn),
        }

    def _issuer_data(self, verified: bool) -> bytes:
        """9F10: length, key index, version, then the card verification results of four bytes."""
        results = bytes((3, _ASKED_ONLINE | (_VERIFIED if verified else 0), 0, 0))
        return b"\x06" + KEY_INDEX + self._cvn.to_bytes() + results

    def _covered(self, objects: Mapping[str, bytes]) -> bytes:
        issuer_data = objects["9F10"]
        own = issuer_data[_CVR_PLACE] if self._cvn == emv.CVN_10 else issuer_data
        return b"".join(objects[tag] for tag in _COVERED) + own
