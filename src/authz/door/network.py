"""0800 messages: sign-on, sign-off and echo, answered at once; key changes read; our own echo.

Key changes and cutovers need the database, so that `office` answers them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from authz.hsm import KeyUse
from authz.iso8583 import numbers as de
from authz.iso8583.message import Message
from authz.iso8583.tlv import TlvError, parse_private
from authz.outcomes import Outcome
from rules.decision import Reason

SIGN_ON: Final = "001"
SIGN_OFF: Final = "002"
KEY_CHANGE: Final = "161"
CUTOVER: Final = "201"
ECHO: Final = "301"
_MANDATORY: Final = (7, 11, 70)
_KEY: Final = "KY"
_KEY_USES: Final[Mapping[str, KeyUse]] = {"M": "mac", "P": "pin"}
_CHECK_VALUE_DIGITS: Final = 6
_ANSWERED: Final = frozenset({SIGN_ON, SIGN_OFF, ECHO})


def answer(message: Message) -> Outcome:
    """What a network message gets: approved without a code to keep, or refused.

    A sign-off is acknowledged and nothing else: the line stays, as hosts do not need a sign-on.
    """
    if any(number not in message.fields for number in _MANDATORY):
        return Outcome(Reason.FORMAT)
    if message.fields[de.NETWORK_CODE] not in _ANSWERED:
        return Outcome(Reason.INVALID_TRANSACTION)
    return Outcome(Reason.APPROVED)


class KeyChange(Struct, frozen=True):
    """A new key under the zone master key, and the value by which both sides see that it came."""

    use: KeyUse
    wrapped: bytes
    check_value: bytes


def key_change_of(message: Message) -> KeyChange | None:
    """What a key change (0800/161) brings; None where it cannot be read.

    DE48 tag `KY`: `M` (MAC) or `P` (PIN), the key under the zone master key and its check value of
    six digits, all hexadecimal.
    """
    if any(number not in message.fields for number in _MANDATORY):
        return None
    try:
        text = parse_private(message.fields.get(de.PRIVATE, "")).get(_KEY, "")
        use = _KEY_USES[text[:1]]
        wrapped = bytes.fromhex(text[1:-_CHECK_VALUE_DIGITS])
        check_value = bytes.fromhex(text[-_CHECK_VALUE_DIGITS:])
    except (TlvError, KeyError, ValueError):
        return None
    return KeyChange(use, wrapped, check_value)


def echo(stan: int, now: datetime) -> Message:
    """Our own echo test; `stan` is 1 to 999999, `now` is UTC."""
    sent = f"{now:%m%d%H%M%S}"
    return Message("0800", {de.TRANSMISSION: sent, de.STAN: f"{stan:06d}", de.NETWORK_CODE: ECHO})
