"""Where simulated holders read the codes that they were sent."""

import json
from pathlib import Path
from typing import Protocol

import httpx


class Mail(Protocol):
    """A holder's telephone, as far as codes go."""

    async def read(self, token_id: str) -> str | None:
        """The last code that was sent for a token; None: none came."""


class ShownMail:
    """Codes as an engine on a test clock shows them."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """`client` is of its HTTP door."""
        self._client = client

    async def read(self, token_id: str) -> str | None:
        """The last code; None too where the engine shows none, or does not answer."""
        try:
            answer = await self._client.get(f"/v1/test/codes/{token_id}")
        except httpx.TransportError:
            return None
        return str(answer.json()["code"]) if answer.is_success else None


class FileMail:
    """Codes as an engine writes them into a file for development: JSON lines (`codes_file`)."""

    def __init__(self, path: Path) -> None:
        """The file is there once the first code was sent."""
        self._path = path

    async def read(self, token_id: str) -> str | None:
        """The last code. ValueError: the file holds something else."""
        if not self._path.exists():
            return None
        lines = self._path.read_text(encoding="utf-8").splitlines()
        codes = [line["code"] for line in map(json.loads, lines) if line["token"] == token_id]
        return str(codes[-1]) if codes else None
