"""0800 messages: sign-on, sign-off, echo and key change, answered at once; the echo that we send.

A cutover needs the database, so that `office` answers it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from authz.hsm import KeyUse, SecurityModule
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
    if message.fields[70] not in _ANSWERED:
        return Outcome(Reason.INVALID_TRANSACTION)
    return Outcome(Reason.APPROVED)


def change_key(message: Message, profile: str, module: SecurityModule) -> Outcome:
    """Take a new key of the profile's network (0800/161).

    DE48 tag `KY`: `M` (MAC) or `P` (PIN), the key under the zone master key and its check value of
    six digits, all hexadecimal. What is not a key of ours is refused with SECURITY and changes
    nothing. The old key stays valid for a minute (wire.md, links and keys).
    """
    try:
        text = parse_private(message.fields.get(48, "")).get(_KEY, "")
        use = _KEY_USES[text[:1]]
        wrapped = bytes.fromhex(text[1:-_CHECK_VALUE_DIGITS])
        check_value = bytes.fromhex(text[-_CHECK_VALUE_DIGITS:])
    except (TlvError, KeyError, ValueError):
        return Outcome(Reason.FORMAT)
    if any(number not in message.fields for number in _MANDATORY):
        return Outcome(Reason.FORMAT)
    taken = module.change_key(profile, use, wrapped, check_value)
    return Outcome(Reason.APPROVED if taken else Reason.SECURITY)


def echo(stan: int, now: datetime) -> Message:
    """Our own echo test; `stan` is 1 to 999999, `now` is UTC."""
    return Message("0800", {7: f"{now:%m%d%H%M%S}", 11: f"{stan:06d}", 70: ECHO})
