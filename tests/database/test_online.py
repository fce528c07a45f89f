"""Online payments over HTTP and a real PostgreSQL: every state, the worked examples, the doors."""

from dataclasses import replace as changed
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from authz.gateway.proofs import Claim, make_proof
from authz.jobs.expiry import expire_holds
from authz.requests import Kind
from tests.authz.builders import BOOKS
from tests.database.checkout import (
    MID,
    PROOF_KEY,
    TUESDAY,
    Checkout,
    checkout,
    checkout_template,
    order,
)
from tests.database.decided import assert_problem
from tests.road.people import ACQUIRER, pan

__all__ = ["checkout", "checkout_template"]

WEDNESDAY, LATER = "2026-11-25T12:30:00+01:00", "2026-12-30T12:30:00+01:00"


def told(payment: Any) -> tuple[Any, ...]:
    totals = payment["totals"]
    left = sum(voucher["amount"] for voucher in payment["vouchers"])
    return payment["state"], totals["reversed"], totals["captured"], totals["refunded"], left


async def expire(shop: Checkout, now: str) -> dict[str, int]:
    async def decide(asked: Any) -> list[Any]:
        return [await shop.ask(each) for each in asked]

    instant = datetime.fromisoformat(now).astimezone(UTC)
    return await expire_holds(shop.deps.pool, decide, BOOKS, instant)


async def test_a_hold_waits_for_its_capture(checkout: Checkout) -> None:
    held = await checkout.paid(2_300)
    assert (held["kind"], held["order_ref"], held["rrn"]) == ("HOLD", "ORDER-4711", None)
    assert told(held) == ("AUTHORIZED", 0, 0, 0, 2_300)
    assert (held["balance_after"], held["usable_after"]) == (7_700, 200)
    assert await checkout.seen(held) == held
    page = await checkout.http.get("/v1/authorizations", params={"order_ref": "ORDER-4711"})
    assert page.json()["data"] == [held]
    lot = (await checkout.account())["lots"][0]
    assert (lot["available"], lot["held"]) == (7_700, 2_300)


async def test_with_automatic_capture_it_is_captured_at_once(checkout: Checkout) -> None:
    paid = await checkout.paid(2_200, capture="auto")
    assert told(paid) == ("CAPTURED", 0, 2_200, 0, 2_200)
    for verb in ("capture", "cancel"):
        assert_problem(await checkout.verb(paid, verb), 409, "INVALID_TRANSACTION")
    whole = await checkout.verb(paid, "refund")
    assert (whole.status_code, told(whole.json())) == (200, ("REFUNDED", 0, 2_200, 2_200, 0))


async def test_a_captured_hold_is_refunded_in_parts_and_never_beyond(checkout: Checkout) -> None:
    held = await checkout.paid(2_300)
    over = await checkout.verb(held, "capture", 2_301)
    assert_problem(over, 409, "INVALID_AMOUNT")
    assert_problem(await checkout.verb(held, "refund", 100), 409, "INVALID_AMOUNT")
    captured = (await checkout.verb(held, "capture", 1_900)).json()
    assert told(captured) == ("CAPTURED", 0, 1_900, 0, 1_900)
    assert_problem(await checkout.verb(held, "capture", 100), 409, "INVALID_AMOUNT")
    assert_problem(await checkout.verb(held, "cancel"), 409, "INVALID_TRANSACTION")
    part = (await checkout.verb(held, "refund", 500)).json()
    assert told(part) == ("PARTIALLY_REFUNDED", 0, 1_900, 500, 1_400)
    assert_problem(await checkout.verb(held, "refund", 1_401), 409, "INVALID_AMOUNT")
    rest = (await checkout.verb(held, "refund")).json()
    assert told(rest) == ("REFUNDED", 0, 1_900, 1_900, 0)
    assert_problem(await checkout.verb(held, "refund"), 409, "INVALID_AMOUNT")
    types = [event["type"] for event in rest["events"]]
    assert types[:3] == ["AUTHORIZED", "CAPTURE_DECLINED", "REFUND_DECLINED"]
    assert (await checkout.account())["balance"] == 10_000


async def test_a_cancelled_hold_is_over(checkout: Checkout) -> None:
    held = await checkout.paid(2_300)
    gone = await checkout.verb(held, "cancel")
    assert (gone.status_code, told(gone.json())) == (200, ("CANCELLED", 2_300, 0, 0, 0))
    assert (await checkout.verb(held, "cancel")).json()["state"] == "CANCELLED"
    assert_problem(await checkout.verb(held, "capture"), 409, "ORIGINAL_NOT_FOUND")
    assert (await checkout.account())["today"]["used"] == 0


async def test_reversals_of_the_wire_show_over_http(checkout: Checkout) -> None:
    held = await checkout.paid(2_000)
    await checkout.road(Kind.REVERSAL, held, 2_000, new_total_minor=1_200)
    assert told(await checkout.seen(held)) == ("PARTIALLY_REVERSED", 800, 0, 0, 1_200)
    captured = (await checkout.verb(held, "capture")).json()
    assert told(captured) == ("CAPTURED", 800, 1_200, 0, 1_200)
    some = (await checkout.verb(held, "refund", 500)).json()
    assert told(some) == ("PARTIALLY_REFUNDED", 800, 1_200, 500, 700)
    other = await checkout.paid(500)
    await checkout.road(Kind.REVERSAL, other, 500)
    assert told(await checkout.seen(other)) == ("REVERSED", 500, 0, 0, 0)


async def test_a_hold_that_expired_may_be_captured_late(checkout: Checkout) -> None:
    held, lost = await checkout.paid(1_000), await checkout.paid(900)
    await checkout.at(LATER)
    assert await expire(checkout, LATER) == {"expired": 2, "unanswered": 0}
    assert told(await checkout.seen(held)) == ("EXPIRED", 0, 0, 0, 0)
    assert (await checkout.verb(lost, "cancel")).json()["state"] == "EXPIRED"
    late = (await checkout.verb(held, "capture", 600)).json()
    assert told(late) == ("CAPTURED", 0, 600, 0, 600)
    trace = await checkout.http.get(f"/v1/authorizations/{held['id']}/trace")
    words = [after["words"] for after in trace.json()["afterwards"]]
    assert words == [
        "nobody captured in time: 10.00 falls free; it counts for 2026-11-24",
        "the merchant captured: 6.00 is taken anew, since the hold had fallen free; "
        "it counts for 2026-11-24",
    ]


async def test_the_trace_says_what_became_of_a_payment(checkout: Checkout) -> None:
    held = await checkout.paid(2_300)
    await checkout.road(Kind.REVERSAL, held, 2_300, new_total_minor=2_000)
    await checkout.verb(held, "capture", 1_900)
    await checkout.verb(held, "refund", 400)
    await checkout.verb(held, "refund", 4_000)
    trace = await checkout.http.get(f"/v1/authorizations/{held['id']}/trace")
    assert [after["words"].partition(";")[0] for after in trace.json()["afterwards"]] == [
        "the acquirer reversed: 3.00 falls free, 20.00 stays held",
        "the merchant captured: 19.00 of 20.00 that was held is taken, 1.00 falls free",
        "the merchant refunded: 4.00 goes back",
        "the merchant refunded: refused, INVALID_AMOUNT",
    ]


async def test_example_34_a_refund_of_the_day_frees_the_day(checkout: Checkout) -> None:
    paid = await checkout.paid(2_000, capture="auto")
    assert (await checkout.verb(paid, "refund")).status_code == 200
    assert (await checkout.account())["today"]["used"] == 0
    await checkout.paid(2_500, capture="auto")


async def test_example_35_a_refund_lowers_its_own_day_alone(checkout: Checkout) -> None:
    paid = await checkout.paid(2_500, capture="auto")
    await checkout.at(WEDNESDAY)
    assert (await checkout.verb(paid, "refund")).status_code == 200
    await checkout.paid(2_500, capture="auto")
    declined = (await checkout.buy(150)).json()
    assert (declined["state"], declined["reason"]) == ("DECLINED", "DAILY_CAP")


async def test_example_37_a_refund_after_1_march_counts_as_the_next_vintage(
    checkout: Checkout,
) -> None:
    await checkout.at("2027-02-26T12:30:00+01:00")
    paid = await checkout.paid(1_800, capture="auto")
    await checkout.at("2027-03-10T12:30:00+01:00")
    assert (await checkout.verb(paid, "refund")).status_code == 200
    lots = (await checkout.account())["lots"]
    assert sum(lot["available"] for lot in lots if lot["vintage"] == 2027) == 10_000
    assert {lot["from_vintage"] for lot in lots if lot["available"]} == {2026}


async def test_example_41_a_platform_pays_the_food_with_vouchers(checkout: Checkout) -> None:
    lines = [
        {"category": "food", "amount": 2_200},
        {"category": "delivery", "amount": 350},
        {"category": "tip", "amount": 200},
    ]
    assert (await checkout.paid(2_200))["eligible"] == 2_200
    await checkout.at(WEDNESDAY)
    part = await checkout.paid(2_750, lines=lines, partial_ok=True)
    assert (part["reason"], part["eligible"], part["approved"]) == (
        "APPROVED_PARTIAL",
        2_200,
        2_200,
    )
    assert (await checkout.buy(2_750, lines=lines)).json()["reason"] != "APPROVED"
    for wrong in ({"lines": lines[:1]}, {"lines": lines, "eligible_amount": 2_201}):
        assert_problem(await checkout.buy(2_750, **wrong), 422, "INVALID_REQUEST")


async def test_example_52_a_friday_hold_is_captured_on_sunday(checkout: Checkout) -> None:
    await checkout.at("2026-11-27T12:30:00+01:00")
    held = await checkout.paid(2_300)
    await checkout.at("2026-11-29T12:30:00+01:00")
    captured = (await checkout.verb(held, "capture", 1_900)).json()
    assert told(captured) == ("CAPTURED", 0, 1_900, 0, 1_900)
    assert captured["vouchers"] == [{"vintage": 2026, "amount": 1_900}]
    await checkout.at("2026-11-27T13:00:00+01:00")
    assert (await checkout.account())["today"]["used"] == 1_900


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 2_501}, "DAILY_CAP"),
        ({"amount": 149}, "INVALID_AMOUNT"),
        ({"eligible_amount": 0}, "NOTHING_ELIGIBLE"),
        ({"merchant": {"acquirer": "99999", "mid": "NOBODY"}}, "MERCHANT_NOT_ELIGIBLE"),
        ({"credential": {"pan": pan(1), "expiry": "3001"}}, "CARD_EXPIRED"),
        ({"credential": {"pan": pan(7), "expiry": "2912"}}, "UNKNOWN_CARD"),
        ({"credential": {"payment_token": "tok-unheard-of"}}, "UNKNOWN_CARD"),
        ({"credential": {"payment_token": pan(1)}}, "UNKNOWN_CARD"),
    ],
)
async def test_a_decline_is_an_answer(
    checkout: Checkout, changes: dict[str, Any], reason: str
) -> None:
    answer = await checkout.buy(**({"amount": 2_000} | changes))
    said = answer.json()
    assert (answer.status_code, said["state"], said["reason"]) == (201, "DECLINED", reason)
    assert (said["approved"], said["events"][0]["type"]) == (0, "DECLINED")
    assert (said["id"] is None) == (reason == "UNKNOWN_CARD")
    assert {said["at"][:10], said["events"][0]["at"][:10]} == {"2026-11-24"}  # by the test clock


async def test_a_phone_pays_with_its_token(checkout: Checkout) -> None:
    token = {"payment_token": pan(2, phone=True)}
    paid = await checkout.paid(1_000, credential=token, capture="auto")
    assert (paid["account"], paid["state"]) == ("acc-2", "CAPTURED")


async def test_without_the_holders_proof_nothing_is_paid(checkout: Checkout) -> None:
    assert checkout.deps.road is not None
    road = changed(checkout.deps.road, proof_wanted=True)
    shop = Checkout(checkout.url, changed(checkout.deps, road=road), checkout.ask)
    claim = Claim("acc-1", ACQUIRER, MID, 2_000, datetime.fromisoformat(WEDNESDAY))
    proof = make_proof(claim, PROOF_KEY)
    assert (await shop.paid(2_000, authentication=proof))["state"] == "AUTHORIZED"
    bad = {
        "none": None,
        "words": "trust me",
        "of another account": make_proof(replace(claim, account="acc-2"), PROOF_KEY),
        "of another merchant": make_proof(replace(claim, mid="MERCH0000000002"), PROOF_KEY),
        "too small": make_proof(replace(claim, amount_max=199), PROOF_KEY),
        "old": make_proof(replace(claim, expires_at=datetime.fromisoformat(TUESDAY)), PROOF_KEY),
        "bent": proof.replace("hp1", "hp2"),
    }
    await shop.at("2026-11-24T12:31:00+01:00")
    for name, authentication in bad.items():
        said = (await shop.buy(200, authentication=authentication)).json()
        assert (said["state"], said["reason"]) == ("DECLINED", "VERIFY_REQUIRED"), name
    assert (await shop.paid(200, authentication="simulated"))["approved"] == 200


@pytest.mark.parametrize("verb", ["capture", "cancel", "refund"])
async def test_what_is_not_there_is_not_found(checkout: Checkout, verb: str) -> None:
    for name in ("1-1", "x"):
        assert_problem(await checkout.verb({"id": name}, verb), 404, "NOT_FOUND")


async def test_what_was_declined_cannot_be_captured(checkout: Checkout) -> None:
    declined = (await checkout.buy(2_501)).json()
    for verb in ("capture", "cancel", "refund"):
        assert_problem(await checkout.verb(declined, verb), 409, "ORIGINAL_NOT_FOUND")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": "2000"},
        {"amount": 20.5},
        {"colour": "red"},
        {"capture": "later"},
        {"order_ref": ""},
        {"order_ref": "a\x00b"},
        {"credential": {"pan": "12", "expiry": "2912"}},
        {"credential": {"pan": pan(1)}},
        {"merchant": {"acquirer": "x", "mid": MID}},
        {"lines": []},
    ],
)
async def test_a_bad_order_is_refused_and_not_quoted(
    checkout: Checkout, changes: dict[str, Any]
) -> None:
    answer = await checkout.post("/authorizations", order(2_000) | changes)
    assert_problem(answer, 422, "INVALID_REQUEST")
    assert pan(1) not in answer.text
