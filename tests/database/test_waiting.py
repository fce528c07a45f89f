"""What HTTP shows of a payment while the bank is asked, and once it has answered."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from authz.commands.explain import show
from authz.decide.topup import BankWord
from authz.gateway import Deps
from authz.ids import public_id
from authz.metrics import Metrics
from authz.payments.history import find, trace
from authz.requests import Kind, Original
from tests.authz.builders import BOOKS
from tests.database.branch import Branch, a_branch, forty
from tests.database.decided import client_of
from tests.database.roads import buys


def client(branch: Branch) -> httpx.AsyncClient:
    return client_of(
        Deps(branch.pool, branch.pool, Metrics(), BOOKS, lambda: True, test_clock=True)
    )


async def told(http: httpx.AsyncClient, path: str) -> Any:
    answer = await http.get(f"/v1/authorizations{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_payment_that_waits_is_pending_with_the_state_of_its_leg(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch, client(branch) as http:
        asked = forty()
        reserved = await branch.reserve(asked)
        name = public_id(reserved.holder_id, reserved.authorization_id)
        waits = await told(http, f"/{name}")
        assert {
            key: waits[key]
            for key in ("state", "response_code", "reason", "bank", "kind", "account", "mid")
        } == {
            "state": "PENDING",
            "response_code": None,
            "reason": None,
            "bank": {"amount": 1500, "approved": 0, "state": "RESERVED"},
            "kind": "PURCHASE",
            "account": "acc-1",
            "mid": asked.mid,
        }
        assert (waits["requested"], waits["eligible"], waits["approved"]) == (4000, 4000, 0)
        assert waits["vouchers"] == [{"vintage": 2026, "amount": 2500}]
        assert set(waits["totals"].values()) == {0}
        assert [event["type"] for event in waits["events"]] == ["PENDING"]
        for query in (f"rrn={asked.rrn}&terminal={asked.terminal}", "account=acc-1", "limit=1"):
            assert (await told(http, f"?{query}"))["data"] == [waits]

        await branch.ask(asked, reserved)
        assert (await told(http, f"/{name}"))["bank"]["state"] == "ASKED"
        await branch.finish(asked, reserved, BankWord.APPROVED)
        paid = await told(http, f"/{name}")
        assert (paid["state"], paid["bank"]) == (
            "CAPTURED",
            {"amount": 1500, "approved": 1500, "state": "APPROVED"},
        )
        same = ("id", "account", "kind", "requested", "eligible", "at", "day", "rulebook", "stan")
        assert {key: paid[key] for key in same} == {key: waits[key] for key in same}


async def test_the_trace_of_what_waits_tells_the_steps_and_that_the_bank_has_not_spoken(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch, client(branch) as http:
        asked = forty()
        reserved = await branch.reserve(asked)
        undo = buys(4000, kind=Kind.REVERSAL, about=Original(keys=(asked.key_hash,)))
        await branch.run(undo)
        name = public_id(reserved.holder_id, reserved.authorization_id)
        known = await told(http, f"/{name}/trace")
        assert known["reason"] is None
        assert known["rulebook"] == BOOKS["fr-meal"].version
        assert all(step["held"] for step in known["steps"])
        assert [step["type"] for step in known["afterwards"]] == ["PENDING", "REVERSAL"]
        assert known["afterwards"][0]["words"] == (
            "the bank has not said yet whether it pays 15.00"
        )
        waits = await told(http, f"/{name}")
        assert [event["type"] for event in waits["events"]] == ["PENDING", "CONFIRMED"]
        await branch.recover()


async def test_explain_ends_with_the_wait(
    calendar_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        reserved = await branch.reserve(forty())
        books = tuple(BOOKS.values())
        async with branch.pool.acquire() as sql:
            payment = await find(sql, reserved.holder_id, reserved.authorization_id, books)
        assert payment is not None
        show("1f", payment, trace(payment, books))
        assert "the bank has not said yet whether it pays 15.00" in capsys.readouterr().out
        await branch.recover()
