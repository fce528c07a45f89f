"""Three people, four payments that the engine decided, and a client of HTTP over them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from authz.batch.directory import Directory
from authz.batch.engine import Engine
from authz.gateway import Deps, create_app
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.requests import Kind, Original, Request
from authz.storage import database, schema
from authz.storage.store import Store
from tests.authz.builders import numbers, some_request
from tests.authz.world.builders import some_world
from tests.database.worlds import BOOK, DIGESTER, broken_laws, load

if TYPE_CHECKING:
    from tests.database.conftest import MakeDatabase

TUESDAY, SUNDAY = "2026-11-24T12:30:00+01:00", "2026-11-22T12:30:00+01:00"
PARIS_CARD, REUNION_CARD, THIRD_CARD = "9999670000000012", "9999670000000020", "9999670000000038"
BOUGHT, TOO_MUCH, HELD, LIVED = "000000000001", "000000000002", "000000000003", "000000000004"


def three_people() -> Any:
    """One works in Paris with vouchers of two years, the others on La Réunion."""
    world = some_world()
    world["employers"].append({"id": "emp-2", "department": "974"})
    world["accounts"][0]["lots"] = [
        {"vintage": 2026, "amount": 10_000, "loaded_on": "2026-01-05"},
        {"vintage": 2025, "amount": 800, "loaded_on": "2025-11-05"},
    ]
    far = {"id": "acc-2", "employer": "emp-2", "person": "per-2"}
    far_lots = [{"vintage": 2026, "amount": 5_000}]
    world["accounts"].append({**far, "lots": far_lots})
    world["cards"].append(
        {"id": "card-2", "account": "acc-2", "pan": REUNION_CARD, "expiry": "2912"}
    )
    world["accounts"].append({**far, "id": "acc-3", "person": "per-3", "lots": far_lots})
    card = world["cards"][1]
    world["cards"].append({**card, "id": "card-3", "account": "acc-3", "pan": THIRD_CARD})
    return world


def pay(amount_minor: int, rrn: str, card: str = PARIS_CARD, **changes: Any) -> Request:
    return some_request(amount_minor, card_ref=DIGESTER.card_ref(card), rrn=rrn, **changes)


async def decide(url: str, requests: Sequence[Request]) -> list[Outcome | None]:
    """Let the engine decide them one after the other, as it would on the road."""
    pool = await database.open_pool(url, size=1)
    store = Store(pool, Directory(known_max=0), answer_timeout_s=10)
    engine = Engine(store, {"fr-meal": BOOK}, numbers(), Metrics())
    answers = [(await engine.run([request], {}))[0] for request in requests]
    await pool.close()
    return list(answers)


async def prepare(url: str, folder: Path) -> None:
    await schema.upgrade(url)
    sql = await database.connect(url)
    await set_clock(sql, TUESDAY)
    await load(sql, folder, three_people())
    await sql.close()
    requests = [
        pay(1_250, BOUGHT),
        pay(4_000, TOO_MUCH),
        pay(700, HELD, REUNION_CARD, kind=Kind.HOLD),
        pay(1_000, LIVED, THIRD_CARD, kind=Kind.HOLD),
        pay(800, "000000000005", THIRD_CARD, kind=Kind.CAPTURE, about=Original(rrn=LIVED)),
        pay(300, "000000000006", THIRD_CARD, kind=Kind.REFUND, about=Original(rrn=LIVED)),
    ]
    answers = await decide(url, requests)
    approved = [answer.approved for answer in answers if answer]
    assert approved == [True, False, True, True, True, True]


async def set_clock(sql: Any, instant: str) -> None:
    now = datetime.fromisoformat(instant).astimezone(UTC)
    await sql.execute("update control set test_clock = $1", now)


@pytest.fixture(scope="module")
def url(make_database: "MakeDatabase", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database in which four payments were decided; its books hold at the end."""
    url = make_database()

    async def prove() -> tuple[str, ...]:
        sql = await database.connect(url)
        async with sql.transaction(isolation="repeatable_read"):
            broken = await broken_laws(sql)
        await sql.close()
        return broken

    with asyncio.Runner() as runner:
        runner.run(prepare(url, tmp_path_factory.mktemp("world")))
        yield url
        assert runner.run(prove()) == ()


@pytest.fixture
async def parts(url: str) -> AsyncIterator[Deps]:
    """What the application is given; the clock stands at Tuesday noon."""
    pool = await database.open_pool(url, size=2)
    await set_clock(pool, TUESDAY)
    yield Deps(pool, pool, Metrics(), {"fr-meal": BOOK}, lambda: True, test_clock=True)
    await pool.close()


DEV: Final = {"authorization": "Bearer dev"}
"""The key of the test clock."""


def client_of(
    parts: Deps, host: str = "127.0.0.1", headers: Mapping[str, str] = DEV
) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(parts), client=(host, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://millesime", headers=headers)


@pytest.fixture
async def http(parts: Deps) -> AsyncIterator[httpx.AsyncClient]:
    """A client on this machine."""
    async with client_of(parts) as client:
        yield client


async def account(http: httpx.AsyncClient, name: str = "acc-1") -> Any:
    answer = await http.get(f"/v1/accounts/{name}")
    assert answer.status_code == 200
    return answer.json()


async def one(http: httpx.AsyncClient, rrn: str) -> Any:
    answer = await http.get("/v1/authorizations", params={"rrn": rrn, "terminal": "TERM0001"})
    assert answer.status_code == 200
    (payment,) = answer.json()["data"]
    return payment


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["status"], said["code"]) == (status, code)
    assert said["title"]
    assert said["detail"]
