"""Writes under an `Idempotency-Key` that they need not have: done once, and told again the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from authz.bank.enrolment import Enrolment
from authz.credentials.sending import Mailbox
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import re_encrypt
from authz.custody.vault import Vault
from authz.gateway import idempotency
from authz.gateway.app import create_app
from authz.gateway.deps import CardDesk, Deps
from authz.gateway.idempotency import AtWork
from authz.metrics import Metrics
from authz.senders.kinds import NotSent
from rules.geography import PARIS, civil_day
from simulators.bank import Manners
from simulators.bank_books import BankRules
from tests.authz.builders import BOOKS
from tests.authz.hsm.keys import some_module, some_safe
from tests.database.branch import Branch, a_branch
from tests.database.checkout import Checkout, checkout, checkout_template
from tests.database.test_acts import EMPLOYER
from tests.database.test_cards import LAST4, NEW
from tests.database.test_tokens import APPLE, PLUXEE, Provider, phones
from tests.road.people import DIGESTER, Setting, bank_pan

__all__ = ["checkout", "checkout_template"]

REPLAYED = "idempotent-replayed"
DEV = {"authorization": "Bearer dev"}
CARD = "/v1/cards/card-1"
BANK_CARD = "/v1/accounts/acc-1/bank-card"
CONTACT = "/v1/accounts/acc-1/contact"
KEPT = "select coalesce(string_agg(k::text, ' '), '') from operation_keys k"
PHONE = {"phone": "+33612345678"}


def test_every_write_of_the_document_takes_a_key() -> None:
    deps = cast("Deps", SimpleNamespace(test_clock=True, body_max_bytes=1))
    writes = [
        (f"{verb} {path}", [each["name"] for each in operation.get("parameters", ())])
        for path, verbs in create_app(deps).openapi()["paths"].items()
        for verb, operation in verbs.items()
        if verb != "get"
    ]
    assert len(writes) >= 35
    assert [name for name, headers in writes if "Idempotency-Key" not in headers] == []


async def ask(
    http: httpx.AsyncClient, path: str, body: Any = None, key: str | None = "k1", verb: str = "POST"
) -> httpx.Response:
    headers = {} if key is None else {"idempotency-key": key}
    return await http.request(verb, path, json=body, headers=headers)


async def twice(
    http: httpx.AsyncClient, path: str, body: Any = None, key: str = "k1", verb: str = "POST"
) -> httpx.Response:
    """The same write under the same key: its second answer, which is the first."""
    first, second = [await ask(http, path, body, key, verb) for _ in range(2)]
    assert first.is_success, first.text
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert second.status_code == first.status_code
    if first.content:
        assert second.json() == first.json()
    assert second.headers.get("content-type") == first.headers.get("content-type")
    return second


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_block_is_told_again_and_another_body_is_another_operation(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        again = await twice(p.http, f"{CARD}/block", {"reason": "lost"})
        assert [event["action"] for event in again.json()["events"]] == ["BLOCK"]
        assert told(await ask(p.http, f"{CARD}/block", {"reason": "x"})) == (422, "KEY_REUSED")
        for key in ("k2", None):
            refused = await ask(p.http, f"{CARD}/block", {"reason": "lost"}, key)
            assert told(refused) == (409, "STATE_MISMATCH")
        # The key is one of this operation alone, and a refusal is worked out again.
        assert (await ask(p.http, f"{CARD}/unblock")).json()["status"] == "ACTIVE"
        assert (await ask(p.http, f"{CARD}/block", key="k2")).json()["status"] == "BLOCKED"
        acts = await p.t.pool.fetch("select outcome from acts order by act_id")
        assert [row["outcome"] for row in acts[:3]] == ["DONE", "REPLAYED", "KEY_REUSED"]


async def test_twenty_at_the_same_time_are_one_block(calendar_url: str, tmp_path: Path) -> None:
    """Half of them come to an engine of their own: there only the database can tell."""
    async with phones(calendar_url, tmp_path) as p:
        desk = CardDesk(DIGESTER, some_safe(), Mailbox(), timedelta())  # one content, one digest
        deps = Deps(p.t.pool, p.t.pool, Metrics(), p.t.books, lambda: True, True, cards=desk)
        apart = [client(replace(deps, at_work=AtWork())) for _ in range(10)]
        everybody = [*apart, *[p.http] * 10]
        answers = await asyncio.gather(*(ask(each, f"{CARD}/block") for each in everybody))
        good = [answer for answer in answers if answer.status_code == 200]
        assert sum(REPLAYED not in answer.headers for answer in good) == 1
        others = {told(answer) for answer in answers if answer not in good}
        assert others == {(409, "STILL_RUNNING")}
        assert await p.t.pool.fetchval("select count(*) from credential_events") == 1


async def test_wrong_digits_count_each_time(calendar_url: str, tmp_path: Path) -> None:
    async with phones(calendar_url, tmp_path) as p:
        await ask(p.http, f"{CARD}/replace", {"card": NEW})
        place = "/v1/cards/card-9/activate"
        for _ in range(2):
            assert told(await ask(p.http, place, {"last4": LAST4})) == (409, "WRONG_DIGITS")
        assert await p.t.pool.fetchval("select count(*) from card_activation_tries") == 2
        right = await twice(p.http, place, {"last4": NEW["pan"][-4:]})
        assert right.json()["status"] == "ACTIVE"


async def test_a_card_is_replaced_once_and_no_number_is_kept(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        again = await twice(p.http, f"{CARD}/replace", {"card": NEW})
        assert (again.status_code, again.json()["id"]) == (201, "card-9")
        await twice(p.http, f"{CARD}/pin", {"pin": "4826"})
        other = await ask(p.http, f"{CARD}/pin", {"pin": "4827"})
        assert told(other) == (422, "KEY_REUSED")
        assert str(NEW["pan"]) not in await p.t.pool.fetchval(KEPT)
        # A PIN has ten thousand values: what stands for its body is made with a key.
        rows = await p.t.pool.fetch("select fingerprint from operation_keys")
        bodies = [b'{"pin":"4826"}', b'{"pin": "4826"}']
        assert len(rows) == 2
        assert not {row["fingerprint"] for row in rows} & set(map(idempotency.fingerprint, bodies))


async def test_the_number_of_a_device_is_told_again_and_not_kept(
    calendar_url: str, tmp_path: Path
) -> None:
    provider = Provider()
    async with phones(calendar_url, tmp_path, provider) as p:
        await ask(p.http, CONTACT, PHONE, verb="PUT")
        for wish in (PLUXEE, APPLE):
            again = (await twice(p.http, "/v1/tokens", wish, key=wish["device"])).json()
            assert again["dpan"] not in await p.t.pool.fetchval(KEPT)
        assert (again["code"], len(provider.taken)) == ("SENT", 1)
        resent = f"/v1/tokens/{again['id']}/resend-code"
        assert (await twice(p.http, resent)).json()["sent"]
        assert len(provider.taken) == 2
        # It is still told when the numbers have moved over to another key.
        new = ("next", bytes(32))
        await re_encrypt(p.t.pool, Vault([new, ("pan-test", bytes(range(32)))]))
        later = CardDesk(DIGESTER, Safe(some_module(), Vault([new])), provider)
        deps = Deps(p.t.pool, p.t.pool, Metrics(), p.t.books, lambda: True, True, cards=later)
        assert (await ask(client(deps), "/v1/tokens", APPLE, APPLE["device"])).json() == again


class Dying(Provider):
    """Goes down with the process while it sends."""

    async def send(self, notice: Any) -> None:
        self.taken.append(notice)
        raise RuntimeError


async def test_a_process_that_dies_while_it_sends_sends_nothing_twice(
    calendar_url: str, tmp_path: Path
) -> None:
    provider = Dying()
    async with phones(calendar_url, tmp_path, provider) as p:
        await ask(p.http, CONTACT, PHONE, verb="PUT")
        assert (await ask(p.http, "/v1/tokens", APPLE)).status_code == 500
        again = await ask(p.http, "/v1/tokens", APPLE)
        assert (again.status_code, again.json()["code"]) == (201, "NOT_SENT")
        assert again.headers[REPLAYED] == "true" and again.json()["dpan"]
        resent = f"/v1/tokens/{again.json()['id']}/resend-code"
        assert (await ask(p.http, resent)).status_code == 500
        assert told(await ask(p.http, resent)) == (503, "CODE_NOT_SENT")
        assert len(provider.taken) == 2


async def test_a_code_that_was_not_sent_is_not_sent_by_a_repeat(
    calendar_url: str, tmp_path: Path
) -> None:
    provider = Provider()
    async with phones(calendar_url, tmp_path, provider) as p:
        await ask(p.http, CONTACT, PHONE, verb="PUT")
        provider.fails = NotSent("down", surely=True)
        added = (await twice(p.http, "/v1/tokens", APPLE)).json()
        assert added["code"] == "NOT_SENT"
        resent = f"/v1/tokens/{added['id']}/resend-code"
        assert told(await ask(p.http, resent)) == (503, "CODE_NOT_SENT")
        provider.fails = None
        again = await ask(p.http, resent)
        assert told(again) == (503, "CODE_NOT_SENT") and again.headers[REPLAYED] == "true"
        assert (await ask(p.http, resent, key="k2")).json()["sent"]


async def test_an_answer_without_a_body_is_told_again(checkout: Checkout) -> None:
    await twice(checkout.http, CONTACT, PHONE, verb="PUT")
    assert (await twice(checkout.http, CONTACT, verb="DELETE")).status_code == 204
    assert (await ask(checkout.http, CONTACT, key="k2", verb="DELETE")).status_code == 404


async def test_a_record_that_was_made_is_told_as_made(checkout: Checkout) -> None:
    employer = EMPLOYER | {"id": "emp-new"}
    path = "/v1/employers/emp-new"
    again = await twice(checkout.http, path, employer, verb="PUT")
    assert (again.status_code, again.json()["result"]) == (201, "created")
    same = await ask(checkout.http, path, employer, key="k2", verb="PUT")
    assert (same.status_code, same.json()["result"]) == (200, "unchanged")


@asynccontextmanager
async def enrolling(url: str, tmp_path: Path) -> AsyncIterator[tuple[Branch, httpx.AsyncClient]]:
    """A branch whose person has no bank card yet, and HTTP in front of it."""
    async with a_branch(url, tmp_path, Setting()) as branch:
        numbers = iter(range(1_000, 2_000))
        enrolment = Enrolment(branch.desk, numbers.__next__)
        desk = CardDesk(DIGESTER, some_safe())
        deps = Deps(
            branch.pool,
            branch.pool,
            Metrics(),
            BOOKS,
            lambda: True,
            True,
            cards=desk,
            enrolment=enrolment,
        )
        async with client(deps) as http:
            yield branch, http
        await branch.recover_notices(branch.desk)


def client(deps: Deps) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(deps), client=("127.0.0.1", 1))
    return httpx.AsyncClient(transport=transport, base_url="http://issuer", headers=DEV)


async def asked(branch: Branch) -> int:
    legs: int = await branch.pool.fetchval("select count(*) from bank_legs")
    return legs


async def test_the_bank_is_asked_once_whatever_it_says(calendar_url: str, tmp_path: Path) -> None:
    async with enrolling(calendar_url, tmp_path) as (branch, http):
        declined = BankRules(declines={bank_pan(7): "05"})
        cast("Any", branch.bank.books).rules = declined
        bad = {"pan": bank_pan(7), "expiry": "2912"}
        answers = [await ask(http, BANK_CARD, bad) for _ in range(2)]
        assert [told(answer) for answer in answers] == [(409, "BANK_DECLINED")] * 2
        assert [REPLAYED in answer.headers for answer in answers] == [False, True]
        assert await asked(branch) == 1
        good = {"pan": bank_pan(1), "expiry": "2912"}
        assert told(await ask(http, BANK_CARD, good)) == (422, "KEY_REUSED")
        answers = [await ask(http, BANK_CARD, good, "k2") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json() and REPLAYED in answers[1].headers
        assert await asked(branch) == 2
        assert bank_pan(1) not in await branch.pool.fetchval(KEPT)
        assert (await ask(http, BANK_CARD, key="k1", verb="DELETE")).status_code == 204
        assert (await ask(http, BANK_CARD, key="k1", verb="DELETE")).headers[REPLAYED] == "true"


async def test_top_12_an_expired_bank_card_is_refused_before_the_bank_is_asked(
    calendar_url: str, tmp_path: Path
) -> None:
    async with enrolling(calendar_url, tmp_path) as (branch, http):
        today = civil_day(datetime.now(UTC), PARIS)
        last_month = today.replace(day=1) - timedelta(days=1)
        gone = {"pan": bank_pan(1), "expiry": f"{last_month:%y%m}"}
        assert told(await ask(http, BANK_CARD, gone)) == (409, "BANK_CARD_EXPIRED")
        assert await asked(branch) == 0
        good = {"pan": bank_pan(1), "expiry": f"{today:%y%m}"}
        assert (await ask(http, BANK_CARD, good, "k2")).status_code == 201


async def test_who_comes_again_while_the_bank_is_asked_waits(
    calendar_url: str, tmp_path: Path
) -> None:
    async with enrolling(calendar_url, tmp_path) as (branch, http):
        branch.bank.manners = Manners(delay_ms=500)
        card = {"pan": bank_pan(1), "expiry": "2912"}
        first = asyncio.create_task(ask(http, BANK_CARD, card))
        async with asyncio.timeout(5):
            while not await asked(branch):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
        assert told(await ask(http, BANK_CARD, card)) == (409, "STILL_RUNNING")
        assert (await first).status_code == 201
        assert REPLAYED in (await ask(http, BANK_CARD, card)).headers
        assert await asked(branch) == 1


async def test_a_process_that_dies_while_it_asks_has_linked_nothing_and_asks_nobody_again(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise RuntimeError

    async with enrolling(calendar_url, tmp_path) as (branch, http):
        card = {"pan": bank_pan(1), "expiry": "2912"}
        with monkeypatch.context() as patched:
            patched.setattr(Enrolment, "ask", dies)
            assert (await ask(http, BANK_CARD, card)).status_code == 500
        again = await ask(http, BANK_CARD, card)
        assert told(again) == (503, "BANK_SILENT") and again.headers[REPLAYED] == "true"
        assert again.headers["retry-after"] == "1"
        assert await asked(branch) == 1
        assert (await ask(http, BANK_CARD, card, "k2")).status_code == 201
