"""Idempotency keys and races of online payments: many at once, once in the books."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import httpx

from authz.gateway.idempotency import AtWork
from authz.outcomes import Outcome
from tests.database.checkout import Checkout, checkout, checkout_template, order
from tests.database.decided import assert_problem
from tests.road.people import pan

__all__ = ["checkout", "checkout_template"]

REPLAYED = "idempotent-replayed"


async def counted(shop: Checkout, table: str) -> Any:
    question = {
        "authorizations": "select count(*) from authorizations",
        "spent": "select coalesce(sum(amount_minor), 0) from transfers where kind = 'hold'",
    }[table]
    sql = await asyncpg.connect(shop.url)
    try:
        return await sql.fetchval(question)
    finally:
        await sql.close()


async def test_a_write_of_money_needs_its_key(checkout: Checkout) -> None:
    answer = await checkout.http.post("/v1/authorizations", json=order(1_000))
    assert_problem(answer, 400, "IDEMPOTENCY_KEY_MISSING")
    held = await checkout.paid(1_000)
    for verb in ("capture", "cancel", "refund"):
        bare = await checkout.http.post(f"/v1/authorizations/{held['id']}/{verb}", json={})
        assert_problem(bare, 400, "IDEMPOTENCY_KEY_MISSING")
    assert await counted(checkout, "authorizations") == 1


async def test_the_same_key_and_body_get_the_same_answer(checkout: Checkout) -> None:
    first = await checkout.buy(1_000, "k1")
    held = first.json()
    await checkout.verb(held, "capture", 900)
    again = await checkout.buy(1_000, "k1")
    assert (first.status_code, first.headers.get(REPLAYED)) == (201, None)
    assert (again.status_code, again.headers[REPLAYED]) == (201, "true")
    assert again.json() == held
    declined = await checkout.buy(2_501, "k2")
    repeated = await checkout.buy(2_501, "k2")
    assert (repeated.json(), repeated.headers[REPLAYED]) == (declined.json(), "true")


async def test_verbs_are_answered_again_as_they_were(checkout: Checkout) -> None:
    held = await checkout.paid(1_000)
    path = f"/authorizations/{held['id']}"
    first = await checkout.post(f"{path}/capture", {}, "c1")
    refused = await checkout.post(f"{path}/refund", {"amount": 1_001}, "r1")
    await checkout.post(f"{path}/refund", {}, "r2")
    again = await checkout.post(f"{path}/capture", {}, "c1")
    assert (again.json(), again.headers[REPLAYED]) == (first.json(), "true")
    still = await checkout.post(f"{path}/refund", {"amount": 1_001}, "r1")
    assert (still.status_code, still.json()) == (409, refused.json())
    assert still.headers[REPLAYED] == "true"
    assert (await checkout.seen(held))["totals"]["captured"] == 1_000


async def test_a_key_has_one_content(checkout: Checkout) -> None:
    held = (await checkout.buy(1_000, "k1")).json()
    assert_problem(await checkout.buy(1_001, "k1"), 422, "KEY_REUSED")
    other = {"pan": pan(1), "expiry": "3001"}
    assert_problem(await checkout.buy(1_000, "k1", credential=other), 422, "KEY_REUSED")
    path = f"/authorizations/{held['id']}"
    await checkout.post(f"{path}/capture", {"amount": 500}, "c1")
    assert_problem(await checkout.post(f"{path}/capture", {}, "c1"), 422, "KEY_REUSED")


async def test_a_key_is_of_one_operation(checkout: Checkout) -> None:
    held = (await checkout.buy(1_000, "k1")).json()
    answer = await checkout.post(f"/authorizations/{held['id']}/cancel", {}, "k1")
    assert (answer.status_code, answer.json()["state"]) == (200, "CANCELLED")
    assert REPLAYED not in answer.headers
    again = await checkout.post(f"/authorizations/{held['id']}/cancel", {}, "k1")
    assert (again.json(), again.headers[REPLAYED]) == (answer.json(), "true")


async def test_twenty_at_once_are_one_payment(checkout: Checkout) -> None:
    answers = await asyncio.gather(*(checkout.buy(1_000, "k1") for _ in range(20)))
    good = [answer for answer in answers if answer.status_code == 201]
    fresh = [answer for answer in good if REPLAYED not in answer.headers]
    assert len(fresh) == 1
    assert {answer.json()["id"] for answer in good} == {fresh[0].json()["id"]}
    for answer in answers:
        if answer not in good:
            assert_problem(answer, 409, "STILL_RUNNING")
    assert len(good) < 20
    assert await counted(checkout, "authorizations") == 1
    assert await counted(checkout, "spent") == 1_000


async def test_twenty_of_several_processes_are_one_payment(checkout: Checkout) -> None:
    """Each application keeps its own list of keys at work: here only the database can tell."""
    apart = [
        checkout.client(replace(checkout.deps, at_work=other))
        for other in (AtWork() for _ in range(20))
    ]
    headers = {"Idempotency-Key": "k1"}
    answers = await asyncio.gather(
        *(http.post("/v1/authorizations", json=order(1_000), headers=headers) for http in apart)
    )
    assert {answer.status_code for answer in answers} == {201}
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert len({answer.text for answer in answers}) == 1
    assert await counted(checkout, "spent") == 1_000


async def test_of_capture_and_cancel_at_once_one_wins(checkout: Checkout) -> None:
    for _ in range(8):
        held = await checkout.paid(300)
        capture, cancel = await asyncio.gather(
            checkout.verb(held, "capture"), checkout.verb(held, "cancel")
        )
        codes = sorted([capture.status_code, cancel.status_code])
        assert codes == [200, 409]
        state = (await checkout.seen(held))["state"]
        assert state == ("CAPTURED" if capture.status_code == 200 else "CANCELLED")


async def test_two_refunds_at_once_never_exceed(checkout: Checkout) -> None:
    for _ in range(4):
        paid = await checkout.paid(600, capture="auto")
        answers = await asyncio.gather(
            checkout.verb(paid, "refund", 400), checkout.verb(paid, "refund", 400)
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        seen = await checkout.seen(paid)
        assert (seen["state"], seen["totals"]["refunded"]) == ("PARTIALLY_REFUNDED", 400)


async def test_many_orders_at_once_never_pass_the_cap(checkout: Checkout) -> None:
    answers = await asyncio.gather(*(checkout.buy(600) for _ in range(10)))
    reasons = sorted(answer.json()["reason"] for answer in answers)
    assert reasons == ["APPROVED"] * 4 + ["DAILY_CAP"] * 6


async def test_a_doubt_is_no_answer_and_can_be_asked_again(checkout: Checkout) -> None:
    assert checkout.deps.road is not None
    true_ask = checkout.deps.road.ask

    async def silent(asked: Any) -> Outcome | None:
        await true_ask(asked)
        return None

    road = replace(checkout.deps.road, ask=silent)
    async with checkout.client(replace(checkout.deps, road=road)) as doubtful:
        answer = await _post(doubtful)
    assert_problem(answer, 503, "ISSUER_DOWN")
    assert answer.headers["retry-after"] == "1"
    settled = await _post(checkout.http)
    assert (settled.status_code, settled.headers[REPLAYED]) == (201, "true")
    assert await counted(checkout, "spent") == 1_000


async def test_a_service_that_goes_down_takes_no_money(checkout: Checkout) -> None:
    async with checkout.client(replace(checkout.deps, ready=lambda: False)) as draining:
        assert_problem(await _post(draining), 503, "DRAINING")
    assert await counted(checkout, "authorizations") == 0


async def _post(http: httpx.AsyncClient) -> httpx.Response:
    headers = {"Idempotency-Key": "k1"}
    return await http.post("/v1/authorizations", json=order(1_000), headers=headers)
