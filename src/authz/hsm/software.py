"""The security module in this process: keys from the key file, contexts made once, caches bounded.

One event loop uses it; nothing in it is for several threads.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from itertools import pairwise
from typing import Final

from msgspec import Struct

from authz.custody.keys import KeyFile, MacKey, ZoneKey
from authz.hsm import ChipCard, Cryptogram, KeyUse, Pin
from authz.hsm.des import BLOCK, DesKey, pad_with_zeros
from authz.hsm.emv import (
    CSU_APPROVED,
    CSU_DECLINED,
    CVN_10,
    CVN_18,
    arpc_1,
    arpc_2,
    card_key,
    common_session_key,
    padded,
)
from authz.hsm.pin_block import pin_of

OLD_KEY_VALID_S: Final = 60.0
"""How long messages under a replaced key are still taken."""
CARDS_KEPT_MAX: Final = 16_384
SESSIONS_KEPT_MAX: Final = 1_024
_BIN_SIZES: Final = (8, 7, 6)
_KEY_SIZES: Final = (16, 24)
_PIN_REF_SIZE: Final = 16


class _Keyring(Struct):
    """The keys of one profile for one use: the one that counts, and the one before it.

    `file_key` names the key of the key file.
    """

    file_key: str
    current: DesKey
    before: DesKey | None = None
    before_until_s: float = 0.0

    def valid(self, now_s: float) -> tuple[DesKey, ...]:
        if self.before is None or now_s > self.before_until_s:
            self.before = None
            return (self.current,)
        return (self.current, self.before)

    def replace(self, key: DesKey, now_s: float) -> None:
        self.before, self.before_until_s = self.current, now_s + OLD_KEY_VALID_S
        self.current = key


def _ring_of(key: MacKey | ZoneKey) -> _Keyring:
    return _Keyring(key.key_id, DesKey(key.key.reveal()))


class SoftwareModule:
    """Implements `SecurityModule` over a key file."""

    def __init__(self, keys: KeyFile, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds; it ends the life of replaced keys."""
        self._clock = clock
        self._issuers = {each.bin: DesKey(each.key.reveal()) for each in keys.emv_master}
        self._rings: dict[tuple[str, KeyUse], _Keyring] = {}
        # The first key of a profile is the one that counts.
        for mac_key in reversed(keys.mac):
            self._rings[mac_key.profile, "mac"] = _ring_of(mac_key)
        for zone in reversed(keys.zone):
            self._rings[zone.profile, zone.use] = _ring_of(zone)
        # The first makes; what was made under the others, and before there were any, still holds.
        secrets = [*(each.key for each in keys.pin_verification), keys.pan_digest.key]
        self._pin_digests = [
            blake2b(key=secret.reveal(), digest_size=_PIN_REF_SIZE, person=b"card pin")
            for secret in secrets
        ]
        self._cards: dict[tuple[bytes, str], DesKey] = {}
        self._session = lru_cache(maxsize=SESSIONS_KEPT_MAX)(DesKey)

    # ---- chips

    def has_card_keys(self) -> bool:
        """Whether there is any chip whose cryptograms can be checked."""
        return bool(self._issuers)

    def arqc_holds(self, card: ChipCard, cryptogram: Cryptogram) -> bool | None:
        """Whether the card made this cryptogram; None without a key of its BIN or for the CVN."""
        key = self._key_of(card, cryptogram)
        if key is None:
            return None
        computed_over = padded(cryptogram.cvn, cryptogram.data)
        return len(cryptogram.arqc) == 8 and key.mac_holds(computed_over, cryptogram.arqc)

    def arpc(
        self, card: ChipCard, cryptogram: Cryptogram, response_code: str, *, approves: bool
    ) -> bytes | None:
        """Issuer authentication data (tag 91); `response_code` is the answer's, two characters."""
        key = self._key_of(card, cryptogram)
        if key is None:
            return None
        if cryptogram.cvn == CVN_10:
            return arpc_1(key, cryptogram.arqc, response_code)
        csu = CSU_APPROVED if approves else CSU_DECLINED
        return arpc_2(key, cryptogram.arqc, csu)

    def _key_of(self, card: ChipCard, cryptogram: Cryptogram) -> DesKey | None:
        own = self._card_key(card)
        if own is None or cryptogram.cvn == CVN_10:
            return own
        if cryptogram.cvn != CVN_18:
            return None
        return self._session(common_session_key(own, cryptogram.atc))

    def _card_key(self, card: ChipCard) -> DesKey | None:
        name = card.card_ref, card.sequence
        key = self._cards.get(name)
        if key is None and (issuer := self._issuer(card.pan)) is not None:
            if len(self._cards) >= CARDS_KEPT_MAX:
                del self._cards[next(iter(self._cards))]
            key = self._cards[name] = DesKey(card_key(issuer, card.pan, card.sequence))
        return key

    def _issuer(self, pan: str) -> DesKey | None:
        found = (self._issuers.get(pan[:size]) for size in _BIN_SIZES)
        return next((issuer for issuer in found if issuer is not None), None)

    # ---- messages

    def has_mac_key(self, profile: str) -> bool:
        """Whether messages of this profile can be authenticated at all."""
        return (profile, "mac") in self._rings

    def mac(self, profile: str, data: bytes) -> bytes:
        """Eight bytes that authenticate `data`. Raises KeyError without a key of the profile."""
        return self._rings[profile, "mac"].current.mac(pad_with_zeros(data))

    def mac_holds(self, profile: str, data: bytes, mac: bytes) -> bool:
        """Whether `mac`, whole or its first four bytes, is right under a key that is valid now."""
        ring = self._rings.get((profile, "mac"))
        if ring is None:
            return False
        message = pad_with_zeros(data)
        return any(key.mac_holds(message, mac) for key in ring.valid(self._clock()))

    # ---- PINs

    def open_pin(self, profile: str, block: bytes, pan: str) -> Pin | None:
        """The PIN of an enciphered block, format 0 or 3; None where it cannot be one."""
        ring = self._rings.get((profile, "pin"))
        if ring is None or len(block) != 8:
            return None
        found = (pin_of(key.decrypt(block), pan) for key in ring.valid(self._clock()))
        return next((pin for pin in found if pin is not None), None)

    def pin_ref(self, card_ref: bytes, pin: Pin) -> bytes:
        """The 16 bytes that are kept of a card's PIN: a keyed check of card and PIN.

        As a PVV (the four digits that card networks keep) it can be compared and not turned back,
        and only by who holds the key, since PINs are few; its 128 bits hold for no other PIN.
        """
        return self.pin_refs(card_ref, pin)[0]

    def pin_holds(self, card_ref: bytes, pin: Pin, kept: bytes) -> bool:
        """Whether `kept` was made of this PIN by `pin_ref`; compared in constant time."""
        return any(compare_digest(ref, kept) for ref in self.pin_refs(card_ref, pin))

    def pin_refs(self, card_ref: bytes, pin: Pin) -> tuple[bytes, ...]:
        """What each key makes of it, the current one first."""
        found = []
        for keyed in self._pin_digests:
            digest = keyed.copy()
            digest.update(card_ref + pin.reveal().encode())
            found.append(digest.digest())
        return tuple(found)

    # ---- keys

    def file_key(self, profile: str, use: KeyUse) -> str | None:
        """The name of the key of the file; None without one."""
        ring = self._rings.get((profile, use))
        return None if ring is None else ring.file_key

    def can_change_key(self, profile: str, use: KeyUse, wrapped: bytes, check_value: bytes) -> bool:
        """Whether this is a new key under the zone master key; a profile without one gets none.

        Single DES is none, however it is dressed up.
        """
        return self._unwrapped(profile, use, wrapped, check_value) is not None

    def change_key(
        self, profile: str, use: KeyUse, wrapped: bytes, check_value: bytes, age_s: float = 0.0
    ) -> bool:
        """Take a new key under the zone master key; false, and nothing changed, if it is not right.

        The old key stays valid for `OLD_KEY_VALID_S` from the change on, which was `age_s` ago.
        """
        key = self._unwrapped(profile, use, wrapped, check_value)
        if key is None:
            return False
        self._rings[profile, use].replace(key, self._clock() - age_s)
        return True

    def _unwrapped(
        self, profile: str, use: KeyUse, wrapped: bytes, check_value: bytes
    ) -> DesKey | None:
        master = self._rings.get((profile, "master"))
        known = use != "master" and (profile, use) in self._rings
        if master is None or not known or len(wrapped) not in _KEY_SIZES:
            return None
        clear = master.current.decrypt(wrapped)
        key = DesKey(clear)
        right = compare_digest(key.check_value(), check_value)
        return key if right and not _is_single(clear) else None


def _is_single(key: bytes) -> bool:
    """Whether it is single DES in triple form: neighbours that are one key undo each other.

    The lowest bit of each byte is parity, at which DES does not look; zeros are equal halves too.
    """
    parts = [bytes(b & 0xFE for b in key[at : at + BLOCK]) for at in range(0, len(key), BLOCK)]
    return any(one == next_one for one, next_one in pairwise(parts))
