"""A database with people and merchants in it, and engines at work on it, as a process has them.

Every test that uses `people` ends with the proof of books and answers.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg
import msgspec
import pytest

from authz.audit.prove import Report, prove_all
from authz.batch.directory import Directory
from authz.batch.engine import Engine, Outcomes
from authz.ids import AuthorizationIds
from authz.metrics import Metrics
from authz.requests import Request
from authz.storage import database, schema
from authz.storage.reading import with_owners
from authz.storage.sessions import KeptSessions
from authz.storage.store import Store
from authz.world.load import load_world
from rules.rulebook import Rulebook
from tests.authz.builders import BOOKS, some_request
from tests.road import people as persons
from tests.road.people import DIGESTER, Setting, pan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.postgres import MakeDatabase

PEOPLE: Final = 300
_NODES = count(1)


async def build_world(url: str, file: Path, number_of_people: int = PEOPLE) -> None:
    """Migrate an empty database and load so many people in the common state."""
    settings = ((number, Setting()) for number in range(1, number_of_people + 1))
    file.write_bytes(msgspec.json.encode(persons.as_world(*settings)))
    await schema.upgrade(url)
    sql = await database.connect(url)
    try:
        await load_world(sql, file, DIGESTER)
    finally:
        await sql.close()


@pytest.fixture(scope="session")
def people_template(make_database: "MakeDatabase", tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database to make others from."""
    url = make_database()
    file = tmp_path_factory.mktemp("world") / "world.json"
    with asyncio.Runner() as runner:
        runner.run(build_world(url, file))
    return url.split("@/")[1].split("?")[0]


@pytest.fixture
async def people(
    people_template: str,
    make_database: "MakeDatabase",
    drop_database: "Callable[[str], None]",
) -> AsyncIterator[str]:
    """The URL of a database with people in it; proved when the test is over."""
    url = await asyncio.to_thread(make_database, people_template)
    yield url
    await prove(url)
    await asyncio.to_thread(drop_database, url)


async def prove(url: str, books: Iterable[Rulebook] = BOOKS.values()) -> Report:
    """Books and answers hold every law."""
    report = await audited(url, books)
    assert report.holds, (report.broken, [law for law in report.laws if law.violations])
    assert not report.unread_rulebooks
    return report


async def audited(url: str, books: Iterable[Rulebook] = BOOKS.values()) -> Report:
    """The verdict, as the superuser sees it."""
    sql = await asyncpg.connect(url)
    try:
        async with sql.transaction(isolation="repeatable_read"):
            return await prove_all(sql, {book.version: book for book in books})
    finally:
        await sql.close()


class Process:
    """What one engine process holds of the road's second half: pool, store, engine, directory."""

    def __init__(self, url: str, books: Mapping[str, Rulebook] = BOOKS, **limits: Any) -> None:
        """`limits`: `statement_timeout_ms` and `answer_timeout_s`."""
        self._url, self._books = url, books
        self._statement_timeout_ms = limits.get("statement_timeout_ms", 5_000)
        self._answer_timeout_s = limits.get("answer_timeout_s", 8.0)
        self._parts = AsyncExitStack()
        self.metrics = Metrics()

    async def __aenter__(self) -> Self:
        """Open the pool."""
        self.pool = await database.open_pool(
            self._url,
            size=4,
            statement_timeout_ms=self._statement_timeout_ms,
            answer_timeout_s=self._answer_timeout_s,
            hot=True,
        )
        self._parts.callback(self.pool.terminate)
        timeout_s = self._answer_timeout_s
        kept = KeptSessions(self.pool)
        self.directory = Directory(known_max=10_000)
        self.store = Store(kept, self.directory, answer_timeout_s=timeout_s)
        numbers = AuthorizationIds(next(_NODES), lambda: 1_795_000_000_000)
        self.engine = Engine(self.store, self._books, numbers, self.metrics)
        return self

    async def __aexit__(self, *fault: Any) -> None:
        """Close without waiting for anything."""
        await self._parts.aclose()

    async def holder_of(self, requests: Iterable[Request]) -> dict[bytes, int]:
        """The holders of all cards of these requests, as nobody needs to know them beforehand."""
        async with self.pool.acquire() as sql:
            return dict(await with_owners(sql, list(requests), {}))

    def remembered(self, requests: Iterable[Request]) -> dict[bytes, int]:
        """What the batcher knows of their holders."""
        refs = {request.card_ref for request in requests}
        return {ref: found for ref in refs if (found := self.directory.known(ref)) is not None}

    async def run(self, *requests: Request) -> Outcomes:
        """One batch."""
        return await self.engine.run(requests, self.remembered(requests))

    async def reasons(self, *requests: Request) -> list[str | None]:
        """One batch; what its outcomes are, by name."""
        return [outcome.reason.name if outcome else None for outcome in await self.run(*requests)]


def buys(amount_minor: int = 1250, person: int = 1, **changes: Any) -> Request:
    """A purchase of this person at the merchant of the same number."""
    card_ref = DIGESTER.card_ref(pan(person))
    till = persons.terminal(changes.pop("merchant", person))
    plain: dict[str, Any] = {"card_ref": card_ref, "acquirer": till.acquirer}
    plain |= {"mid": till.merchant, "terminal": till.terminal}
    return some_request(amount_minor, person, **(plain | changes))


async def one(url: str, question: str, *arguments: object) -> Any:
    """A single value, as superuser."""
    sql = await asyncpg.connect(url)
    try:
        return await sql.fetchval(question, *arguments)
    finally:
        await sql.close()
