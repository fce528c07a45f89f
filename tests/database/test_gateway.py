"""What HTTP tells of accounts and payments is what the engine decided and the books hold."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from authz import database
from authz.engine import Engine
from authz.gateway import Deps, create_app
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.requests import Kind, Request
from authz.store import Store
from tests.authz.builders import numbers, some_request
from tests.authz.world.builders import some_world
from tests.database.worlds import BOOK, DIGESTER, broken_laws, load

if TYPE_CHECKING:
    from tests.database.conftest import MakeDatabase

TUESDAY, SUNDAY = "2026-11-24T12:30:00+01:00", "2026-11-22T12:30:00+01:00"
PARIS_CARD, REUNION_CARD = "9999670000000012", "9999670000000020"
BOUGHT, TOO_MUCH, HELD = "000000000001", "000000000002", "000000000003"


def two_people() -> Any:
    """One works in Paris with vouchers of two years, the other on La Réunion."""
    world = some_world()
    world["employers"].append({"id": "emp-2", "department": "974"})
    world["accounts"][0]["lots"] = [
        {"vintage": 2026, "amount": 10_000, "loaded_on": "2026-01-05"},
        {"vintage": 2025, "amount": 800, "loaded_on": "2025-11-05"},
    ]
    far = {"id": "acc-2", "employer": "emp-2", "person": "per-2"}
    world["accounts"].append({**far, "lots": [{"vintage": 2026, "amount": 5_000}]})
    world["cards"].append(
        {"id": "card-2", "account": "acc-2", "pan": REUNION_CARD, "expiry": "2912"}
    )
    return world


def pay(amount_minor: int, rrn: str, card: str = PARIS_CARD, **changes: Any) -> Request:
    return some_request(amount_minor, card_ref=DIGESTER.card_ref(card), rrn=rrn, **changes)


async def decide(url: str, requests: Sequence[Request]) -> list[Outcome | None]:
    """Let the engine decide them one after the other, as it would on the road."""
    pool = await database.open_pool(url, size=1)
    engine = Engine(Store(pool, answer_timeout_s=10), {"fr-meal": BOOK}, numbers(), Metrics())
    rows = await pool.fetch("select card_ref, holder_id from credentials")
    holder_of = {row["card_ref"]: row["holder_id"] for row in rows}
    answers = [(await engine.run([request], holder_of))[0] for request in requests]
    await pool.close()
    return list(answers)


async def prepare(url: str, folder: Path) -> None:
    await database.upgrade(url)
    sql = await database.connect(url)
    await set_clock(sql, TUESDAY)
    await load(sql, folder, two_people())
    await sql.close()
    requests = [
        pay(1_250, BOUGHT),
        pay(4_000, TOO_MUCH),
        pay(700, HELD, REUNION_CARD, kind=Kind.HOLD),
    ]
    answers = await decide(url, requests)
    assert [answer.approved for answer in answers if answer] == [True, False, True]


async def set_clock(sql: Any, instant: str) -> None:
    now = datetime.fromisoformat(instant).astimezone(UTC)
    await sql.execute("update control set test_clock = $1", now)


@pytest.fixture(scope="module")
def url(make_database: "MakeDatabase", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database in which three payments were decided; its books hold at the end."""
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
    yield Deps(pool, Metrics(), {"fr-meal": BOOK}, lambda: True, test_clock=True)
    await pool.close()


def client_of(parts: Deps, host: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(parts), client=(host, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://millesime")


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


async def test_an_account_shows_lots_oldest_first_and_what_today_allows(
    http: httpx.AsyncClient,
) -> None:
    assert await account(http) == {
        "id": "acc-1",
        "person": "per-1",
        "programme": "fr-meal",
        "status": "ACTIVE",
        "balance": 9_550,
        "lots": [
            {
                "vintage": 2026,
                "origin": "LOAD",
                "from_vintage": None,
                "available": 9_550,
                "held": 0,
                "expired": 0,
                "expires_on": "2027-02-28",
                "loaded_on": "2026-01-05",
            },
        ],
        "today": {
            "day": "2026-11-24",
            "zone": "Europe/Paris",
            "cap": 2_500,
            "used": 1_250,
            "remaining": 1_250,
            "usable": 1_250,
            "resets_at": "2026-11-25T00:00:00+01:00",
            "next_expiry": "2027-02-28",
        },
    }


async def test_what_is_held_is_not_available(http: httpx.AsyncClient) -> None:
    lot = (await account(http, "acc-2"))["lots"][0]
    assert (lot["available"], lot["held"]) == (4_300, 700)


async def test_today_is_the_workplaces_day(parts: Deps, http: httpx.AsyncClient) -> None:
    await set_clock(parts.pool, "2026-11-24T21:30:00+01:00")
    today = (await account(http, "acc-2"))["today"]
    assert (today["day"], today["zone"]) == ("2026-11-25", "Indian/Reunion")
    assert today["resets_at"] == "2026-11-26T00:00:00+04:00"
    assert (await account(http))["today"]["day"] == "2026-11-24"


async def test_nothing_is_usable_on_a_forbidden_day(parts: Deps, http: httpx.AsyncClient) -> None:
    await set_clock(parts.pool, SUNDAY)
    told = await account(http)
    assert (told["balance"], told["today"]["usable"]) == (9_550, 0)
    assert told["today"]["remaining"] == 2_500


async def test_a_lot_past_its_last_day_is_shown_as_exchanged_and_nothing_is_written(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    before = await parts.pool.fetchval("select sum(last_seq) from holders")
    await set_clock(parts.pool, "2027-03-01T00:30:00+01:00")
    told = await account(http)
    lot = told["lots"][0]
    assert (lot["vintage"], lot["origin"], lot["from_vintage"]) == (2027, "EXCHANGE", 2026)
    assert (lot["expires_on"], told["balance"]) == ("2028-02-29", 9_550)
    assert await parts.pool.fetchval("select sum(last_seq) from holders") == before


async def test_on_the_last_day_the_lot_is_still_its_own(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    await set_clock(parts.pool, "2027-02-28T23:30:00+01:00")
    lot = (await account(http))["lots"][0]
    assert (lot["vintage"], lot["origin"]) == (2026, "LOAD")


async def test_a_held_part_stays_of_its_vintage_when_the_rest_is_exchanged(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    await set_clock(parts.pool, "2027-03-01T12:00:00+01:00")
    lots = (await account(http, "acc-2"))["lots"]
    assert [(lot["vintage"], lot["available"], lot["held"]) for lot in lots] == [
        (2026, 0, 700),
        (2027, 4_300, 0),
    ]


async def test_a_day_that_left_the_row_is_counted_from_the_books(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    async with parts.pool.acquire() as sql:
        pruned = sql.transaction()
        await pruned.start()
        await sql.execute(
            "update holders set usage_since = '2026-12-01', usage_accounts = '{}',"
            " usage_days = '{}', usage_minor = '{}'"
        )
        from authz.balances import account_view, find_account

        found = await find_account(sql, "acc-1")
        await pruned.rollback()
    assert found is not None
    assert account_view(found, BOOK).standing.used_minor == 1_250


async def test_an_unknown_account_is_not_found(http: httpx.AsyncClient) -> None:
    assert_problem(await http.get("/v1/accounts/acc-9"), 404, "NOT_FOUND")


async def test_a_purchase_is_captured_and_names_its_vintages(http: httpx.AsyncClient) -> None:
    paid = await one(http, BOUGHT)
    assert (paid["state"], paid["response_code"], paid["reason"]) == ("CAPTURED", "00", "APPROVED")
    assert (paid["requested"], paid["eligible"], paid["approved"]) == (1_250,) * 3
    assert (paid["account"], paid["day"], paid["bank"]) == ("acc-1", "2026-11-24", None)
    # The vouchers of 2025 count as 2026 since 1 March 2026, and are spent first.
    assert paid["vouchers"] == [{"vintage": 2026, "amount": 1_250}]
    assert paid["totals"] == {"authorized": 1_250, "reversed": 0, "captured": 1_250, "refunded": 0}
    assert paid["rulebook"] == BOOK.version
    assert [event["type"] for event in paid["events"]] == ["AUTHORIZED", "CAPTURED"]
    assert paid["at"] == "2026-11-24T11:30:00Z"


async def test_a_hold_is_authorized(http: httpx.AsyncClient) -> None:
    held = await one(http, HELD)
    assert (held["state"], held["totals"]["captured"]) == ("AUTHORIZED", 0)
    assert held["vouchers"] == [{"vintage": 2026, "amount": 700}]
    assert [event["type"] for event in held["events"]] == ["AUTHORIZED"]


async def test_a_decline_moved_nothing(http: httpx.AsyncClient) -> None:
    declined = await one(http, TOO_MUCH)
    assert (declined["state"], declined["response_code"]) == ("DECLINED", "61")
    assert (declined["reason"], declined["approved"]) == ("DAILY_CAP", 0)
    assert (declined["vouchers"], declined["approval_code"]) == ([], None)
    assert set(declined["totals"].values()) == {0}
    assert [event["type"] for event in declined["events"]] == ["DECLINED"]


async def test_a_payment_is_found_by_its_id(http: httpx.AsyncClient) -> None:
    paid = await one(http, BOUGHT)
    assert (await http.get(f"/v1/authorizations/{paid['id']}")).json() == paid


@pytest.mark.parametrize("name", ["1-1", "0-0", "x", "1", "-", "1-1-1", "ffffffffffffffffff-1"])
async def test_an_unknown_payment_is_not_found(http: httpx.AsyncClient, name: str) -> None:
    assert_problem(await http.get(f"/v1/authorizations/{name}"), 404, "NOT_FOUND")
    assert_problem(await http.get(f"/v1/authorizations/{name}/trace"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [HELD, TOO_MUCH, BOUGHT]),
        ({"account": "acc-1"}, [TOO_MUCH, BOUGHT]),
        ({"account": "acc-1", "rrn": BOUGHT}, [BOUGHT]),
        ({"account": "acc-2", "rrn": BOUGHT}, []),
        ({"account": "acc-9"}, []),
        ({"rrn": HELD}, [HELD]),
        ({"rrn": HELD, "terminal": "TERM0002"}, []),
        ({"terminal": "TERM0001"}, [HELD, TOO_MUCH, BOUGHT]),
    ],
)
async def test_every_filter_narrows(
    http: httpx.AsyncClient, wanted: dict[str, str], found: list[str]
) -> None:
    page = (await http.get("/v1/authorizations", params=wanted)).json()
    assert [payment["rrn"] for payment in page["data"]] == found
    assert page["has_more"] is False


@pytest.mark.parametrize("wanted", [{}, {"account": "acc-1"}])
async def test_a_cursor_walks_through_all_once(
    http: httpx.AsyncClient, wanted: dict[str, str]
) -> None:
    whole = (await http.get("/v1/authorizations", params=wanted)).json()["data"]
    walked, cursor = [], None
    while True:
        params = {**wanted, "limit": "1", **({"cursor": cursor} if cursor else {})}
        page = (await http.get("/v1/authorizations", params=params)).json()
        walked += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert walked == whole


@pytest.mark.parametrize(
    "wanted", [{"limit": "201"}, {"limit": "0"}, {"limit": "x"}, {"cursor": "x"}, {"colour": "red"}]
)
async def test_a_bad_search_is_refused(http: httpx.AsyncClient, wanted: dict[str, str]) -> None:
    answer = await http.get("/v1/authorizations", params=wanted)
    assert_problem(answer, 422, "INVALID_REQUEST")
    assert next(iter(wanted)) in answer.json()["detail"]


async def test_a_trace_ends_with_the_reason_that_was_answered(http: httpx.AsyncClient) -> None:
    declined = await one(http, TOO_MUCH)
    told = (await http.get(f"/v1/authorizations/{declined['id']}/trace")).json()
    assert (told["reason"], told["rulebook"]) == ("DAILY_CAP", BOOK.version)
    assert not told["steps"][-1]["held"]
    assert all(step["source"] and step["words"] for step in told["steps"])


async def test_without_its_rulebook_a_decision_is_shown_but_not_explained(parts: Deps) -> None:
    other = BOOK.derive(cap_scope="ACCOUNT")
    apart = Deps(parts.pool, parts.metrics, {"fr-meal": other}, parts.ready, test_clock=True)
    async with client_of(apart) as http:
        paid = await one(http, BOUGHT)
        answer = await http.get(f"/v1/authorizations/{paid['id']}/trace")
    assert_problem(answer, 409, "RULEBOOK_NOT_LOADED")


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


async def test_there_is_no_clock_to_set_without_the_test_clock(parts: Deps) -> None:
    plain = Deps(parts.pool, parts.metrics, parts.rulebooks, parts.ready)
    async with client_of(plain) as http:
        answer = await http.post("/v1/test/clock", json={"now": TUESDAY})
    assert_problem(answer, 404, "NOT_FOUND")


async def test_the_development_key_is_accepted_with_the_test_clock_only(parts: Deps) -> None:
    plain = Deps(parts.pool, parts.metrics, parts.rulebooks, parts.ready)
    dev = {"authorization": "Bearer dev"}
    async with client_of(parts) as http:
        assert (await http.get("/v1/accounts/acc-1", headers=dev)).status_code == 200
        other = await http.get("/v1/accounts/acc-1", headers={"authorization": "Bearer other"})
    assert_problem(other, 401, "UNKNOWN_KEY")
    async with client_of(plain) as http:
        assert_problem(await http.get("/v1/accounts/acc-1", headers=dev), 401, "UNKNOWN_KEY")
        assert (await http.get("/v1/accounts/acc-1")).status_code == 200


async def test_another_machine_sees_nothing_but_the_operations(parts: Deps) -> None:
    async with client_of(parts, "192.0.2.7") as http:
        assert_problem(await http.get("/v1/accounts/acc-1"), 403, "LOOPBACK_ONLY")
        assert (await http.get("/healthz")).status_code == 200


async def test_ready_means_that_payments_can_be_decided(parts: Deps) -> None:
    async with client_of(parts) as http:
        assert (await http.get("/readyz")).json() == {"status": "ready"}
    draining = Deps(parts.pool, parts.metrics, parts.rulebooks, lambda: False)
    async with client_of(draining) as http:
        assert_problem(await http.get("/readyz"), 503, "DRAINING")
        assert (await http.get("/healthz")).status_code == 200


async def test_without_its_database_it_is_alive_and_not_ready(url: str, parts: Deps) -> None:
    gone = await database.open_pool(url, size=1)
    await gone.close()
    async with client_of(Deps(gone, parts.metrics, parts.rulebooks, parts.ready)) as http:
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
    assert len(operations) == 8
    for operation in operations:
        assert operation["summary"]
        for content in operation["responses"]["200"]["content"].values():
            assert "example" in content or schemas[_named(content)]["examples"]
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            assert schemas[_named(content)]["examples"]
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"].get("examples") or parameter.get("examples")


def _named(content: dict[str, Any]) -> str:
    reference: str = content["schema"]["$ref"]
    return reference.rpartition("/")[2]
