"""Orders, exchanges, gifts and leavings over HTTP: statuses, codes, keys, and what they moved."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from authz.gateway import Deps
from authz.metrics import Metrics
from authz.vintages import plan
from rules.rulebook import Rulebook
from tests.database.decided import assert_problem, client_of
from tests.database.town import Town, town
from tests.road.people import Setting
from tests.rules.builders import BOOK

LINE = {
    "account": "acc-1", "count": 8, "face_value": 1250, "employer_share": 700, "period": "2026-11",
}  # fmt: skip
ORDER = {"employer": "emp-1", "lines": [LINE]}


@asynccontextmanager
async def open_office(
    url: str, tmp_path: Path, setting: Setting, book: Rulebook = BOOK
) -> AsyncIterator[tuple[Town, httpx.AsyncClient]]:
    async with town(url, tmp_path, {1: setting}, book) as t:
        deps = Deps(t.pool, t.pool, Metrics(), t.books, lambda: True, test_clock=True)
        async with client_of(deps) as http:
            yield t, http


async def post(http: httpx.AsyncClient, path: str, body: Any, key: str = "k1") -> httpx.Response:
    return await http.post(f"/v1/{path}", json=body, headers={"idempotency-key": key})


async def test_an_order_is_placed_paid_and_read(calendar_url: str, tmp_path: Path) -> None:
    async with open_office(calendar_url, tmp_path, Setting(lots={})) as (_, http):
        placed = await post(http, "loads", ORDER)
        assert placed.status_code == 201
        load = placed.json()
        assert (load["state"], load["total"], load["rejected"]) == ("PENDING", 10_000, [])
        body = {"reference": load["reference"], "amount": 10_000}
        paid = await post(http, f"loads/{load['id']}/payment", body)
        assert (paid.status_code, paid.json()["state"]) == (200, "LOADED")
        assert (await http.get(f"/v1/loads/{load['id']}")).json() == paid.json()
        assert (await http.get("/v1/accounts/acc-1")).json()["balance"] == 10_000


async def test_the_same_key_is_one_operation(calendar_url: str, tmp_path: Path) -> None:
    async with open_office(calendar_url, tmp_path, Setting(lots={})) as (t, http):
        first = await post(http, "loads", ORDER)
        again = await post(http, "loads", ORDER)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        other = await post(http, "loads", ORDER | {"order_ref": "other"})
        assert_problem(other, 422, "KEY_REUSED")
        assert (await post(http, "loads", ORDER, "k2")).json()["id"] != first.json()["id"]
        assert await t.pool.fetchval("select count(*) from loads") == 2


async def test_a_write_without_a_key_is_refused(calendar_url: str, tmp_path: Path) -> None:
    async with open_office(calendar_url, tmp_path, Setting(lots={})) as (_, http):
        answer = await http.post("/v1/loads", json=ORDER)
        assert_problem(answer, 400, "IDEMPOTENCY_KEY_MISSING")


async def test_every_bad_line_is_named(calendar_url: str, tmp_path: Path) -> None:
    lines = [LINE, LINE | {"account": "acc-9"}, LINE | {"count": 0}]
    async with open_office(calendar_url, tmp_path, Setting(lots={})) as (_, http):
        refused = await post(http, "loads", ORDER | {"lines": lines})
        assert_problem(refused, 422, "BAD_LINES")
        errors = [
            {"line": 2, "place": "account", "message": "there is no such account"},
            {"line": 3, "place": "count", "message": "no title at all"},
        ]
        assert refused.json()["errors"] == errors
        placed = await post(http, "loads", ORDER | {"lines": lines, "only_good": True})
        assert (placed.status_code, placed.json()["rejected"]) == (201, errors)


async def test_a_payment_that_does_not_fit_is_a_conflict(calendar_url: str, tmp_path: Path) -> None:
    async with open_office(calendar_url, tmp_path, Setting(lots={})) as (_, http):
        load = (await post(http, "loads", ORDER)).json()
        path = f"loads/{load['id']}/payment"
        short = await post(http, path, {"reference": load["reference"], "amount": 9_999})
        assert_problem(short, 409, "AMOUNT_DIFFERS")
        unknown = await post(http, "loads/load-99/payment", {"reference": "x", "amount": 1})
        assert_problem(unknown, 404, "NOT_FOUND")
        bounced = await post(http, f"loads/{load['id']}/bounce", {"why": "AM04"})
        assert_problem(bounced, 409, "NOT_PAID")
        nobody = await post(http, "loads", ORDER | {"employer": "emp-9"}, "k2")
        assert_problem(nobody, 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["nope", "load-", "load-0", "load-01", "load-" + "9" * 19, "1"])
async def test_a_load_that_is_not_there_is_not_found_whatever_its_name(
    calendar_url: str, tmp_path: Path, name: str
) -> None:
    async with open_office(calendar_url, tmp_path, Setting(lots={})) as (_, http):
        assert (await post(http, "loads", ORDER)).json()["id"] == "load-1"
        assert_problem(await http.get(f"/v1/loads/{name}"), 404, "NOT_FOUND")
        paid = await post(http, f"loads/{name}/payment", {"reference": "x", "amount": 1})
        assert_problem(paid, 404, "NOT_FOUND")
        bounced = await post(http, f"loads/{name}/bounce", {"why": "AM04"})
        assert_problem(bounced, 404, "NOT_FOUND")


async def test_the_exchange_is_asked_for_and_ordered(calendar_url: str, tmp_path: Path) -> None:
    on_request = BOOK.derive(exchange_mode="ON_REQUEST")
    setting = Setting(lots={2026: 4230})
    async with open_office(calendar_url, tmp_path, setting, on_request) as (t, http):
        early = await post(http, "accounts/acc-1/exchange", {"vintage": 2026})
        assert_problem(early, 409, "NOT_ON_REQUEST")
        await t.at("2027-03-12T12:00:00+01:00")
        asked = await post(http, "accounts/acc-1/exchange", {"vintage": 2026, "amount": 4000})
        assert asked.json() == {"day": "2027-03-12", "exchanged": 0}
        ordered = await post(http, "employers/emp-1/exchange", {"vintage": 2026})
        assert ordered.json() == {"day": "2027-03-12", "exchanged": 4000}
        await t.at("2027-04-01T12:00:00+02:00")
        late = await post(http, "employers/emp-1/exchange", {"vintage": 2026}, "k2")
        assert_problem(late, 409, "TOO_LATE")
        await t.run("exchange-vintages")
        (share,) = (await http.get("/v1/vintages/2026/shares")).json()["data"]
        assert (share["employer"], share["lost"]) == ("emp-1", 230)


@pytest.mark.parametrize("path", ["exchange", "gifts"])
async def test_an_amount_beyond_all_money_is_no_amount(
    calendar_url: str, tmp_path: Path, path: str
) -> None:
    on_request = BOOK.derive(exchange_mode="ON_REQUEST")
    async with open_office(calendar_url, tmp_path, Setting(), on_request) as (t, http):
        await t.at("2027-03-12T12:00:00+01:00")
        of = {"vintage": 2026} if path == "exchange" else {"charity": "restos"}
        asked = await post(http, f"accounts/acc-1/{path}", of | {"amount": 2**63})
        assert_problem(asked, 422, "INVALID_REQUEST")


async def test_who_has_no_room_for_another_lot_is_told_and_stops_nobody(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_request = BOOK.derive(exchange_mode="ON_REQUEST")
    setting = Setting(lots={2026: 4230})
    async with open_office(calendar_url, tmp_path, setting, on_request) as (t, http):
        await t.at("2027-03-12T12:00:00+01:00")
        assert (await post(http, "accounts/acc-1/exchange", {"vintage": 2026})).status_code == 200
        with monkeypatch.context() as full:
            full.setattr(plan, "LOT_NO_MAX", 1)
            ordered = await post(http, "employers/emp-1/exchange", {"vintage": 2026})
            assert ordered.json() == {"day": "2027-03-12", "exchanged": 0}
            asked = await post(http, "accounts/acc-1/exchange", {"vintage": 2026}, "k2")
            assert_problem(asked, 409, "NO_ROOM")
        assert (await t.run("exchange-vintages"))["requested"] == 4230


async def test_gifts_and_leaving(calendar_url: str, tmp_path: Path) -> None:
    async with open_office(calendar_url, tmp_path, Setting()) as (_, http):
        gift = {"charity": "restos", "amount": 500}
        assert_problem(await post(http, "accounts/acc-1/gifts", gift), 409, "UNKNOWN_CHARITY")
        await http.put("/v1/charities/restos", json={"name": "Restos du Cœur"})
        given = await post(http, "accounts/acc-1/gifts", gift)
        assert (given.status_code, given.json()["balance"]) == (201, 9500)
        again = await post(http, "accounts/acc-1/gifts", gift)
        assert again.headers["idempotent-replayed"] == "true"
        closed = await post(http, "accounts/acc-1/close", {"why": "left"})
        assert closed.json() == {"returned": 9500, "held": 0}
        assert (await http.get("/v1/accounts/acc-1")).json()["status"] == "CLOSED"
        assert_problem(await post(http, "accounts/acc-9/close", {"why": "left"}), 404, "NOT_FOUND")
