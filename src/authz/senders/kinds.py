"""Senders of messages to holders: what brings a code or a notice to whoever reaches them.

A webhook to whoever sends short messages or mail, and a file for development.
"""

import base64
import hmac
import json
import os
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, TypeVar

import httpx

from authz.custody.keys import Secret

PHONE: Final = "phone"

M = TypeVar("M", contravariant=True)


class Message(Protocol):
    """Something to say to one holder."""

    @property
    def name(self) -> str:
        """Names the message, so that a receiver can tell a repeat."""

    @property
    def type(self) -> str:
        """What it is, as the receiver is told."""

    def said(self) -> Mapping[str, str | None]:
        """What is told, in clear: for the wire alone. The telephone number is `phone`."""


class NotSent(Exception):
    """It was not taken; `surely` tells that nobody will get it, else nobody knows."""

    def __init__(self, why: str, *, surely: bool) -> None:
        """`why` quotes nothing of the message."""
        super().__init__(why)
        self.surely = surely


class Sender(Protocol[M]):
    """Brings messages to holders; one may be lost on its way."""

    @property
    def needs_phone(self) -> bool:
        """Whether a code without a telephone number leads nowhere."""

    async def send(self, message: M) -> None:
        """Hand the message over. Raises NotSent."""


class MessageFile:
    """Adds each message as a line of JSON to a file that only its owner may read: development.

    Telephone numbers stay out of it: who reads it holds the telephone.
    """

    needs_phone = False

    def __init__(self, path: Path) -> None:
        """The file is made with the first message."""
        self._path = path

    async def send(self, message: Message) -> None:
        """Append it."""
        said = {word: value for word, value in message.said().items() if word != PHONE}
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(said) + "\n")
        except OSError as error:
            raise NotSent(f"the file of messages: {error.strerror}", surely=True) from None


class Webhook:
    """Posts messages to a URL, signed (Standard Webhooks 1.0.0: id, timestamp and body, HMAC)."""

    needs_phone = True

    def __init__(self, client: httpx.AsyncClient, url: str, key: Secret, timeout_s: float) -> None:
        """`key` signs; what is not answered within `timeout_s` is not known to have arrived."""
        self._client, self._url, self._key, self._timeout_s = client, url, key, timeout_s

    async def send(self, message: Message) -> None:
        """Post it; any answer of the 200s means that it was taken."""
        said = {"type": message.type, "data": message.said()}
        body = json.dumps(said, separators=(",", ":")).encode()
        headers = self._signed(message.name, str(int(time.time())), body)
        try:
            answer = await self._client.post(
                self._url, content=body, headers=headers, timeout=self._timeout_s
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotSent(f"nobody takes messages: {type(error).__name__}", surely=True) from None
        except httpx.HTTPError as error:
            raise NotSent(f"no answer: {type(error).__name__}", surely=False) from None
        if not answer.is_success:
            raise NotSent(f"answered {answer.status_code}", surely=_refused(answer.status_code))

    def _signed(self, name: str, timestamp: str, body: bytes) -> dict[str, str]:
        covered = f"{name}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(self._key.reveal(), covered, sha256)).decode()
        return {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature}",
        }


def _refused(status: int) -> bool:
    """Whether nothing was taken: a gateway's 502 may be said of what was handed over before."""
    return status < httpx.codes.INTERNAL_SERVER_ERROR and status != httpx.codes.REQUEST_TIMEOUT
