"""The message authentication code: checked over the bytes that came, made over those that leave.

It is the last field: DE128 where a secondary bitmap is there, else DE64. It covers the message as
on the wire, from its type to before itself: ISO/IEC 9797-1 algorithm 3, padding method 1.
"""

from typing import Final

from authz.door.policies import MacPolicy
from authz.hsm import SecurityModule
from authz.iso8583 import numbers as de
from authz.iso8583.message import Message
from authz.iso8583.profiles import Profile

_NO_MAC_YET: Final = "0" * 16


class Authenticator:
    """What one listener makes of MACs, by its policy."""

    def __init__(self, profile: Profile, policy: MacPolicy, module: SecurityModule) -> None:
        """`policy` is not OFF; the module has a MAC key of the profile."""
        self._profile = profile
        self._required = policy is MacPolicy.REQUIRE
        self._module = module
        # Binary fields travel as bytes, or as two characters each.
        self._width = 8 if profile.codec.spec[str(de.MAC)]["data_enc"] == "b" else 16

    def refuses(self, message: Message, body: bytes) -> bool:
        """Whether the message is not what its sender wrote; `body` is the message as it came."""
        mac = message.fields.get(_place(message))
        if mac is None:  # one in the wrong place proves nothing
            return self._required or de.MAC in message.fields
        covered = body[: -self._width]
        return not self._module.mac_holds(self._profile.name, covered, bytes.fromhex(mac))

    def seals(self, asked: Message | None) -> bool:
        """Whether the answer to `asked`, or a message of our own, carries a MAC."""
        if asked is None or self._required:
            return self._required
        return de.MAC in asked.fields or de.SECOND_MAC in asked.fields

    def sealed(self, answer: Message) -> bytes:
        """The bytes of a message, its MAC at the end."""
        fields = {n: v for n, v in answer.fields.items() if n not in (de.MAC, de.SECOND_MAC)}
        place = _place(Message(answer.mti, fields))
        body = self._profile.codec.encode(Message(answer.mti, fields | {place: _NO_MAC_YET}))
        covered = body[: -self._width]
        mac = self._module.mac(self._profile.name, covered)
        return covered + (mac if self._width == len(mac) else mac.hex().upper().encode())


def _place(message: Message) -> int:
    """Where the MAC belongs: behind everything else."""
    return de.SECOND_MAC if any(number > de.MAC for number in message.fields) else de.MAC
