"""Activation codes as messages to the holder's telephone (TOK-03), and a mailbox for tests."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from authz.custody.phones import Phone
from authz.hsm import Pin
from authz.instants import written
from authz.senders.kinds import PHONE, Sender


class Notice(Struct, frozen=True):
    """A code on its way."""

    type: ClassVar[str] = "millesime.activation_code"

    name: str
    token_id: str
    code: Pin
    phone: Phone | None
    valid_until: datetime

    def said(self) -> Mapping[str, str | None]:
        """With code and number in clear."""
        return {
            "token": self.token_id,
            PHONE: None if self.phone is None else self.phone.reveal(),
            "code": self.code.reveal(),
            "valid_until": written(self.valid_until),
        }


CodeSender = Sender[Notice]
"""Brings codes; one that is lost is not sent again, the holder asks for another."""


class Mailbox:
    """Keeps the last code of each token in memory, for tests and simulators only."""

    needs_phone = False

    def __init__(self) -> None:
        """Empty."""
        self._codes: dict[str, Pin] = {}

    async def send(self, message: Notice) -> None:
        """Keep it."""
        self._codes[message.token_id] = message.code

    def read(self, token_id: str) -> Pin | None:
        """The last code that was sent for a token."""
        return self._codes.get(token_id)
