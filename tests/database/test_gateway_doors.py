"""Who is let in, what is ready, how errors look, and that the description is complete."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from authz.access.key_store import Wanted, create_key
from authz.access.scopes import Scope
from authz.gateway import Deps
from authz.storage import database
from tests.database.decided import (
    DEV,
    SUNDAY,
    TUESDAY,
    assert_problem,
    client_of,
    http,
    parts,
    url,
)

__all__ = ["http", "parts", "url"]


async def test_the_clock_is_set_for_everyone_and_may_go_back(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    for instant in ("2027-05-01T10:00:00+02:00", SUNDAY):
        answer = await http.post("/v1/test/clock", json={"now": instant})
        assert answer.status_code == 200
        told = datetime.fromisoformat(answer.json()["now"])
        assert told == datetime.fromisoformat(instant)
        assert await parts.pool.fetchval("select test_clock from control") == told


@pytest.mark.parametrize("now", [1_790_000_000, "2026-11-24T12:30:00", "noon", None])
async def test_an_instant_without_its_zone_is_refused(http: httpx.AsyncClient, now: Any) -> None:
    assert_problem(await http.post("/v1/test/clock", json={"now": now}), 422, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("now", "status"),
    [
        ("1999-12-31T23:59:59Z", 422),
        ("2000-01-01T00:00:00Z", 200),
        ("2199-12-31T23:59:59Z", 200),
        ("2200-01-01T00:00:00Z", 422),
        ("0001-01-01T00:00:00+14:00", 422),
        ("9999-12-31T23:59:59-14:00", 422),
    ],
)
async def test_the_clock_stays_in_the_years_that_are_known(
    http: httpx.AsyncClient, now: str, status: int
) -> None:
    assert (await http.post("/v1/test/clock", json={"now": now})).status_code == status


async def test_there_is_no_clock_to_set_without_the_test_clock(parts: Deps) -> None:
    plain = Deps(parts.pool, parts.pool, parts.metrics, parts.rulebooks, parts.ready)
    async with parts.pool.acquire() as sql, sql.transaction():
        _, key = await create_key(sql, Wanted(None, frozenset({Scope.OPS})))
    async with client_of(plain, headers={"authorization": f"Bearer {key}"}) as http:
        answer = await http.post("/v1/test/clock", json={"now": TUESDAY})
    assert_problem(answer, 404, "NOT_FOUND")


async def test_the_development_key_is_accepted_with_the_test_clock_only(parts: Deps) -> None:
    plain = Deps(parts.pool, parts.pool, parts.metrics, parts.rulebooks, parts.ready)
    async with client_of(parts) as http:
        assert (await http.get("/v1/accounts/acc-1")).status_code == 200
    async with client_of(plain) as http:
        assert_problem(await http.get("/v1/accounts/acc-1"), 401, "UNKNOWN_KEY")
        assert_problem(await http.get("/v1/accounts/acc-1", headers=DEV), 401, "UNKNOWN_KEY")


async def test_ready_means_that_payments_can_be_decided(parts: Deps) -> None:
    async with client_of(parts) as http:
        assert (await http.get("/readyz")).json() == {"status": "ready"}
    draining = Deps(parts.pool, parts.pool, parts.metrics, parts.rulebooks, lambda: False)
    async with client_of(draining) as http:
        assert_problem(await http.get("/readyz"), 503, "DRAINING")
        assert (await http.get("/healthz")).status_code == 200


async def test_without_its_database_it_is_alive_and_not_ready(url: str, parts: Deps) -> None:
    gone = await database.open_pool(url, size=1)
    await gone.close()
    without = Deps(gone, gone, parts.metrics, parts.rulebooks, parts.ready, test_clock=True)
    async with client_of(without) as http:
        assert_problem(await http.get("/readyz"), 503, "NOT_READY")
        assert_problem(await http.get("/v1/accounts/acc-1"), 503, "ISSUER_DOWN")
        assert (await http.get("/healthz")).status_code == 200


async def test_metrics_are_the_services_own(http: httpx.AsyncClient) -> None:
    answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}
    assert names
    assert all(name.startswith("millesime_") for name in names)


async def test_what_is_nowhere_is_a_problem_too(http: httpx.AsyncClient) -> None:
    assert_problem(await http.get("/v2/accounts"), 404, "NOT_FOUND")
    assert_problem(await http.delete("/v1/accounts/acc-1"), 405, "METHOD_NOT_ALLOWED")


async def test_every_operation_is_described_with_examples(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert len(operations) >= 22
    for operation in operations:
        assert operation["summary"]
        good = next(said for code, said in operation["responses"].items() if code[0] == "2")
        for content in good.get("content", {}).values():
            assert "example" in content or schemas[_named(content)]["examples"]
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            assert schemas[_named(content)]["examples"]
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"].get("examples") or parameter.get("examples")


def _named(content: dict[str, Any]) -> str:
    schema = content["schema"]
    reference: str = (schema["anyOf"][0] if "anyOf" in schema else schema)["$ref"]
    return reference.rpartition("/")[2]


async def test_what_a_write_of_money_wants_stands_in_its_description(
    http: httpx.AsyncClient,
) -> None:
    document = (await http.get("/openapi.json")).json()
    wants = {
        path: parameter["required"]
        for path, verbs in document["paths"].items()
        for operation in verbs.values()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key"
    }
    assert wants["/v1/loads"] is True and wants["/v1/authorizations"] is True
    assert wants["/v1/cards/{card_id}/block"] is False
    for verb, example in (
        ("capture", {"amount": 1900}),
        ("refund", {"amount": 1900}),
        ("cancel", {}),
    ):
        operation = document["paths"][f"/v1/authorizations/{{authorization_id}}/{verb}"]["post"]
        assert operation["requestBody"]["content"]["application/json"]["example"] == example


async def test_a_refusal_says_what_was_wrong_with_a_body(http: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "k"}
    given = {"amount": 10**18}
    much = (await http.post("/v1/accounts/acc-1/gifts", json=given, headers=key)).json()["detail"]
    assert "less than or equal to 999999999999" in much and str(10**18) not in much
    bare = await http.post("/v1/loads", content=b"{}", headers=key)
    assert_problem(bare, 422, "INVALID_REQUEST")
    assert "Content-Type: application/json" in bare.json()["detail"]


async def test_a_character_that_cannot_be_kept_is_a_bad_request(http: httpx.AsyncClient) -> None:
    for path in ("accounts/%00", "cards/%00", "authorizations?rrn=%00"):
        assert (await http.get(f"/v1/{path}")).status_code in (404, 422), path
    order = {"employer": "emp-\0", "lines": [{
        "account": "acc-1", "count": 1, "face_value": 1, "employer_share": 1, "period": "2026-11",
    }]}  # fmt: skip
    answer = await http.post("/v1/loads", json=order, headers={"idempotency-key": "nul"})
    assert_problem(answer, 422, "INVALID_REQUEST")
