"""A small town over a database: people, a restaurant, an engine and a clock that the test sets.

Every test of the calendar ends with `prove`: ledger and answers, by the product's own audit.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, cast

import asyncpg
from msgspec.structs import replace

from authz.audit.prove import prove_all
from authz.batch.directory import Directory
from authz.batch.engine import Engine
from authz.holders.balances import AccountView, account_view, find_account
from authz.identity import request_key
from authz.ids import AuthorizationIds
from authz.jobs.timers import JOBS, Counts, Work
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.requests import Kind, Original, Request
from authz.storage import database
from authz.storage.store import Store
from authz.world.change import put_record
from authz.world.load import load_world
from authz.world.read import record_of
from rules.facts import Purchase
from rules.rulebook import Rulebook
from tests.road.people import ACQUIRER, DIGESTER, EXPIRY, Setting, as_world, pan
from tests.rules.builders import BOOK

LONG_S = 3600.0


class Town:
    """What a test does in it, in the order of days."""

    def __init__(self, pool: asyncpg.Pool, book: Rulebook, first_number: int = 1) -> None:
        """Made by `town`; whoever goes on in books of another one begins with a higher number."""
        self.pool, self.book, self.books = pool, book, {"fr-meal": book}
        self.now = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
        self._numbers = count(first_number)
        ids = AuthorizationIds(1, lambda: 200_000_000_000 + 1_577_836_800_000)
        store = Store(pool, Directory(known_max=0), answer_timeout_s=LONG_S)
        self.engine = Engine(store, self.books, ids, Metrics())

    async def at(self, instant: str) -> None:
        """Set the clock of everything civil."""
        self.now = datetime.fromisoformat(instant).astimezone(UTC)
        await self.pool.execute("update control set test_clock = $1", self.now)

    async def pay(self, amount_minor: int, person: int = 1, kind: Kind = Kind.PURCHASE) -> Outcome:
        """A payment in the person's own restaurant."""
        return await self._ask(self.request(kind, amount_minor, person))

    async def about(
        self, kind: Kind, payment: Outcome, amount_minor: int = 0, *, left_minor: int = 0
    ) -> Outcome:
        """Capture or refund so much of a payment, or reverse all of it but `left_minor`."""
        name = Original(name=(payment.holder_id, payment.authorization_id))
        asked = self.request(kind, amount_minor or payment.approved_minor, None, name)
        return await self._ask(replace(asked, new_total_minor=left_minor))

    def request(
        self, kind: Kind, amount_minor: int, person: int | None, about: Original | None = None
    ) -> Request:
        """A request under a key of its own."""
        number = next(self._numbers)
        stan = f"{number:06d}"
        key = request_key(ACQUIRER, "TERM0001", stan, f"{number:010d}", "020")
        ref = b"" if person is None else DIGESTER.card_ref(pan(person))
        mid = "" if person is None else f"MERCH{person:010d}"
        return Request(
            kind, Purchase(amount_minor, expiry=EXPIRY), ref, key, key, ACQUIRER, "TERM0001", mid,
            stan, f"{number:010d}", f"{number:012d}", False, self.now, monotonic() + LONG_S, about,
        )  # fmt: skip

    async def _ask(self, request: Request) -> Outcome:
        holder = await self.pool.fetchval(
            "select holder_id from credentials where card_ref = $1", request.card_ref
        )
        holders = {} if holder is None else {request.card_ref: holder}
        (outcome,) = await self.engine.run([request], holders)
        assert outcome is not None
        return outcome

    async def put(self, kind: str, fields: Mapping[str, Any]) -> str:
        """Make or change a record, as administration does."""
        async with self.pool.acquire() as sql:
            tx, placed = cast("asyncpg.Connection", sql), record_of("body", kind, dict(fields))
            return await put_record(tx, placed, DIGESTER)

    async def run(self, job: str) -> Counts:
        """Run a job by the town's clock."""
        work = Work(self.pool, self.decide, self.books, self.now)
        return await JOBS[job].run(work)

    async def decide(self, asked: Sequence[Request]) -> Sequence[Outcome | None]:
        """The road for requests that name no card."""
        return await self.engine.run(asked, {})

    async def view(self, account: str = "acc-1") -> AccountView:
        """What the holder is told."""
        async with self.pool.acquire() as sql:
            found = await find_account(sql, account)
        assert found is not None
        return account_view(found, self.book)

    async def lots(self, account: str = "acc-1") -> list[tuple[Any, ...]]:
        """The lots as they are shown: vintage, before, available, held, expired."""
        lots = (await self.view(account)).lots
        return [
            (lot.vintage, lot.from_vintage, lot.available_minor, lot.held_minor, lot.expired_minor)
            for lot in lots
        ]

    async def prove(self) -> None:
        """Every law of the books and of the answers holds."""
        rulebooks = {self.book.version: self.book}
        async with self.pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
            report = await prove_all(sql, rulebooks)
        laws = (*report.books.laws, *report.laws)
        assert report.holds, [(law.name, law.violations) for law in laws if law.violations]
        assert report.unread_rulebooks == ()


@asynccontextmanager
async def town(
    url: str, tmp_path: Path, people: Mapping[int, Setting], book: Rulebook = BOOK
) -> AsyncIterator[Town]:
    """Load these people into a migrated database and open an engine on it."""
    path = tmp_path / "world.json"
    path.write_text(json.dumps(as_world(*people.items())), encoding="utf-8")
    pool = await database.open_pool(url, size=2)
    try:
        made = Town(pool, book)
        await made.at("2026-11-24T12:30:00+01:00")
        async with pool.acquire() as sql:
            await load_world(cast("asyncpg.Connection", sql), path, DIGESTER)
        yield made
        await made.prove()
    finally:
        await pool.close()
