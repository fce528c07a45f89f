"""The books over HTTP: what an auditor reads is what the books hold."""

from typing import Any

import httpx
import pytest

from authz.gateway import Deps
from authz.settlement.rollup import roll_up
from tests.database.decided import assert_problem, http, parts, url
from tests.database.worlds import BOOK

__all__ = ["http", "parts", "url"]


async def get(http: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await http.get(f"/v1/ledger/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_trial_balance_says_what_is_behind_and_then_balances(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    there = await parts.pool.fetchval("select count(*) from transfers")
    before = await get(http, "trial-balance")
    assert before["balanced"] and before["behind"] in (0, there)
    await roll_up(parts.pool, BOOK)
    told = await get(http, "trial-balance")
    assert (told["behind"], told["balanced"]) == (0, True)
    lines = {line["name"]: line for line in told["lines"]}
    # Bought 12.50, 8.00 of 10.00 captured, 3.00 of it given back; 7.00 are held.
    payable = lines["MERCHANT_PAYABLE"]
    assert (payable["credits_posted"], payable["debits_posted"]) == (2050, 300)
    assert payable["credits_pending"] == lines["HOLDER_LOT"]["debits_pending"] == 700
    assert {line["name"]: line["account"] for line in told["lines"]} == {
        "HOLDER_LOT": None, "MERCHANT_PAYABLE": None, "TRUST_CASH": 100, "EMPLOYER_PREPAID": 200,
    }  # fmt: skip
    assert told["totals"]["debits_posted"] == sum(line["credits_posted"] for line in told["lines"])
    assert (await get(http, "trial-balance", until="2026-11-23"))["totals"]["debits_pending"] == 0


async def test_a_merchants_account_is_told_by_day(parts: Deps, http: httpx.AsyncClient) -> None:
    await roll_up(parts.pool, BOOK)
    number = await parts.pool.fetchval("select merchant_no from merchants")
    told = await get(http, f"accounts/{-number}")
    assert (told["kind"], told["holder"]) == ("MERCHANT_PAYABLE", None)
    assert [day["day"] for day in told["days"]] == ["2026-11-24"]
    assert told["totals"]["credits_posted"] == 2050


async def test_a_lot_shows_what_it_has(parts: Deps, http: httpx.AsyncClient) -> None:
    movements = await get(http, "transfers")
    held = next(each for each in movements["data"] if each["amount"] == 700)
    told = await get(http, f"accounts/{held['debit_account']}")
    assert (told["kind"], told["holder"], told["lot"]) == ("HOLDER_LOT", held["holder"], 1)
    assert (told["available"], told["held"], told["totals"]) == (4300, 700, None)


async def test_a_house_account_is_found_by_its_name(parts: Deps, http: httpx.AsyncClient) -> None:
    await roll_up(parts.pool, BOOK)
    named = await get(http, "accounts/TRUST_CASH")
    assert (named["id"], named["kind"]) == (100, "TRUST_CASH") and named["days"]
    assert named == await get(http, "accounts/100")


@pytest.mark.parametrize("unknown", ["7", "4096", "8190", "9" * 19, "9" * 20, "CASH", "1_0", "+7"])
async def test_no_account_of_the_chart_is_not_found(http: httpx.AsyncClient, unknown: str) -> None:
    answer = await http.get(f"/v1/ledger/accounts/{unknown}")
    assert_problem(answer, 404, "NOT_FOUND")


async def test_movements_come_page_by_page_each_once(parts: Deps, http: httpx.AsyncClient) -> None:
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await get(http, "transfers", **query)
        found += [(each["holder"], each["seq"]) for each in page["data"]]
        assert page["has_more"] is (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
    rows = await parts.pool.fetch("select holder_id, seq from transfers order by 1, 2")
    assert found == [tuple(row) for row in rows]


async def test_filters_narrow(parts: Deps, http: httpx.AsyncClient) -> None:
    (first, *_) = (await get(http, "transfers"))["data"]
    of_holder = (await get(http, "transfers", holder=first["holder"]))["data"]
    assert {each["holder"] for each in of_holder} == {first["holder"]}
    paid = next(each for each in of_holder if each["authorization"])
    of_payment = (await get(http, "transfers", authorization=paid["authorization"]))["data"]
    assert paid in of_payment
    assert {each["authorization"] for each in of_payment} == {paid["authorization"]}
    account = paid["credit_account"]
    of_account = (await get(http, "transfers", account=account))["data"]
    assert all(account in (each["debit_account"], each["credit_account"]) for each in of_account)
    assert len(of_account) > 1


async def test_what_the_books_name_leads_to_the_payment_and_its_reasons(
    http: httpx.AsyncClient,
) -> None:
    named = {each["authorization"] for each in (await get(http, "transfers"))["data"]} - {None}
    found = [await http.get(f"/v1/authorizations/{name}") for name in named]
    assert {answer.status_code for answer in found} == {200}
    assert len({answer.json()["id"] for answer in found}) < len(named), "captures have a number too"
    traces = [await http.get(f"/v1/authorizations/{name}/trace") for name in named]
    assert {answer.status_code for answer in traces} == {200}
    assert {t.json()["id"] for t in traces} == {answer.json()["id"] for answer in found}


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"cursor": "1-"}, {"authorization": "zz"}, {"limit": 201}]
)
async def test_what_is_no_cursor_or_id_is_refused(
    http: httpx.AsyncClient, query: dict[str, Any]
) -> None:
    answer = await http.get("/v1/ledger/transfers", params=query)
    assert_problem(answer, 422, "INVALID_REQUEST")
