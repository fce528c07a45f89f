"""The ways to pay at a till, and what each looks like in a message (DE22 and the terminal's tags).

Nothing that a terminal says here proves anything: the phone's word counts only in its cryptogram.
"""

from typing import Final

from msgspec import Struct

from simulators.messages import CHIP, CONTACTLESS

CAPABILITIES: Final = bytes.fromhex("E0F8C8")
"""9F33: an attended till with all readers and a PIN pad."""

_NO_VERIFICATION: Final = bytes.fromhex("1F0300")
_CHIP_PIN: Final = bytes.fromhex("410302")
_ONLINE_PIN: Final = bytes.fromhex("420300")


class Manner(Struct, frozen=True):
    """One way: how it is read, the application's profile (82), and what the terminal saw."""

    entry: str
    interchange: bytes
    cvm_results: bytes
    verified: bool = False
    """Whether the chip itself, or the phone, knows that its holder is there."""
    qualifiers: bytes = b""
    """9F6C, contactless only: what card and till agreed on."""
    form: bytes = b""
    """9F6E: a phone says that it is one."""
    tvr: bytes = bytes(5)

    def tags(self) -> dict[str, bytes]:
        """What the terminal adds to the objects of the chip."""
        tags = {"9F33": CAPABILITIES, "9F34": self.cvm_results}
        optional = {"9F6C": self.qualifiers, "9F6E": self.form}
        return tags | {tag: value for tag, value in optional.items() if value}


CONTACT: Final = Manner(
    CHIP, bytes.fromhex("1C00"), _CHIP_PIN, verified=True, tvr=bytes.fromhex("0000008000")
)
"""The card in the slot; its chip has looked at the PIN."""

TOUCH: Final = Manner(CONTACTLESS, bytes.fromhex("2000"), _NO_VERIFICATION, qualifiers=bytes(2))
"""The card on the reader; nobody has shown to be its holder."""

_PHONE: Final = bytes.fromhex("20700000")
_BY_THE_DEVICE: Final = bytes.fromhex("0080")

PHONE: Final = Manner(
    CONTACTLESS, bytes.fromhex("2040"), _NO_VERIFICATION, True, _BY_THE_DEVICE, _PHONE
)
"""A phone that knows its holder: face, finger or code."""

PHONE_ALONE: Final = Manner(
    CONTACTLESS, bytes.fromhex("2040"), _NO_VERIFICATION, False, bytes(2), _PHONE
)
"""A phone that was touched to the reader, by whomever."""


def tags_with_online_pin(manner: Manner) -> dict[str, bytes]:
    """The terminal's tags once the PIN was typed for the issuer to look at."""
    return manner.tags() | {"9F34": _ONLINE_PIN}
