"""The log of acts: written with the change or not at all, never changed, read page by page."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from authz.access import acts
from authz.access.acts import Act, acting
from authz.access.scopes import Scope
from authz.commands.store import as_act
from authz.gateway import Deps
from authz.storage import database
from authz.storage.database import DatabaseError
from authz.usage import UsageError
from tests.database.checkout import Checkout, checkout, checkout_template
from tests.database.decided import TUESDAY, client_of, http, parts, url
from tests.database.test_access import key_of
from tests.road.people import Setting, as_world

__all__ = ["checkout", "checkout_template", "http", "parts", "url"]

Told = list[tuple[str, str, str, str]]
WORLD = as_world((1, Setting()))
EMPLOYER = WORLD["employers"][0]


async def log_of(pool: asyncpg.Pool) -> Told:
    """Who, action, object, outcome, oldest first."""
    rows = await pool.fetch("select who, action, object, outcome from acts order by act_id")
    return [tuple(row) for row in rows]


async def test_a_record_that_is_put_is_noted_with_its_key_and_object(checkout: Checkout) -> None:
    key, headers = await key_of(checkout.deps.pool, Scope.OPS)
    path = f"/v1/employers/{EMPLOYER['id']}"
    changed = EMPLOYER | {"name": "Another name"}
    assert (await checkout.http.put(path, json=changed, headers=headers)).status_code == 200
    who, action, about = key.key_id, "PUT /employers/{employer_id}", EMPLOYER["id"]
    assert await log_of(checkout.deps.pool) == [(who, action, about, "DONE")]


async def test_what_is_refused_is_noted_with_its_code(checkout: Checkout) -> None:
    pool = checkout.deps.pool
    assert (await checkout.http.post("/v1/cards/none/block", json={})).status_code == 404
    assert (await checkout.http.post("/v1/cards/card-1/block", json=[])).status_code == 422
    assert (await checkout.http.put("/v1/cards/card-1", json={"pan": 1})).status_code == 422
    assert await log_of(pool) == [
        ("dev", "POST /cards/{card_id}/block", "none", "NOT_FOUND"),
        ("dev", "POST /cards/{card_id}/block", "card-1", "INVALID_REQUEST"),
        ("dev", "PUT /cards/{card_id}", "card-1", "INVALID_REQUEST"),
    ]


async def test_a_refusal_of_what_stands_behind_http_is_noted_with_its_code(
    checkout: Checkout,
) -> None:
    account = WORLD["accounts"][0]
    put, gift = "PUT /accounts/{account_id}", "POST /accounts/{account_id}/gifts"
    given = await checkout.post(f"/accounts/{account['id']}/gifts", {"charity": "c", "amount": 1})
    assert (given.status_code, given.json()["code"]) == (409, "UNKNOWN_CHARITY")
    moved = account | {"person": "per-other"}
    kept = await checkout.http.put(f"/v1/accounts/{account['id']}", json=moved)
    assert (kept.status_code, kept.json()["code"]) == (409, "PERSON_IS_FIXED")
    assert await log_of(checkout.deps.pool) == [
        ("dev", gift, account["id"], "UNKNOWN_CHARITY"),
        ("dev", put, account["id"], "PERSON_IS_FIXED"),
    ]


async def test_a_name_that_nobody_has_is_noted_as_not_found(checkout: Checkout) -> None:
    """Before the SQL transaction (a programme) and within it (an account)."""
    told = [
        await checkout.post("/employers/none/exchange", {"vintage": 2025, "programme": "none"}),
        await checkout.post("/accounts/none/close", {"why": "left"}),
    ]
    assert [answer.status_code for answer in told] == [404, 404]
    assert await log_of(checkout.deps.pool) == [
        ("dev", "POST /employers/{employer_id}/exchange", "none", "NOT_FOUND"),
        ("dev", "POST /accounts/{account_id}/close", "none", "NOT_FOUND"),
    ]


async def test_what_the_database_cannot_keep_is_noted_as_a_bad_request(checkout: Checkout) -> None:
    told = [
        await checkout.http.put("/v1/charities/c", json={"name": "a\0b"}),
        await checkout.http.post("/v1/cards/a%00b/block", json={}),
    ]
    assert [answer.status_code for answer in told] == [422, 422]
    assert await log_of(checkout.deps.pool) == [
        ("dev", "PUT /charities/{charity_id}", "c", "INVALID_REQUEST"),
        ("dev", "POST /cards/{card_id}/block", "ab", "INVALID_REQUEST"),
    ]


async def test_a_body_without_an_end_is_noted_where_it_was_read(checkout: Checkout) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    answer = await checkout.http.put("/v1/issuer", content=endless())
    assert answer.status_code == 413
    assert await log_of(checkout.deps.pool) == [("dev", "PUT /issuer", "", "BODY_TOO_LARGE")]


async def test_what_nobody_knows_the_end_of_is_not_noted(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is lost on the way, and a fault of ours."""
    name = await checkout.deps.pool.fetchval("select name from directory where kind = 'card'")
    for lost, status in ((OSError(), 503), (asyncpg.UndefinedTableError(), 500)):

        async def fail(*_: object, lost: Exception = lost) -> None:
            raise lost

        monkeypatch.setattr("authz.gateway.cards.change", fail)
        answer = await checkout.http.post(f"/v1/cards/{name}/block", json={})
        assert answer.status_code == status
    assert await log_of(checkout.deps.pool) == []


async def test_a_step_of_a_card_is_noted_in_its_own_sql_transaction(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = checkout.deps.pool
    name = await pool.fetchval("select name from directory where kind = 'card' order by name")
    block = f"/v1/cards/{name}/block"
    assert (await checkout.http.post(block, json={})).status_code == 200
    [(at_act,)] = await pool.fetch("select xmin::text from acts")
    [(at_event,)] = await pool.fetch("select xmin::text from credential_events")
    assert at_act == at_event
    monkeypatch.setattr(acts, "ADD", acts.ADD.replace("$4", "$4 || 'x'"))
    unblock = await checkout.http.post(f"/v1/cards/{name}/unblock", json={})
    assert unblock.status_code == 500
    assert await pool.fetchval("select count(*) from credential_events") == 1


async def test_payments_and_looks_and_who_is_not_let_in_are_no_acts(checkout: Checkout) -> None:
    _, auditor = await key_of(checkout.deps.pool, Scope.AUDITOR)
    await checkout.paid(500)
    await checkout.account()
    for headers in ({"authorization": "Bearer x"}, auditor):
        answer = await checkout.http.post("/v1/cards/card-1/block", json={}, headers=headers)
        assert answer.status_code in (401, 403)
    assert await log_of(checkout.deps.pool) == []


async def test_a_kept_answer_is_noted_as_such(checkout: Checkout) -> None:
    account = WORLD["accounts"][0]["id"]
    for _ in range(2):
        body: dict[str, Any] = {"why": "left"}
        answer = await checkout.post(f"/accounts/{account}/close", body, key="k")
        assert answer.status_code == 200, answer.text
    action = "POST /accounts/{account_id}/close"
    assert await log_of(checkout.deps.pool) == [
        ("dev", action, account, "DONE"),
        ("dev", action, account, "REPLAYED"),
    ]


async def test_a_wrong_code_is_one_act_though_it_is_committed_to_count(checkout: Checkout) -> None:
    card = WORLD["cards"][0]["id"]
    wish = {"card": card, "wallet": "APPLE_PAY", "device": "phone", "attested": True}
    token = (await checkout.http.post("/v1/tokens", json=wish)).json()["id"]
    right = (await checkout.http.get(f"/v1/test/codes/{token}")).json()["code"]
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for code in (wrong, right):
        await checkout.http.post(f"/v1/tokens/{token}/activate", json={"code": code})
    action = "POST /tokens/{token_id}/activate"
    assert await log_of(checkout.deps.pool) == [
        ("dev", "POST /tokens", card, "DONE"),
        ("dev", action, token, "WRONG_CODE"),
        ("dev", action, token, "DONE"),
    ]


async def test_no_card_number_is_written_down(checkout: Checkout) -> None:
    for number in ("9999670000000012", "99996700%0000000012"):
        await checkout.http.post(f"/v1/cards/{number}/block", json={})
    assert await log_of(checkout.deps.pool) == [
        ("dev", "POST /cards/{card_id}/block", "****", "NOT_FOUND"),
        ("dev", "POST /cards/{card_id}/block", "****", "INVALID_REQUEST"),
    ]


async def test_the_log_is_read_page_by_page_by_auditors(parts: Deps) -> None:
    _, headers = await key_of(parts.pool, Scope.AUDITOR)
    for number in range(5):
        async with parts.pool.acquire() as sql:
            with acting(Act(f"who-{number % 2}", acts.CLI, "test", str(number))):
                await acts.note(sql)
                await acts.note(sql)  # once is enough
    async with client_of(parts, headers=headers) as client:
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            query = {"limit": "2", "who": "who-0", **cursor}
            page = (await client.get("/v1/acts", params=query)).json()
            seen += [act["object"] for act in page["data"]]
            cursor = {"cursor": page["next_cursor"]}
            if not page["has_more"]:
                break
    assert seen == ["4", "2", "0"]


async def test_a_key_is_named_with_or_without_its_prefix(parts: Deps) -> None:
    async with parts.pool.acquire() as sql:
        with acting(Act("3f2a9c0b12de", acts.HTTP, "test")):
            await acts.note(sql)
        for who in ("3f2a9c0b12de", "mk_3f2a9c0b12de"):
            assert [row.who for row in await acts.page(sql, 9, None, who)] == ["3f2a9c0b12de"], who
        assert await acts.page(sql, 9, None, "mk_user") == []


@pytest.mark.parametrize(
    "change", ["update acts set who = 'x'", "delete from acts", "truncate acts"]
)
async def test_the_engine_can_only_add_to_it(parts: Deps, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await parts.pool.execute(change)


async def test_setting_the_clock_is_an_act(parts: Deps, http: httpx.AsyncClient) -> None:
    before = await log_of(parts.pool)
    await http.post("/v1/test/clock", json={"now": TUESDAY})
    told = (await log_of(parts.pool))[len(before) :]
    assert told == [("dev", "POST /test/clock", "2026-11-24T11:30:00+00:00", "DONE")]


async def refuses(error: UsageError) -> None:
    raise error


async def test_a_command_that_the_database_refuses_is_noted_too(calendar_url: str) -> None:
    with pytest.raises(DatabaseError, match="no room left"):
        await as_act(calendar_url, "world load", "w.json", refuses(DatabaseError("no room left")))
    async with await database.open_pool(calendar_url, size=1) as pool:
        user = acts.system_user()
        assert await log_of(pool) == [(user, "world load", "w.json", acts.REFUSED)]


async def test_where_nothing_can_be_noted_the_refusal_itself_is_told() -> None:
    gone = "postgresql://127.0.0.1:1/nowhere"
    with pytest.raises(UsageError, match="no such load"):
        await as_act(gone, "loads pay", "x", refuses(UsageError("no such load")))
