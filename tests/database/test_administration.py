"""Records put over HTTP: made, changed, and felt by the very next payment."""

import asyncio
from typing import Any

import pytest

from tests.authz.world.builders import some_world
from tests.database.administering import ACCOUNT, CARD, EMPLOYER, MERCHANT, put, reason, result
from tests.database.checkout import Checkout, checkout, checkout_template
from tests.database.decided import assert_problem
from tests.database.test_bounces import until_they_wait
from tests.road.people import EXPIRY, pan

__all__ = ["checkout", "checkout_template"]


async def test_a_whole_person_is_made_record_by_record(checkout: Checkout) -> None:
    world = some_world()
    account = world["accounts"][0] | {"id": "acc-new", "person": "per-new", "employer": "emp-new"}
    card = world["cards"][0] | {"account": "acc-new", "pan": pan(9)}
    assert_problem(await put(checkout, "/accounts/acc-new", account), 409, "DOES_NOT_FIT")
    made = (201, "created")
    new_employer = {"department": "75"}  # its name stands in the path
    assert await result(checkout, "/employers/emp-new", new_employer) == made
    assert await result(checkout, "/accounts/acc-new", account) == made
    assert await result(checkout, "/cards/card-new", card | {"id": "card-new"}) == made
    merchant = world["merchants"][0] | {"mid": "NEW"}
    assert await result(checkout, "/merchants/12345/NEW", merchant) == made
    same = (200, "unchanged")
    assert await result(checkout, "/employers/emp-new", new_employer) == same
    assert await result(checkout, "/accounts/acc-new", account) == same
    assert await result(checkout, "/merchants/12345/NEW", merchant) == same
    credential = {"pan": pan(9), "expiry": card["expiry"]}
    paid = await checkout.paid(
        1_000, credential=credential, merchant={"acquirer": "12345", "mid": "NEW"}
    )
    assert (paid["account"], paid["balance_after"]) == ("acc-new", 9_000)


async def test_a_block_bites_at_the_next_payment_and_is_lifted(checkout: Checkout) -> None:
    assert await reason(checkout) == "APPROVED"
    blocked = CARD | {"status": "BLOCKED"}
    assert await result(checkout, "/cards/card-1", blocked) == (200, "changed")
    assert await reason(checkout) == "CARD_BLOCKED"
    assert await result(checkout, "/cards/card-1", CARD) == (200, "changed")
    assert await reason(checkout) == "APPROVED"


async def test_a_record_is_held_against_what_stands_and_not_against_what_was_put(
    checkout: Checkout,
) -> None:
    blocked, same = CARD | {"status": "BLOCKED"}, (200, "unchanged")
    assert (await checkout.post("/cards/card-1/block", {})).status_code == 200
    assert await result(checkout, "/cards/card-1", blocked) == same
    assert await result(checkout, "/cards/card-1", CARD) == (200, "changed")
    assert await reason(checkout) == "APPROVED"
    assert await result(checkout, "/cards/card-1", blocked) == (200, "changed")
    assert (await checkout.post("/cards/card-1/unblock", {})).status_code == 200
    assert await result(checkout, "/cards/card-1", blocked) == (200, "changed")
    assert await reason(checkout) == "CARD_BLOCKED"


async def test_money_of_a_record_is_no_change_of_an_account_that_is_there(
    checkout: Checkout,
) -> None:
    more = ACCOUNT | {"lots": [{"vintage": 2026, "amount": 99_900}]}
    assert await result(checkout, "/accounts/acc-1", more) == (200, "unchanged")
    assert (await checkout.account())["balance"] == 10_000


async def test_a_pin_or_telephone_counts_as_it_is_kept_now(checkout: Checkout) -> None:
    with_pin, same = CARD | {"pin": "4826"}, (200, "unchanged")
    assert await result(checkout, "/cards/card-1", with_pin) == (200, "changed")
    assert await result(checkout, "/cards/card-1", with_pin) == same
    assert (await checkout.post("/cards/card-1/pin", {"pin": "1793"})).status_code == 200
    assert await result(checkout, "/cards/card-1", with_pin) == (200, "changed")
    reached = ACCOUNT | {"phone": "+33612345678"}
    assert await result(checkout, "/accounts/acc-1", reached) == (200, "changed")
    assert await result(checkout, "/accounts/acc-1", reached) == same
    assert (await checkout.http.delete("/v1/accounts/acc-1/contact")).status_code == 204
    assert await result(checkout, "/accounts/acc-1", reached) == (200, "changed")
    contact = (await checkout.http.get("/v1/accounts/acc-1/contact")).json()
    assert contact["phone"] == "********78"


async def test_a_merchants_agreement_ends_at_once(checkout: Checkout) -> None:
    assert await reason(checkout) == "APPROVED"
    path = f"/merchants/{MERCHANT['acquirer']}/{MERCHANT['mid']}"
    ended = MERCHANT | {"agreement_to": "2026-11-23"}
    assert await result(checkout, path, ended) == (200, "changed")
    assert await reason(checkout) == "MERCHANT_NOT_ELIGIBLE"


async def test_an_employer_lets_its_people_eat_on_sunday(checkout: Checkout) -> None:
    await checkout.at("2026-11-22T12:30:00+01:00")
    assert await reason(checkout) == "DAY_NOT_ALLOWED"
    sundays = EMPLOYER | {"derogations": [{"from": "2026-01-01", "sunday": True}]}
    assert await result(checkout, "/employers/emp-1", sundays) == (200, "changed")
    assert await reason(checkout) == "APPROVED"


async def test_what_a_record_did_to_a_card_is_a_step_of_its_life(checkout: Checkout) -> None:
    for status in ("BLOCKED", "BLOCKED", "ACTIVE"):
        await result(checkout, "/cards/card-1", CARD | {"status": status})
    told = (await checkout.http.get("/v1/cards/card-1")).json()["events"]
    steps = [(e["action"], e["before"], e["after"], e["reason"]) for e in told]
    why = "its record says so"
    assert steps == [("PUT", "ACTIVE", "BLOCKED", why), ("PUT", "BLOCKED", "ACTIVE", why)]


async def test_an_account_is_closed_and_keeps_its_money(checkout: Checkout) -> None:
    await checkout.paid(1_000)
    more = ACCOUNT | {"status": "CLOSED", "lots": [{"vintage": 2026, "amount": 99_900}]}
    assert await result(checkout, "/accounts/acc-1", more) == (200, "changed")
    assert await reason(checkout) == "CARD_BLOCKED"
    account = await checkout.account()
    assert (account["status"], account["balance"]) == ("CLOSED", 9_000)


async def test_an_account_moves_to_another_employer(checkout: Checkout) -> None:
    await result(checkout, "/employers/emp-far", {"id": "emp-far", "department": "974"})
    assert await result(checkout, "/accounts/acc-1", ACCOUNT | {"employer": "emp-far"}) == (
        200,
        "changed",
    )
    assert (await checkout.account())["today"]["zone"] == "Indian/Reunion"


@pytest.mark.parametrize(
    ("path", "record", "code"),
    [
        ("/accounts/acc-1", ACCOUNT | {"person": "per-2"}, "PERSON_IS_FIXED"),
        ("/accounts/acc-1", ACCOUNT | {"employer": "nobody"}, "UNKNOWN_EMPLOYER"),
        ("/accounts/acc-1", ACCOUNT | {"programme": "be-lunch"}, "DOES_NOT_FIT"),
        ("/cards/card-1", CARD | {"account": "acc-2"}, "ACCOUNT_IS_FIXED"),
        ("/cards/card-1", CARD | {"pan": pan(8)}, "NUMBER_IS_FIXED"),
        ("/cards/card-9", CARD | {"id": "card-9"}, "DOES_NOT_FIT"),
        ("/cards/card-9", CARD | {"id": "card-9", "pan": pan(8), "account": "x"}, "DOES_NOT_FIT"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    checkout: Checkout, path: str, record: Any, code: str
) -> None:
    assert_problem(await put(checkout, path, record), 409, code)
    assert await reason(checkout) == "APPROVED"


async def test_a_card_that_was_opposed_stays_so(checkout: Checkout) -> None:
    stolen = CARD | {"status": "OPPOSED", "opposed_as": "STOLEN"}
    await result(checkout, "/cards/card-1", stolen)
    assert await reason(checkout) == "STOLEN"
    assert_problem(await put(checkout, "/cards/card-1", CARD), 409, "STATUS_IS_FINAL")
    assert await result(checkout, "/cards/card-1", stolen | {"visa_logo": True}) == (200, "changed")


async def test_only_a_token_that_was_active_outlives_the_block(checkout: Checkout) -> None:
    card = {"id": "card-2", "account": "acc-2", "pan": pan(2), "expiry": EXPIRY}
    await result(checkout, "/cards/card-2", card | {"status": "BLOCKED"})
    token = {"payment_token": pan(2, phone=True)}
    assert await reason(checkout, credential=token) == "APPROVED"
    assert await reason(checkout, person=2) == "CARD_BLOCKED"


@pytest.mark.parametrize(
    "body",
    [
        CARD | {"id": "card-2"},
        CARD | {"colour": "red"},
        CARD | {pan(1): "red"},
        CARD | {"pan": "12"},
        CARD | {"status": "LOST"},
        {"account": "acc-1"},
        [],
        "card",
    ],
)
async def test_a_record_that_is_none_is_refused_and_not_quoted(
    checkout: Checkout, body: Any
) -> None:
    answer = await put(checkout, "/cards/card-1", body)
    assert_problem(answer, 422, "INVALID_REQUEST")
    assert pan(1) not in answer.text


async def test_a_record_of_any_depth_is_refused(checkout: Checkout) -> None:
    answer = await checkout.http.put("/v1/cards/card-1", content="[" * 100_000)
    assert_problem(answer, 422, "INVALID_REQUEST")


async def test_a_name_that_stands_twice_in_a_record_is_refused(checkout: Checkout) -> None:
    body = '{"department": "75", "department": "13"}'
    answer = await checkout.http.put("/v1/employers/emp-new", content=body)
    assert_problem(answer, 422, "INVALID_REQUEST")
    assert "`department` is written twice" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokens", {"card": "card-1", "wallet": "PLUXEE_PAY", "device": "d", "attested": True}),
        ("/cards/card-1/replace", {"card": {"id": "card-9", "pan": pan(9), "expiry": "3112"}}),
    ],
)
async def test_a_record_and_a_new_number_of_one_person_never_wait_for_each_other(
    checkout: Checkout, path: str, body: dict[str, Any]
) -> None:
    async with checkout.deps.pool.acquire() as sql, sql.transaction():
        await sql.fetch("select from holders for update")
        adding = asyncio.create_task(checkout.post(path, body))
        await until_they_wait(sql)
        putting = asyncio.create_task(result(checkout, "/cards/card-1", CARD | {"psn": "07"}))
        await until_they_wait(sql, 2)
    assert (await adding).status_code in (200, 201)
    assert await putting == (200, "changed")
