"""Senders of activation codes: what brings a code to the holder's telephone (TOK-03).

A webhook to whoever sends short messages, a file for development, a mailbox for tests.
"""

import base64
import hmac
import json
import os
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import httpx
from msgspec import Struct

from authz.hsm import Pin
from authz.keys import Secret
from authz.phones import Phone

OWN: Final = "millesime.activation_code"


class Notice(Struct, frozen=True):
    """A code on its way: `name` names the sending, so that a receiver can tell a repeat."""

    name: str
    token_id: str
    code: Pin
    phone: Phone | None
    valid_until: datetime


class NotSent(Exception):
    """It was not taken; `surely` tells that nobody will get it, else nobody knows."""

    def __init__(self, why: str, *, surely: bool) -> None:
        """`why` quotes neither the code nor the number."""
        super().__init__(why)
        self.surely = surely


class CodeSender(Protocol):
    """Brings codes to holders; it may be lost on its way, the holder asks for another."""

    @property
    def needs_phone(self) -> bool:
        """Whether a code without a telephone number leads nowhere."""

    async def send(self, notice: Notice) -> None:
        """Hand the code over. Raises NotSent."""


class Mailbox:
    """Keeps the last code of each token in memory, for tests and simulators only."""

    needs_phone = False

    def __init__(self) -> None:
        """Empty."""
        self._codes: dict[str, Pin] = {}

    async def send(self, notice: Notice) -> None:
        """Keep it."""
        self._codes[notice.token_id] = notice.code

    def read(self, token_id: str) -> Pin | None:
        """The last code that was sent for a token."""
        return self._codes.get(token_id)


class CodeFile:
    """Adds each code as a line of JSON to a file that only its owner may read: development."""

    needs_phone = False

    def __init__(self, path: Path) -> None:
        """The file is made with the first code."""
        self._path = path

    async def send(self, notice: Notice) -> None:
        """Append it."""
        said = {"token": notice.token_id, "code": notice.code.reveal(), "until": _instant(notice)}
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(said) + "\n")
        except OSError as error:
            raise NotSent(f"the file of codes: {error.strerror}", surely=True) from None


class Webhook:
    """Posts each code to a URL, signed (Standard Webhooks 1.0.0: id, timestamp and body, HMAC)."""

    needs_phone = True

    def __init__(self, client: httpx.AsyncClient, url: str, key: Secret, timeout_s: float) -> None:
        """`key` signs; what is not answered within `timeout_s` is not known to have arrived."""
        self._client, self._url, self._key, self._timeout_s = client, url, key, timeout_s

    async def send(self, notice: Notice) -> None:
        """Post it; any answer of the 200s means that it was taken."""
        assert notice.phone is not None, "asked before a code was made"
        data = {
            "token": notice.token_id,
            "phone": notice.phone.reveal(),
            "code": notice.code.reveal(),
            "valid_until": _instant(notice),
        }
        body = json.dumps({"type": OWN, "data": data}, separators=(",", ":")).encode()
        headers = self._signed(notice.name, str(int(time.time())), body)
        try:
            answer = await self._client.post(
                self._url, content=body, headers=headers, timeout=self._timeout_s
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotSent(f"nobody takes codes: {type(error).__name__}", surely=True) from None
        except httpx.HTTPError as error:
            raise NotSent(f"no answer: {type(error).__name__}", surely=False) from None
        if not answer.is_success:
            raise NotSent(f"answered {answer.status_code}", surely=True)

    def _signed(self, name: str, timestamp: str, body: bytes) -> dict[str, str]:
        covered = f"{name}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(self._key.reveal(), covered, sha256)).decode()
        return {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature}",
        }


def _instant(notice: Notice) -> str:
    return notice.valid_until.astimezone(UTC).isoformat().replace("+00:00", "Z")
