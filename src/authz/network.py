"""0800 messages: sign-on, sign-off and echo, answered at once, and the echo that we send.

A cutover needs the database, so that `office` answers it.
"""

from datetime import datetime
from typing import Final

from authz.iso8583.message import Message
from authz.outcomes import Outcome
from rules.decision import Reason

SIGN_ON: Final = "001"
SIGN_OFF: Final = "002"
CUTOVER: Final = "201"
ECHO: Final = "301"
_MANDATORY: Final = (7, 11, 70)
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


def echo(stan: int, now: datetime) -> Message:
    """Our own echo test; `stan` is 1 to 999999, `now` is UTC."""
    return Message("0800", {7: f"{now:%m%d%H%M%S}", 11: f"{stan:06d}", 70: ECHO})
