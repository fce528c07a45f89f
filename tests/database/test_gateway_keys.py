"""Keys are looked at before bodies: nothing is read of who has none, and hardly looked up."""

from collections.abc import Collection, Mapping
from dataclasses import replace as changed
from typing import Any, Final

import httpx
import pytest
from starlette.types import Message

from authz.access.key_store import Wanted, create_key, find_keys, revoke_keys
from authz.access.rates import Buckets, Rate
from authz.access.scopes import Scope
from authz.access.strangers import Strangers
from authz.gateway import Deps, Limiter, create_app
from authz.gateway.gate import KeyGate
from authz.metrics import Metrics
from authz.storage import database
from tests.database.decided import DEV, assert_problem, client_of, parts, url

__all__ = ["parts", "url"]

PLENTY: Final = Rate(1_000, 1_000)
PATH: Final = "/v1/accounts/acc-1"
JSON: Final = {"content-type": "application/json"}


def unknown(n: int) -> dict[str, str]:
    """A key of ours by its looks."""
    return {"authorization": f"Bearer mk_{n:012x}_{n:064x}"}


async def a_key(parts: Deps, name: str) -> dict[str, str]:
    async with parts.pool.acquire() as sql, sql.transaction():
        _, text = await create_key(sql, Wanted(name, frozenset({Scope.OPS})))
    return {"authorization": f"Bearer {text}"}


async def operations(parts: Deps) -> list[tuple[str, str]]:
    """Every operation that wants a key, by the application's own description."""
    async with client_of(parts) as http:
        document = (await http.get("/openapi.json")).json()
    found = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    ]
    assert len(found) > 40
    return found


class Unread:
    """Asks for something and counts how often its body was asked for."""

    def __init__(self, parts: Deps) -> None:
        self._app, self.reads = create_app(parts), 0
        self._sent: list[Message] = []

    async def _receive(self) -> Message:
        self.reads += 1
        return {"type": "http.request", "body": b"{" * 1_000, "more_body": self.reads < 3}

    async def _send(self, message: Message) -> None:
        self._sent.append(message)

    async def ask(self, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
        self._sent.clear()
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": b"",
            "headers": [(a.encode(), b.encode()) for a, b in {**JSON, **headers}.items()],
            "client": ("192.0.2.7", 1234), "server": ("millesime", 80),
        }  # fmt: skip
        await self._app(scope, self._receive, self._send)
        start, *rest = self._sent
        content = b"".join(each["body"] for each in rest)
        return httpx.Response(start["status"], headers=start["headers"], content=content)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer devil"}, unknown(1)])
@pytest.mark.parametrize("length", [{}, {"content-length": "1000000"}])
async def test_nothing_is_read_of_who_has_no_key(
    parts: Deps, headers: dict[str, str], length: dict[str, str]
) -> None:
    asked = Unread(parts)
    for method, path in [*await operations(parts), ("POST", "/v1/nowhere"), ("POST", "/v1/")]:
        answer = await asked.ask(method, path, {**headers, **length})
        assert_problem(answer, 401, "UNKNOWN_KEY" if headers else "KEY_MISSING")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="millesime"')
    assert asked.reads == 0
    assert_problem(await asked.ask("POST", "/v1/test/clock", DEV), 422, "INVALID_REQUEST")
    assert asked.reads == 3, "with a key it is read"


async def test_a_body_that_says_it_is_too_long_is_not_read_either(parts: Deps) -> None:
    asked = Unread(parts)
    answer = await asked.ask("POST", "/v1/test/clock", {"content-length": "9999999"})
    assert_problem(answer, 413, "BODY_TOO_LARGE")
    assert asked.reads == 0


async def test_broken_json_without_a_key_is_unauthorized_everywhere(parts: Deps) -> None:
    async with client_of(parts, headers=JSON) as http:
        for method, path in await operations(parts):
            for content in (b'{"', b"[" * 100_000):
                answer = await http.request(method, path, content=content)
                assert_problem(answer, 401, "KEY_MISSING")
        answer = await http.post("/v1/test/clock", content=b'{"', headers=DEV)
        assert_problem(answer, 422, "INVALID_REQUEST")


async def test_a_key_that_does_not_count_any_more_is_not_listened_to(parts: Deps) -> None:
    revoked, asked = await a_key(parts, "revoked"), Unread(parts)
    async with parts.pool.acquire() as sql:
        await revoke_keys(sql, "revoked")
    assert_problem(await asked.ask("POST", "/v1/test/clock", revoked), 401, "KEY_REVOKED")
    assert asked.reads == 0


async def test_without_its_database_nobody_is_listened_to(url: str, parts: Deps) -> None:
    gone = await database.open_pool(url, size=1)
    await gone.close()
    asked = Unread(changed(parts, pool=gone, prompt_pool=gone))
    answer = await asked.ask("POST", "/v1/test/clock", unknown(1))
    assert_problem(answer, 503, "ISSUER_DOWN")
    assert answer.headers["retry-after"] == "1"
    assert_problem(await asked.ask("POST", "/v1/test/clock", {}), 401, "KEY_MISSING")
    assert asked.reads == 0


async def test_who_asks_too_often_is_not_listened_to(parts: Deps) -> None:
    limiter = Limiter(Buckets(Rate(0.25, 1), names_max=10), Metrics())
    asked = Unread(changed(parts, limiter=limiter))
    assert (await asked.ask("GET", PATH, DEV)).status_code == 200
    before = asked.reads
    answer = await asked.ask("POST", "/v1/test/clock", DEV)
    assert_problem(answer, 429, "TOO_MANY_REQUESTS")
    assert answer.headers["retry-after"] in ("3", "4")
    assert asked.reads == before


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of keys that the database was asked for."""
    asked: list[str] = []

    async def counted(sql: Any, key_ids: Collection[str], now: Any) -> Any:
        asked.extend(key_ids)
        return await find_keys(sql, key_ids, now)

    monkeypatch.setattr("authz.gateway.deps.find_keys", counted)
    return asked


async def test_a_key_is_looked_up_and_counted_once_a_request(
    parts: Deps, looked_up: list[str]
) -> None:
    key = await a_key(parts, "once")
    limiter = Limiter(Buckets(Rate(0.01, 2), names_max=10), Metrics())
    async with client_of(changed(parts, limiter=limiter), headers=key) as http:
        said = [(await http.get(PATH)).status_code for _ in range(3)]
    assert said == [200, 200, 429]
    assert len(looked_up) == 3


async def test_keys_that_do_not_open_are_soon_not_looked_up(
    parts: Deps, looked_up: list[str]
) -> None:
    old, new = await a_key(parts, "old"), await a_key(parts, "new")
    metrics = Metrics()
    limiter = Limiter(Buckets(PLENTY, 10), metrics, Strangers(Rate(0.01, 2)))
    limited = changed(parts, limiter=limiter)
    async with client_of(limited, headers={}) as near, client_of(limited, "192.0.2.7") as far:
        assert (await near.get(PATH, headers=old)).status_code == 200
        answers = [await near.get(PATH, headers=unknown(n)) for n in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
        assert_problem(answers[2], 429, "TOO_MANY_REQUESTS")
        assert answers[2].headers["retry-after"] in ("99", "100")
        assert len(looked_up) == 3
        assert (await near.get(PATH, headers=old)).status_code == 200, "it opened before"
        assert (await near.get(PATH, headers=new)).status_code == 429, "it may be anyone's"
        assert (await near.get(PATH, headers=DEV)).status_code == 200
        assert_problem(await near.get(PATH), 401, "KEY_MISSING")
        assert (await far.get(PATH, headers=new)).status_code == 200
        assert (await near.get(PATH, headers=new)).status_code == 200
    assert metrics.rate_refusals == {"peer": 3}


async def test_without_the_gate_the_operation_asks_for_the_key_itself(parts: Deps) -> None:
    app = create_app(parts)
    names = [getattr(each.cls, "__name__", "") for each in app.user_middleware]
    del app.user_middleware[names.index(KeyGate.__name__)]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://millesime") as http:
        assert_problem(await http.get(PATH), 401, "KEY_MISSING")
        assert (await http.get(PATH, headers=DEV)).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
async def test_what_is_open_stays_open(parts: Deps, path: str) -> None:
    async with client_of(parts, headers={}) as http:
        assert (await http.get(path)).status_code == 200
