"""What HTTP tells of accounts and payments is what the engine decided and the books hold."""

from dataclasses import replace
from typing import cast

import asyncpg
import httpx
import pytest

from authz.gateway import Deps
from authz.gateway.payment_out import shown
from authz.holders.balances import account_view, find_account
from authz.ids import parse_public_id
from authz.payments.history import PaymentName, find_all
from tests.database.decided import (
    BOUGHT,
    HELD,
    LIVED,
    SUNDAY,
    TOO_MUCH,
    account,
    assert_problem,
    client_of,
    http,
    one,
    parts,
    set_clock,
    url,
)
from tests.database.worlds import BOOK

__all__ = ["http", "parts", "url"]


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
                "exchange_until": None,
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
        found = await find_account(sql, "acc-1")
        await pruned.rollback()
    assert found is not None
    assert account_view(found, BOOK).standing.used_minor == 1_250


async def test_payments_that_are_read_together_are_each_as_they_stood(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    lived, bought = await one(http, LIVED), await one(http, BOUGHT)
    holder, number = parse_public_id(lived["id"]) or (0, 0)
    alone = await parts.payments.find(PaymentName(holder, number))
    assert alone is not None
    names = [PaymentName(holder, number, step.number) for step in alone.steps]
    names += [PaymentName(*(parse_public_id(bought["id"]) or (0, 0))), PaymentName(holder, 1)]
    async with parts.pool.acquire() as sql:
        found = await find_all(sql, names, [BOOK])
    held, captured, refunded = (found[name] for name in names[:3])
    assert [len(each.steps) for each in (held, captured, refunded)] == [1, 2, 3]
    assert [len(each.movements) for each in (held, captured)] == [1, 2]
    assert refunded == alone
    assert [each.vouchers[0][1] for each in (held, captured, refunded)] == [1_000, 800, 500]
    assert shown(found[names[3]]).model_dump(mode="json") == bought
    assert names[4] not in found


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


async def test_a_payment_tells_all_that_was_about_it(http: httpx.AsyncClient) -> None:
    lived = await one(http, LIVED)
    assert lived["state"] == "PARTIALLY_REFUNDED"
    assert lived["totals"] == {
        "authorized": 1_000,
        "reversed": 0,
        "captured": 800,
        "refunded": 300,
    }
    assert lived["vouchers"] == [{"vintage": 2026, "amount": 500}]
    assert [(event["type"], event["amount"]) for event in lived["events"]] == [
        ("AUTHORIZED", 1_000),
        ("CAPTURED", 800),
        ("REFUNDED", 300),
    ]
    lot = (await account(http, "acc-3"))["lots"][0]
    assert (lot["available"], lot["held"]) == (4_500, 0)


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
        ({}, [LIVED, HELD, TOO_MUCH, BOUGHT]),
        ({"account": "acc-1"}, [TOO_MUCH, BOUGHT]),
        ({"account": "acc-1", "rrn": BOUGHT}, [BOUGHT]),
        ({"account": "acc-2", "rrn": BOUGHT}, []),
        ({"account": "acc-9"}, []),
        ({"rrn": HELD}, [HELD]),
        ({"rrn": HELD, "terminal": "TERM0002"}, []),
        ({"terminal": "TERM0001"}, [LIVED, HELD, TOO_MUCH, BOUGHT]),
        ({"terminal": "TERM0001  "}, [LIVED, HELD, TOO_MUCH, BOUGHT]),
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
    apart = Deps(
        parts.pool, parts.pool, parts.metrics, {"fr-meal": other}, parts.ready, test_clock=True
    )
    async with client_of(apart) as http:
        paid = await one(http, BOUGHT)
        answer = await http.get(f"/v1/authorizations/{paid['id']}/trace")
    assert_problem(answer, 409, "RULEBOOK_NOT_LOADED")


class Tired:
    """A pool whose statements all take too long."""

    def acquire(self) -> object:
        raise asyncpg.QueryCanceledError


async def test_lists_that_take_too_long_keep_no_payment_waiting(
    parts: Deps, http: httpx.AsyncClient
) -> None:
    paid = await one(http, BOUGHT)
    tired = replace(parts, pool=cast(asyncpg.Pool, Tired()), prompt_pool=parts.pool)
    async with client_of(tired) as http:
        answer = await http.get("/v1/authorizations")
        assert_problem(answer, 503, "ISSUER_DOWN")
        assert "ask for less" in answer.json()["detail"]
        assert (await http.get(f"/v1/authorizations/{paid['id']}")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
