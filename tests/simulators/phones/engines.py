"""An engine for the tests of phones alone: tokens over HTTP as asked for, taps as a function says.

It knows only what the stories need, and nothing of money.
"""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from simulators.chips.drawer import Drawer
from simulators.journal import Journal
from simulators.link import Link
from simulators.messages import TerminalData
from simulators.phones.issuer import Issuer
from simulators.phones.mail import ShownMail
from simulators.phones.stage import Stage
from simulators.terminal import Stamps, Terminal
from simulators.wire import Fields
from simulators.world_file import Person, world_of
from tests.simulators.worlds import Answerer, approve, hosted, pan_of, world_json

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
PLACE = TerminalData("12345", "W0000001", "MERCH0000000001")


class Tokens:
    """Says yes to every wallet; the code is always the same."""

    code = "123456"

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.status: dict[str, str] = {}
        self.asked: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if path == "/v1/tokens":
            return self._added(msgspec.json.decode(request.content))
        if path == "/v1/authorizations":
            return httpx.Response(200, json={"data": [], "has_more": False})
        if path.startswith("/v1/test/codes/"):
            return httpx.Response(200, json={"code": self.code})
        return self._moved(request)

    def _added(self, body: dict[str, Any]) -> httpx.Response:
        number = next(self.numbers)
        name = f"tok-{number}"
        self.status[name] = "REQUESTED" if body["wallet"] == "APPLE_PAY" else "ACTIVE"
        verdict = "REQUIRE_CODE" if body["wallet"] == "APPLE_PAY" else "APPROVED"
        made = {"id": name, "dpan": pan_of("999979", number), "expiry": "2912"}
        told = {"decision": verdict, "reason": "APPROVED", "error": None} | made
        return httpx.Response(201, json=told)

    def _moved(self, request: httpx.Request) -> httpx.Response:
        name, _, verb = request.url.path.removeprefix("/v1/tokens/").partition("/")
        if verb == "activate" and msgspec.json.decode(request.content)["code"] != self.code:
            return problem(409, "WRONG_CODE")
        if verb == "resend-code":
            return httpx.Response(200, json={"id": name, "sent": True})
        moves = {"activate": "ACTIVE", "suspend": "SUSPENDED", "resume": "ACTIVE", "": "DELETED"}
        self.status[name] = moves[verb]
        return httpx.Response(200, json={"id": name, "status": self.status[name]})


def problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(
        status,
        content=msgspec.json.encode({"code": code}),
        headers={"content-type": "application/problem+json"},
    )


def some_person() -> Person:
    return world_of(world_json(people=1, phones=0, blocked=0)).people[0]


@asynccontextmanager
async def staged(
    tokens: Tokens, answerer: Answerer = approve, drawer: Drawer | None = None
) -> AsyncIterator[tuple[Stage, list[Fields]]]:
    """A stage before this engine, and what its till was asked."""
    transport = httpx.MockTransport(tokens.answer)
    client = httpx.AsyncClient(base_url="http://engine", transport=transport)
    async with hosted(answerer) as host, Link(host.address) as link, client:
        till, issuer = Terminal(link, Journal(), 0.3), Issuer(client, ShownMail(client))
        yield Stage(issuer, till, PLACE, Stamps(), drawer, "ascii", lambda: NOON), host.asked
