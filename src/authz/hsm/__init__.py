"""The security module: keys go in, verdicts and codes come out, never a key.

`SecurityModule` is what the service asks; `software` answers it in this process. A real HSM takes
its place by answering the same few questions.
"""

from typing import Any, Literal, NoReturn, Protocol

from msgspec import Struct

KeyUse = Literal["mac", "pin", "master"]
"""What a key of a profile is for; the master key carries new ones of the other two."""


class ChipCard(Struct, frozen=True, gc=False):
    """Whose key is meant: the card number in clear (12 to 19 digits) and its sequence number.

    `card_ref` is the number's keyed digest: what is derived for a card is kept under it, so that
    the number itself is kept nowhere.
    """

    pan: str
    card_ref: bytes
    sequence: str = "00"

    def __repr__(self) -> str:
        """The last four digits only."""
        return f"ChipCard(****{self.pan[-4:]})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Masked for rich as well."""
        return [("masked", repr(self))]


class Cryptogram(Struct, frozen=True, gc=False):
    """What a chip computed (EMV Book 2, 8.1): `arqc` over `data`, by the way that `cvn` names."""

    cvn: int
    atc: bytes
    data: bytes
    arqc: bytes


class Pin:
    """A PIN that cannot print itself."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        """ValueError, without the value, unless 4 to 12 digits (ISO 9564-1)."""
        if not (4 <= len(digits) <= 12 and digits.isascii() and digits.isdigit()):
            raise ValueError("a PIN is 4 to 12 digits")
        self._digits = digits

    def reveal(self) -> str:
        """The digits, for the security module only."""
        return self._digits

    def __repr__(self) -> str:
        """Nothing of it, not even its length."""
        return "Pin(****)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickle and copy."""
        raise TypeError("a PIN is not serialized")


class SecurityModule(Protocol):
    """Everything that needs a key."""

    def has_card_keys(self) -> bool:
        """Whether there is any chip whose cryptograms can be checked."""

    def arqc_holds(self, card: ChipCard, cryptogram: Cryptogram) -> bool | None:
        """Whether the card made this cryptogram; None without a key of its BIN or for the CVN."""

    def arpc(
        self, card: ChipCard, cryptogram: Cryptogram, response_code: str, *, approves: bool
    ) -> bytes | None:
        """Issuer authentication data (tag 91) of an answer to a cryptogram that holds.

        `response_code` is the answer's, in its network's words (two characters), which do not tell
        whether it `approves`. The data under the cryptogram are not looked at. None without a key,
        as `arqc_holds`.
        """

    def has_mac_key(self, profile: str) -> bool:
        """Whether messages of this profile can be authenticated at all."""

    def mac(self, profile: str, data: bytes) -> bytes:
        """Eight bytes that authenticate `data`. Raises KeyError without a key of the profile."""

    def mac_holds(self, profile: str, data: bytes, mac: bytes) -> bool:
        """Whether `mac` authenticates `data` under a key that is valid now."""

    def open_pin(self, profile: str, block: bytes, pan: str) -> Pin | None:
        """The PIN of an enciphered block, format 0 or 3; None where it cannot be one."""

    def pin_ref(self, card_ref: bytes, pin: Pin) -> bytes:
        """The 16 bytes that are kept of a card's PIN."""

    def pin_refs(self, card_ref: bytes, pin: Pin) -> tuple[bytes, ...]:
        """All that may be kept of this PIN: `pin_ref` under the current key and the older ones."""

    def pin_holds(self, card_ref: bytes, pin: Pin, kept: bytes) -> bool:
        """Whether `kept` was made of this PIN by `pin_ref`, under the current key or an older."""

    def file_key(self, profile: str, use: KeyUse) -> str | None:
        """The name of the key that the installation began with; None without one."""

    def can_change_key(self, profile: str, use: KeyUse, wrapped: bytes, check_value: bytes) -> bool:
        """Whether this is a new `mac` or `pin` key under the zone master key."""

    def change_key(
        self, profile: str, use: KeyUse, wrapped: bytes, check_value: bytes, age_s: float = 0.0
    ) -> bool:
        """Take a new key that was changed `age_s` ago; false, if it cannot be, changes nothing."""
