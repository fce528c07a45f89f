"""An online shop over a database: HTTP down the whole road, with engine, batcher and books.

Every test that uses `checkout` ends with the proof of books and answers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import pytest

from authz.batch.batcher import Batcher, BatchLimits
from authz.batch.directory import Directory
from authz.batch.engine import Engine
from authz.credentials.sending import Mailbox
from authz.custody.keys import Secret
from authz.gateway import CardDesk, Deps, Road, create_app
from authz.metrics import Metrics
from authz.requests import Kind, Original
from authz.storage import database, schema
from authz.storage.store import Store
from authz.world.load import load_world
from rules.facts import Wallet
from tests.authz.builders import BOOKS, numbers, some_request
from tests.authz.hsm.keys import some_safe
from tests.database.roads import prove
from tests.road.people import ACQUIRER, DIGESTER, EXPIRY, Setting, as_world, pan

if TYPE_CHECKING:
    from tests.postgres import MakeDatabase

TUESDAY: Final = "2026-11-24T12:30:00+01:00"
MID: Final = "MERCH0000000001"
PROOF_KEY: Final = Secret(b"p" * 32)
DAYS_S: Final = 3600.0


class Checkout:
    """What a test of online payments does."""

    def __init__(self, url: str, deps: Deps, ask: Any) -> None:
        """Made by `checkout`."""
        self.url, self.deps, self.ask = url, deps, ask
        self._keys = count(1)
        self.http = self.client(deps)

    def client(self, deps: Deps) -> httpx.AsyncClient:
        """A client of an application with these parts."""
        transport = httpx.ASGITransport(create_app(deps), client=("127.0.0.1", 1234))
        headers = {"authorization": "Bearer dev"}
        return httpx.AsyncClient(transport=transport, base_url="http://millesime", headers=headers)

    async def at(self, instant: str) -> None:
        """Set the clock."""
        now = datetime.fromisoformat(instant).astimezone(UTC)
        await self.deps.pool.execute("update control set test_clock = $1", now)

    async def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        """A write under a key of its own, unless one is given."""
        headers = {"Idempotency-Key": key or f"key-{next(self._keys)}"}
        return await self.http.post(f"/v1{path}", json=body, headers=headers)

    async def buy(self, amount: int, key: str | None = None, **changes: Any) -> httpx.Response:
        """An order of the first person; `person` names another."""
        return await self.post("/authorizations", order(amount, **changes), key)

    async def paid(self, amount: int, **changes: Any) -> Any:
        """An order that is approved."""
        answer = await self.buy(amount, **changes)
        assert answer.status_code == 201, answer.text
        said = answer.json()
        assert said["reason"] in ("APPROVED", "APPROVED_PARTIAL"), said
        return said

    async def verb(self, payment: Any, verb: str, amount: int | None = None) -> httpx.Response:
        """Capture, cancel or refund a payment."""
        body = {} if amount is None else {"amount": amount}
        return await self.post(f"/authorizations/{payment['id']}/{verb}", body)

    async def seen(self, payment: Any) -> Any:
        """The payment as it is now."""
        return (await self.http.get(f"/v1/authorizations/{payment['id']}")).json()

    async def account(self, name: str = "acc-1") -> Any:
        """What the holder is told."""
        return (await self.http.get(f"/v1/accounts/{name}")).json()

    async def road(self, kind: Kind, payment: Any, amount: int, **changes: Any) -> Any:
        """The same payment touched by a terminal, an acquirer or a timer."""
        holder, number = (int(part, 16) for part in payment["id"].split("-"))
        about = Original(name=(holder, number))
        asked = some_request(amount, kind=kind, about=about, card_ref=b"", **changes)
        return await self.ask(asked)


def order(amount: int, person: int = 1, **changes: Any) -> dict[str, Any]:
    """The body of an order."""
    return {
        "credential": {"pan": pan(person), "expiry": EXPIRY},
        "merchant": {"acquirer": ACQUIRER, "mid": MID},
        "amount": amount,
        "partial_ok": False,
        "capture": "manual",
        "order_ref": "ORDER-4711",
    } | changes


@pytest.fixture(scope="session")
def checkout_template(
    make_database: "MakeDatabase", tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The name of a database with two people and their restaurants."""
    url = make_database()
    file = tmp_path_factory.mktemp("world") / "world.json"
    people = {1: Setting(), 2: Setting(phone=Wallet.APPLE_PAY)}
    file.write_bytes(msgspec.json.encode(as_world(*people.items())))

    async def build() -> None:
        await schema.upgrade(url)
        sql = await database.connect(url)
        await sql.execute("update control set test_clock = $1", _instant(TUESDAY))
        await load_world(sql, file, DIGESTER, safe=some_safe())
        await sql.close()

    with asyncio.Runner() as runner:
        runner.run(build())
    return url.split("@/")[1].split("?")[0]


@pytest.fixture
async def checkout(
    checkout_template: str,
    make_database: "MakeDatabase",
    drop_database: Callable[[str], None],
) -> AsyncIterator[Checkout]:
    """A shop open on Tuesday noon."""
    url = await asyncio.to_thread(make_database, checkout_template)
    async with opened(url) as shop:
        yield shop
    await prove(url)
    await asyncio.to_thread(drop_database, url)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Checkout]:
    """A shop over a database that somebody else proves and drops."""
    pool = await database.open_pool(url, size=6)
    directory = Directory(known_max=100)
    engine = Engine(Store(pool, directory, answer_timeout_s=10), BOOKS, numbers(), Metrics())
    batcher = Batcher(engine.run, directory, BatchLimits(2, 64, 1_000, 100))
    road = Road(batcher.ask, DIGESTER, PROOF_KEY, proof_wanted=False, patience_s=DAYS_S)
    desk = CardDesk(DIGESTER, some_safe(), Mailbox())
    deps = Deps(pool, pool, Metrics(), BOOKS, lambda: True, test_clock=True, road=road, cards=desk)
    yield Checkout(url, deps, batcher.ask)
    await batcher.drained()
    await pool.close()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
