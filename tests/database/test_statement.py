"""The statement of an account: what moved, and the balance that it left."""

from typing import Any

from authz.requests import Kind
from tests.database.checkout import Checkout, checkout, checkout_template
from tests.database.decided import assert_problem

__all__ = ["checkout", "checkout_template"]


async def statement(shop: Checkout, **page: Any) -> Any:
    answer = await shop.http.get("/v1/accounts/acc-1/statement", params=page)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_movement_is_told_with_its_balance(checkout: Checkout) -> None:
    held = await checkout.paid(2_300)
    await checkout.road(Kind.REVERSAL, held, 2_300, new_total_minor=2_000)
    await checkout.verb(held, "capture", 1_900)
    await checkout.verb(held, "refund", 400)
    whole = await statement(checkout)
    told = [(m["type"], m["amount"], m["change"], m["balance"]) for m in whole["data"]]
    assert told == [
        ("REFUND", 400, 400, 8_500),
        ("CAPTURE", 1_900, 100, 8_100),
        ("REVERSAL", 2_000, -2_000, 8_000),
        ("REVERSAL", 2_300, 2_300, 10_000),
        ("HOLD", 2_300, -2_300, 7_700),
        ("LOAD", 10_000, 10_000, 10_000),
    ]
    kinds = ["direct", "post", "hold", "void", "hold", "direct"]
    assert [m["movement"] for m in whole["data"]] == kinds
    assert {m["authorization"] for m in whole["data"][:-1]} == {held["id"]}
    assert (whole["data"][-1]["authorization"], whole["data"][-1]["leg"]) == (None, "VOUCHER")
    assert {m["vintage"] for m in whole["data"]} == {2026}
    assert whole["data"][0]["balance"] == (await checkout.account())["balance"]


async def test_a_cursor_walks_through_the_statement_once(checkout: Checkout) -> None:
    for amount in (300, 400, 500):
        await checkout.paid(amount, capture="auto")
    whole = (await statement(checkout))["data"]
    walked: list[Any] = []
    page = await statement(checkout, limit=1)
    walked += page["data"]
    while page["has_more"]:
        page = await statement(checkout, limit=1, cursor=page["next_cursor"])
        walked += page["data"]
    assert walked == whole
    assert [m["balance"] for m in whole] == [8_800, 9_300, 9_700, 10_000]


async def test_an_unknown_account_has_no_statement(checkout: Checkout) -> None:
    answer = await checkout.http.get("/v1/accounts/acc-9/statement")
    assert_problem(answer, 404, "NOT_FOUND")
    bad = await checkout.http.get("/v1/accounts/acc-1/statement", params={"cursor": "x"})
    assert_problem(bad, 422, "INVALID_REQUEST")
