"""Who is let in over HTTP: every operation by every scope, every refusal with its code."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import httpx
import pytest

from authz.access.api_keys import ApiKey
from authz.access.key_store import (
    KeyRefused,
    Wanted,
    all_keys,
    create_key,
    revoke_keys,
    rotate_key,
)
from authz.access.rates import Buckets, Rate
from authz.access.scopes import Scope
from authz.gateway import Deps, Limiter
from authz.metrics import Metrics
from tests.database.decided import SUNDAY, TUESDAY, assert_problem, client_of, parts, set_clock, url

__all__ = ["parts", "url"]

# Gateway, Holder, Employer, Ops, Auditor: who may do what.
WHO_MAY: Final = """
    POST   /authorizations                            G....
    POST   /authorizations/{authorization_id}/capture G....
    POST   /authorizations/{authorization_id}/cancel  G....
    POST   /authorizations/{authorization_id}/refund  G....
    GET    /authorizations                            GH.OA
    GET    /authorizations/{authorization_id}         GH.OA
    GET    /authorizations/{authorization_id}/trace   .H.OA
    GET    /accounts/{account_id}                     .H.OA
    PUT    /accounts/{account_id}                     ...O.
    GET    /accounts/{account_id}/record              ...OA
    GET    /accounts/{account_id}/statement           .H.OA
    POST   /accounts/{account_id}/bank-card           .H...
    DELETE /accounts/{account_id}/bank-card           .H.O.
    GET    /accounts/{account_id}/contact            .H.O.
    PUT    /accounts/{account_id}/contact            .H.O.
    DELETE /accounts/{account_id}/contact            .H.O.
    POST   /accounts/{account_id}/exchange            .H.O.
    POST   /accounts/{account_id}/gifts               .H...
    POST   /accounts/{account_id}/paper               .HEO.
    POST   /accounts/{account_id}/close               ..EO.
    PUT    /issuer                                    ...O.
    GET    /issuer                                    ...OA
    PUT    /employers/{employer_id}                   ...O.
    GET    /employers                                 ...OA
    GET    /employers/{employer_id}                   ...OA
    POST   /employers/{employer_id}/exchange          ..EO.
    PUT    /merchants/{acquirer}/{mid}                ...O.
    GET    /merchants                                 ...OA
    GET    /merchants/{acquirer}/{mid}                ...OA
    PUT    /charities/{charity_id}                    ...O.
    PUT    /cards/{card_id}                           ...O.
    GET    /cards/{card_id}/record                    ...OA
    GET    /cards/{card_id}                           .H.OA
    POST   /cards/{card_id}/activate                  .H.O.
    POST   /cards/{card_id}/block                     .H.O.
    POST   /cards/{card_id}/unblock                   .H.O.
    POST   /cards/{card_id}/oppose                    .H.O.
    POST   /cards/{card_id}/replace                   ...O.
    POST   /cards/{card_id}/pin                       .H.O.
    POST   /tokens                                    G....
    GET    /tokens/{token_id}                         GHO.A
    POST   /tokens/{token_id}/activate                GH...
    POST   /tokens/{token_id}/resend-code             GH.O.
    POST   /tokens/{token_id}/suspend                 GH.O.
    POST   /tokens/{token_id}/resume                  GH.O.
    POST   /tokens/{token_id}/attestation             G..O.
    DELETE /tokens/{token_id}                         GH.O.
    POST   /loads                                     ..EO.
    GET    /loads/{load_id}                           ..EOA
    POST   /loads/{load_id}/payment                   ...O.
    POST   /loads/{load_id}/bounce                    ...O.
    GET    /vintages/{vintage}/shares                 ..EOA
    GET    /ledger/trial-balance                      ...OA
    GET    /ledger/accounts/{account_id}              ...OA
    GET    /ledger/transfers                          ...OA
    GET    /acts                                      ....A
    POST   /test/clock                                ...O.
    GET    /test/codes/{token_id}                     ...O.
"""
ROWS: Final = [tuple(line.split()) for line in WHO_MAY.strip().splitlines()]
LETTERS: Final = dict(zip("GHEOA", Scope, strict=True))
FILLED: Final = {"{authorization_id}": "1-1", "{load_id}": "load-1", "{vintage}": "2026",
                 "{acquirer}": "12345"}  # fmt: skip
TABLES: Final = "select table_name from information_schema.tables where table_schema = 'public'"


def path_of(template: str) -> str:
    for name, value in FILLED.items():
        template = template.replace(name, value)
    return "/v1" + re.sub(r"\{\w+\}", "none-1", template)


async def everything(pool: asyncpg.Pool) -> dict[str, str]:
    """A digest of every table there is, but the log of who tried what."""
    digest = "select md5(coalesce(string_agg(t::text, '' order by t::text), '')) from {} t"
    return {
        table: await pool.fetchval(digest.format(table))
        for (table,) in await pool.fetch(TABLES)
        if table != "acts"
    }


async def key_of(pool: asyncpg.Pool, *scopes: Scope, **more: Any) -> tuple[ApiKey, dict[str, str]]:
    """A new key, and the headers that show it."""
    async with pool.acquire() as sql, sql.transaction():
        key, text = await create_key(sql, Wanted(more.pop("name", None), frozenset(scopes), **more))
    return key, {"authorization": f"Bearer {text}"}


@pytest.fixture
async def bare(parts: Deps) -> AsyncIterator[httpx.AsyncClient]:
    """A client without any key."""
    async with client_of(parts, headers={}) as client:
        yield client


async def test_the_table_names_every_operation_and_so_does_the_document(
    bare: httpx.AsyncClient,
) -> None:
    document = (await bare.get("/openapi.json")).json()
    [scheme] = document["components"]["securitySchemes"]
    described = {
        (method.upper(), path.removeprefix("/v1")): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/v1")
    }
    assert described.keys() == {(method, path) for method, path, _ in ROWS}
    for method, path, letters in ROWS:
        operation = described[method, path]
        wanted = [{scheme: [LETTERS[x].value]} for x in letters if x != "."]
        assert operation["security"] == wanted, (method, path)
        assert {"401", "403", "429"} <= operation["responses"].keys(), (method, path)
    for path in ("/healthz", "/readyz"):
        assert "security" not in document["paths"][path]["get"]


@pytest.mark.parametrize("scope", list(Scope), ids=lambda scope: scope.value)
async def test_a_key_opens_the_operations_of_its_scope_and_no_other(
    parts: Deps, bare: httpx.AsyncClient, scope: Scope
) -> None:
    _, headers = await key_of(parts.pool, scope)
    letter = next(x for x, of in LETTERS.items() if of is scope)
    before = await everything(parts.pool)
    for method, path, letters in ROWS:
        answer = await bare.request(method, path_of(path), headers=headers, json={})
        if letter in letters:
            assert answer.status_code not in (401, 403), (method, path, answer.text)
            continue
        assert_problem(answer, 403, "SCOPE_MISSING")
        challenge = answer.headers["www-authenticate"]
        wanted = " ".join(LETTERS[x].value for x in letters if x != ".")
        assert f'error="insufficient_scope", scope="{wanted}"' in challenge
    assert await everything(parts.pool) == before


async def test_scopes_add_up(parts: Deps, bare: httpx.AsyncClient) -> None:
    _, both = await key_of(parts.pool, Scope.GATEWAY, Scope.AUDITOR)
    for path, status in (("/v1/ledger/trial-balance", 200), ("/v1/cards/card-1", 200)):
        assert (await bare.get(path, headers=both)).status_code == status
    assert_problem(await bare.post("/v1/loads", headers=both, json={}), 403, "SCOPE_MISSING")


def wrong(text: str) -> str:
    """The same key with another secret."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


KNOWN: Final = "mk_" + "0" * 12 + "_" + "0" * 64
SHOWN: Final = [
    None, "", "Bearer", "Bearer ", "Bearer devil", "Basic dev", "Bearer mk_", "dev", KNOWN,
    f"Bearer {KNOWN}", f"Bearer {KNOWN}0", f"Bearer {KNOWN[:-1]}é", "Bearer dev dev",
]  # fmt: skip


@pytest.mark.parametrize("shown", SHOWN)
async def test_without_a_good_key_nothing_opens_and_nothing_happens(
    parts: Deps, bare: httpx.AsyncClient, shown: str | None
) -> None:
    before = await everything(parts.pool)
    headers = {} if shown is None else {b"authorization": shown.encode("latin-1")}
    for method, path, _ in ROWS:
        answer = await bare.request(method, path_of(path), headers=headers, json={})
        assert_problem(answer, 401, "KEY_MISSING" if shown is None else "UNKNOWN_KEY")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="millesime"')
        assert "0000" not in answer.text
    assert await everything(parts.pool) == before


async def test_the_id_of_a_key_is_not_the_key(parts: Deps, bare: httpx.AsyncClient) -> None:
    key, headers = await key_of(parts.pool, Scope.OPS)
    for text in (wrong(headers["authorization"]), f"Bearer {key.shown}", f"Bearer {key.key_id}"):
        answer = await bare.get("/v1/accounts/acc-1", headers={"authorization": text})
        assert_problem(answer, 401, "UNKNOWN_KEY")
    assert (await bare.get("/v1/accounts/acc-1", headers=headers)).status_code == 200


async def test_the_secret_is_nowhere(parts: Deps, bare: httpx.AsyncClient) -> None:
    key, headers = await key_of(parts.pool, Scope.OPS)
    secret = headers["authorization"].rpartition("_")[2]
    rows = await parts.pool.fetch("select k::text as words from api_keys k")
    assert all(secret not in row["words"] for row in rows)
    assert secret not in repr(key)


async def test_a_key_ends_by_the_clock_of_everything_dated(
    parts: Deps, bare: httpx.AsyncClient
) -> None:
    ends = datetime.fromisoformat(TUESDAY).astimezone(UTC) + timedelta(hours=1)
    _, headers = await key_of(parts.pool, Scope.OPS, ends=ends)
    answers = []
    for now in (ends - timedelta(microseconds=1), ends, ends + timedelta(days=400)):
        await set_clock(parts.pool, now.isoformat())
        answers.append(await bare.get("/v1/accounts/acc-1", headers=headers))
    assert answers[0].status_code == 200
    for late in answers[1:]:
        assert_problem(late, 401, "KEY_EXPIRED")


async def test_a_revoked_key_is_refused_at_once_and_for_good(
    parts: Deps, bare: httpx.AsyncClient
) -> None:
    key, headers = await key_of(parts.pool, Scope.OPS)
    async with parts.pool.acquire() as sql:
        await revoke_keys(sql, key.shown)
    for now in (TUESDAY, SUNDAY):  # Sunday was before
        await set_clock(parts.pool, now)
        body = {"now": "2030-01-01T00:00:00Z"}
        answer = await bare.post("/v1/test/clock", json=body, headers=headers)
        assert_problem(answer, 401, "KEY_REVOKED")
    now = await parts.pool.fetchval("select test_clock from control")
    assert now == datetime.fromisoformat(SUNDAY)
    async with parts.pool.acquire() as sql:
        with pytest.raises(KeyRefused, match="revoked already"):
            await revoke_keys(sql, key.key_id)


async def test_a_revocation_bites_among_requests_that_ask_together(
    parts: Deps, bare: httpx.AsyncClient
) -> None:
    key, headers = await key_of(parts.pool, Scope.AUDITOR)

    async def look() -> int:
        return (await bare.get("/v1/accounts/acc-1", headers=headers)).status_code

    before = [asyncio.create_task(look()) for _ in range(20)]
    await asyncio.sleep(0)  # they are on their way
    async with parts.pool.acquire() as sql:
        await revoke_keys(sql, key.shown)
    after = await asyncio.gather(*(look() for _ in range(20)))
    assert set(await asyncio.gather(*before)) <= {200, 401}
    assert set(after) == {401}


async def test_who_asks_together_with_the_owner_of_a_key_still_needs_its_secret(
    parts: Deps, bare: httpx.AsyncClient
) -> None:
    key, headers = await key_of(parts.pool, Scope.AUDITOR)
    stolen = {"authorization": f"Bearer mk_{key.key_id}_{'0' * 64}"}
    wanted = [headers, stolen] * 10
    answers = await asyncio.gather(
        *(bare.get("/v1/accounts/acc-1", headers=each) for each in wanted)
    )
    assert [answer.status_code for answer in answers] == [200, 401] * 10


async def test_a_key_is_followed_by_another_and_both_count_for_a_while(
    parts: Deps, bare: httpx.AsyncClient
) -> None:
    await set_clock(parts.pool, TUESDAY)
    old, before = await key_of(parts.pool, Scope.AUDITOR, name="books")
    async with parts.pool.acquire() as sql, sql.transaction():
        new, text, ending = await rotate_key(sql, "books", timedelta(hours=24))
        with pytest.raises(KeyRefused, match=f"{old.shown} and {new.shown}"):
            await rotate_key(sql, "books", timedelta(hours=24))
    assert (new.scopes, new.generation, new.name) == (old.scopes, 2, "books")
    assert ending.expires_at == datetime.fromisoformat(TUESDAY) + timedelta(hours=24)
    after = {"authorization": f"Bearer {text}"}
    for at, seen in (
        ("2026-11-25T12:29:59+01:00", (200, 200)),
        ("2026-11-25T12:30:00+01:00", (401, 200)),
    ):
        await set_clock(parts.pool, at)
        path = "/v1/ledger/trial-balance"
        found = [(await bare.get(path, headers=each)).status_code for each in (before, after)]
        assert tuple(found) == seen


async def test_what_cannot_be_done_with_keys_says_what_to_do(parts: Deps) -> None:
    await key_of(parts.pool, Scope.OPS, name="taken")
    async with parts.pool.acquire() as sql, sql.transaction():
        with pytest.raises(KeyRefused, match="millesime keys rotate taken"):
            await create_key(sql, Wanted("taken", frozenset({Scope.OPS})))
        with pytest.raises(KeyRefused, match="millesime keys create"):
            await rotate_key(sql, "nobody", timedelta(hours=1))
        with pytest.raises(KeyRefused, match="millesime keys list"):
            await revoke_keys(sql, "nobody")
        with pytest.raises(KeyRefused, match="never counts"):
            await create_key(sql, Wanted(None, frozenset({Scope.OPS}), ends=timedelta(0)))
        ended = await revoke_keys(sql, "taken")
        again, _ = await create_key(sql, Wanted("taken", frozenset({Scope.OPS})))
        keys, _ = await all_keys(sql)
    assert [key.name for key in ended] == ["taken"]
    assert again.generation == 2
    assert [key.generation for key in keys if key.name == "taken"] == [1, 2]


@pytest.mark.parametrize(
    "act",
    [
        "delete from api_keys",
        "truncate api_keys",
        "update api_keys set scopes = '{ops}'",
        "update api_keys set secret_hash = sha256('x')",
    ],
)
async def test_the_engine_can_neither_forget_a_key_nor_widen_it(parts: Deps, act: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await parts.pool.execute(act)


async def test_counters_are_for_this_machine_and_for_those_who_run_the_service(
    parts: Deps,
) -> None:
    _, ops = await key_of(parts.pool, Scope.OPS)
    _, gateway = await key_of(parts.pool, Scope.GATEWAY)
    async with client_of(parts, headers={}) as near, client_of(parts, "192.0.2.7", {}) as far:
        assert (await near.get("/metrics")).status_code == 200
        assert_problem(await far.get("/metrics"), 401, "KEY_MISSING")
        assert_problem(await far.get("/metrics", headers=gateway), 403, "SCOPE_MISSING")
        assert (await far.get("/metrics", headers=ops)).status_code == 200
        assert (await far.get("/healthz")).status_code == 200
        assert (await far.get("/readyz")).status_code == 200
        assert (await far.get("/v1/accounts/acc-1", headers=ops)).status_code == 200


async def test_a_key_that_asks_too_often_waits_and_the_others_do_not(parts: Deps) -> None:
    _, busy = await key_of(parts.pool, Scope.OPS)
    _, calm = await key_of(parts.pool, Scope.OPS)
    metrics = Metrics()
    limiter = Limiter(Buckets(Rate(0.25, 2), names_max=10), metrics)
    async with client_of(changed(parts, limiter=limiter), headers={}) as client:
        body = {"now": "2026-11-24T12:30:00+01:00"}
        answers = [await client.post("/v1/test/clock", json=body, headers=busy) for _ in range(3)]
        assert [answer.status_code for answer in answers[:2]] == [200, 200]
        assert_problem(answers[2], 429, "TOO_MANY_REQUESTS")
        assert answers[2].headers["retry-after"] in ("3", "4")
        assert (await client.get("/v1/accounts/acc-1", headers=calm)).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
    assert metrics.rate_refusals == {"api_key": 1}
