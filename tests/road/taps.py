"""Chips as pyemv plays them and PIN pads as psec does: what they send, what an answer proves.

Nothing of the engine computes anything here.
"""

import random
from collections.abc import Mapping
from typing import Final

import psec
import pyemv
from msgspec import Struct
from msgspec.structs import replace

from authz.custody.keys import KeyFile, Secret, ZoneKey
from authz.door.policies import CryptogramPolicy
from authz.hsm import Pin
from authz.hsm.software import SoftwareModule
from authz.state import State
from authz.wire.credential_check import CredentialCheck
from simulators.messages import CONTACTLESS, Stamp, purchase
from simulators.wire import Fields
from tests.authz.hsm.keys import IMK, PIN_KEY, Clock, some_keys
from tests.road import people
from tests.road.people import DIGESTER, Setting
from tests.road.road import instant

NOON: Final = instant("2026-11-24T12:30:00+01:00")
PROFILES: Final = ("ascii", "ascii-binary", "bcd")
KEYS: Final = KeyFile(
    some_keys().pan_digest,
    emv_master=some_keys().emv_master,
    zone=tuple(ZoneKey(f"pin-{name}", Secret(PIN_KEY), name) for name in PROFILES),
)
APPROVES: Final = bytes.fromhex("00800000")
DECLINES: Final = bytes(4)
NOTHING_ELSE: Final[Mapping[str, str]] = {}
UNKNOWN_TAG: Final = "DF7F"
_DICE: Final = random.Random(55)


class Chip(Struct):
    """A chip with its number; its counter is the tests' own."""

    pan: str
    cvn: int = 18
    sequence: str = "00"
    key: bytes = IMK
    results: int = 0xA0
    """CVR byte 2: which cryptograms were made; here the first, an ARQC."""

    def tap(
        self,
        amount_minor: int,
        atc: int,
        other: Mapping[str, str] = NOTHING_ELSE,
        *,
        verified: bool = False,
    ) -> str:
        """DE55; `other` objects replace those that the chip signed, or come on top."""
        results = bytes((3, self.results | (4 if verified else 0), 0, 0))
        said = {
            "9F02": bytes.fromhex(f"{amount_minor:012d}"), "9F03": bytes(6),
            "9F1A": b"\x02\x50", "95": bytes(5), "5F2A": b"\x09\x78",
            "9A": bytes.fromhex("261124"), "9C": b"\x00", "9F37": _DICE.randbytes(4),
            "82": b"\x20\x00", "9F36": atc.to_bytes(2),
        }  # fmt: skip
        issuer_data = b"\x06\x01" + bytes((self.cvn,)) + results
        signed = (f"tag_{tag.lower()}" for tag in said)
        arguments = dict(zip(signed, said.values(), strict=True))
        if self.cvn == 10:
            arqc = self._visa_10().generate_ac(**arguments, cvr=results)
        else:
            arqc = self._visa_18().generate_ac(**arguments, tag_9f10=issuer_data)
        objects = {"9F26": arqc, "9F27": b"\x80", "9F10": issuer_data, **said}
        told = {tag: value.hex().upper() for tag, value in objects.items()} | dict(other)
        return "".join(f"{tag}{len(value) // 2:02X}{value}" for tag, value in told.items())

    def proves(self, asked: str, answer: str, *, code: str) -> bool:
        """Whether the answer's DE55 is tag 91, made for this cryptogram and response code."""
        objects = pyemv.tlv.decode(bytes.fromhex(asked))
        arqc, atc = objects["9F26"], objects["9F36"]
        if self.cvn == 10:
            proof = self._visa_10().generate_arpc(arqc, code.encode()) + code.encode()
        else:
            status = APPROVES if code in ("00", "10") else DECLINES
            proof = self._visa_18().generate_arpc(arqc, atc, status) + status
        return bytes.fromhex(answer) == b"\x91" + bytes((len(proof),)) + proof

    def _visa_10(self) -> pyemv.cvn.VisaCVN10:
        return pyemv.cvn.VisaCVN10(self.key, self.key, self.key, self.pan, self.sequence)

    def _visa_18(self) -> pyemv.cvn.VisaCVN18:
        return pyemv.cvn.VisaCVN18(self.key, self.key, self.key, self.pan, self.sequence)


def asked(
    setting: Setting,
    person: int,
    number: int,
    amount_minor: int,
    chip_data: str | None = None,
    **changes: str,
) -> Fields:
    """A purchase at noon under this STAN; `entry` and `pin` are as typed, `de41="..."` a field."""
    stamp = Stamp(f"{number:06d}", NOON, f"{number:012d}")
    card, entry = people.card(setting, person), changes.pop("entry", CONTACTLESS)
    pin = changes.pop("pin", None)
    fields = purchase(card, people.terminal(person), stamp, amount_minor, entry=entry)
    fields |= {name.removeprefix("de"): value for name, value in changes.items()}
    if chip_data is not None:
        fields["55"] = chip_data
    if pin is not None:
        fields["52"] = typed(pin, card.pan)
    return fields


def typed(pin: str, pan: str, *, iso_format: int = 0) -> str:
    """DE52: a PIN as the pad sends it, in format 0 or 3."""
    formats = {0: psec.pinblock.encode_pinblock_iso_0, 3: psec.pinblock.encode_pinblock_iso_3}
    block: bytes = formats[iso_format](pin, pan)
    return psec.des.encrypt_tdes_ecb(PIN_KEY, block).hex().upper()


def check_of(profile: str, policy: str, keys: KeyFile = KEYS) -> CredentialCheck:
    """What a listener of the engine does with chips and PINs."""
    module = SoftwareModule(keys, Clock())
    return CredentialCheck(profile, CryptogramPolicy(policy), module, DIGESTER)


def with_pin(state: State, pin: str, number: int = 1, pin_round: int = 1) -> State:
    """The same, the person's card having this PIN, set for the n-th time."""
    module = SoftwareModule(KEYS, Clock())
    holder = state.holders[number]
    own, *others = holder.profile.credentials
    own = replace(own, pin_ref=module.pin_ref(own.card_ref, Pin(pin)), pin_round=pin_round)
    profile = replace(holder.profile, credentials=(own, *others))
    return replace(state, holders={number: replace(holder, profile=profile)})
