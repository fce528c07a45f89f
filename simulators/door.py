"""The engine's HTTP door: a client with its key, the virtual clock, payments found by reference."""

import os
import ssl
from datetime import datetime
from typing import Annotated, Final

import httpx
import typer

HTTP_S: Final = 10.0
DEVELOPMENT_KEY: Final = "dev"
"""Known to every engine on a test clock, to no other."""
API_KEY_VARIABLE: Final = "MILLESIME_API_KEY"

HttpDoor = Annotated[str, typer.Option("--http", metavar="HOST:PORT", help="Its HTTP door.")]
ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar=API_KEY_VARIABLE, help="For HTTP; by default the key of engines on a test clock."
    ),
]


def client_of(
    address: str, api_key: str | None = None, tls: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """A client of the door at HOST:PORT, with this key, or that of the environment."""
    key = api_key or os.environ.get(API_KEY_VARIABLE) or DEVELOPMENT_KEY
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{'http' if tls is None else 'https'}://{address}"
    verify = True if tls is None else tls
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=HTTP_S, verify=verify)


async def set_clock(client: httpx.AsyncClient, now: datetime) -> None:
    """Set the engine's virtual clock. httpx.HTTPError: it has none."""
    answer = await client.post("/v1/test/clock", json={"now": now.isoformat()})
    answer.raise_for_status()


async def authorization_id(client: httpx.AsyncClient, rrn: str, terminal: str) -> str | None:
    """Ask the engine for the name of a payment; None: it knows of none. httpx.HTTPError."""
    query = {"rrn": rrn, "terminal": terminal}
    answer = (await client.get("/v1/authorizations", params=query)).raise_for_status()
    found = answer.json()["data"]
    return str(found[0]["id"]) if found else None
