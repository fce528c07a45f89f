"""Records that are read back: what is read can be put again, changes nothing, and is no secret."""

from typing import Any

import pytest

from tests.database.administering import ACCOUNT, CARD, EMPLOYER, MERCHANT, result
from tests.database.checkout import Checkout, checkout, checkout_template
from tests.database.decided import assert_problem
from tests.database.test_cards import LAST4, NEW
from tests.road.people import EXPIRY, bank_pan, pan

__all__ = ["checkout", "checkout_template"]

IBAN, OTHER = "FR7699999000010000000000309", "FR7699999000010000000000115"
SHOP = f"/merchants/{MERCHANT['acquirer']}/{MERCHANT['mid']}"
DEROGATIONS = [
    {"from": "2026-01-01", "to": "2026-12-31", "sunday": True, "holiday": False, "dates": None},
    {"from": "2026-05-01", "to": None, "sunday": False, "holiday": True, "dates": ["2026-12-25"]},
]
LINKED = {"bank_pan": bank_pan(1), "bank_expiry": "2912", "enabled": True, "verified": True}
PHONE = "+33612345678"


async def read(shop: Checkout, path: str) -> Any:
    """What is read, after it was put again and changed nothing."""
    answer = await shop.http.get(f"/v1{path}")
    assert answer.status_code == 200, answer.text
    stands = "select profile from holders order by holder_id"
    before = await shop.deps.pool.fetch(stands)
    assert await result(shop, path.removesuffix("/record"), answer.json()) == (200, "unchanged")
    assert await shop.deps.pool.fetch(stands) == before
    return answer.json()


async def step(shop: Checkout, path: str, body: Any) -> None:
    """A step of a card's life that is taken."""
    answer = await shop.post(path, body)
    assert answer.status_code in (200, 201), answer.text


async def test_an_employer_is_read_as_it_was_put(checkout: Checkout) -> None:
    said = {
        "id": "emp-1", "department": "67", "name": "Atelier Nord", "siret": "73282932000074",
        "commune": "67482", "good_friday": True, "geo_scope": "FRANCE",
        "derogations": DEROGATIONS, "paper": True,
    }  # fmt: skip
    assert await read(checkout, "/employers/emp-1") == EMPLOYER | {
        "name": "", "siret": None, "commune": None, "good_friday": None, "paper": False
    }  # fmt: skip
    assert await result(checkout, "/employers/emp-1", said) == (200, "changed")
    assert await read(checkout, "/employers/emp-1") == said


async def test_a_merchant_is_read_as_it_was_put(checkout: Checkout) -> None:
    said = MERCHANT | {
        "name": "Chez Paul", "siret": "55210055400013", "country": "FR", "affiliated": False,
        "agreement_to": "2026-12-31", "iban": IBAN, "bic": "TESTFRPP",
    }  # fmt: skip
    assert await result(checkout, SHOP, said) == (200, "changed")
    assert await read(checkout, SHOP) == said


async def test_the_issuer_is_read_once_somebody_said_it(checkout: Checkout) -> None:
    assert_problem(await checkout.http.get("/v1/issuer"), 404, "NOT_FOUND")
    said = {
        "name": "Millésime SA",
        "vouchers": {"iban": OTHER, "bic": None},
        "own": {"iban": IBAN, "bic": "TESTFRPP"},
        "bank": None,
    }
    assert await result(checkout, "/issuer", said) == (201, "created")
    assert await read(checkout, "/issuer") == said


async def test_an_account_is_read_without_its_money(checkout: Checkout) -> None:
    plain = {
        "id": "acc-1", "employer": "emp-1", "person": "per-1", "programme": "fr-meal",
        "status": "ACTIVE", "derogations": [], "works_outside": False, "geo_scope": None,
    }  # fmt: skip
    assert await read(checkout, "/accounts/acc-1/record") == plain
    said = ACCOUNT | {"derogations": DEROGATIONS, "works_outside": True, "geo_scope": "FRANCE"}
    linked = {"topup": LINKED, "phone": PHONE}
    assert await result(checkout, "/accounts/acc-1", said | linked) == (200, "changed")
    shown = {name: LINKED[name] for name in ("bank_expiry", "enabled", "verified")}
    assert await read(checkout, "/accounts/acc-1/record") == plain | {
        "derogations": DEROGATIONS, "works_outside": True, "geo_scope": "FRANCE", "topup": shown,
    }  # fmt: skip
    assert (await checkout.http.delete("/v1/accounts/acc-1/bank-card")).status_code < 300
    assert "topup" not in await read(checkout, "/accounts/acc-1/record")
    await step(checkout, "/accounts/acc-1/close", {"why": "left"})
    assert (await read(checkout, "/accounts/acc-1/record"))["status"] == "CLOSED"


async def test_a_card_is_read_in_every_state_of_its_life(checkout: Checkout) -> None:
    made = {
        "psn": "07", "generation": "4 coins", "visa_logo": True, "conecs_logo": False,
        "direct_wallet_add": True,
    }  # fmt: skip
    assert await result(checkout, "/cards/card-1", CARD | made | {"pin": "4826"}) == (
        200,
        "changed",
    )
    shown = {"id": "card-1", "account": "acc-1", "expiry": EXPIRY, "opposed_as": None, **made}
    path = "/cards/card-1/record"
    assert await read(checkout, path) == shown | {"status": "ACTIVE"}
    await step(checkout, "/cards/card-1/block", {})
    assert await read(checkout, path) == shown | {"status": "BLOCKED"}
    await step(checkout, "/cards/card-1/unblock", {})
    await step(checkout, "/cards/card-1/replace", {"card": NEW})
    assert (await read(checkout, f"/cards/{NEW['id']}/record"))["status"] == "ISSUED"
    await step(checkout, f"/cards/{NEW['id']}/activate", {"last4": NEW["pan"][-4:]})
    assert await read(checkout, path) == shown | {"status": "REPLACED"}
    await step(checkout, f"/cards/{NEW['id']}/oppose", {"opposed_as": "LOST"})
    lost = await read(checkout, f"/cards/{NEW['id']}/record")
    assert (lost["status"], lost["opposed_as"]) == ("OPPOSED", "LOST")


async def test_no_secret_is_read_back(checkout: Checkout) -> None:
    said = ACCOUNT | {"topup": LINKED, "phone": PHONE}
    await result(checkout, "/accounts/acc-1", said)
    await result(checkout, "/cards/card-1", CARD | {"pin": "4826"})
    paths = ("/accounts/acc-1/record", "/cards/card-1/record")
    told = "".join([(await checkout.http.get(f"/v1{path}")).text for path in paths])
    for secret in (pan(1), LAST4, bank_pan(1), bank_pan(1)[-4:], PHONE[1:], "4826"):
        assert secret not in told


async def pages(shop: Checkout, path: str, limit: int) -> list[list[Any]]:
    """All parts of a list, one after the other."""
    found: list[list[Any]] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        page = (await shop.http.get(f"/v1{path}", params=params)).json()
        found.append(page["data"])
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            return found
        params["cursor"] = page["next_cursor"]


async def test_lists_are_read_a_part_at_a_time(checkout: Checkout) -> None:
    for name in ("emp-0", "emp-1z", "emp-9"):
        await result(checkout, f"/employers/{name}", {"department": "75"})
    mine = {name: MERCHANT[name] for name in ("class", "mcc")}
    for name in ("12345/A B", "99/Z", "99/A"):
        await result(checkout, f"/merchants/{name}", mine)
    employers = await pages(checkout, "/employers", 2)
    assert [[each["id"] for each in part] for part in employers] == [
        ["emp-0", "emp-1"], ["emp-1z", "emp-2"], ["emp-9"]
    ]  # fmt: skip
    merchants = await pages(checkout, "/merchants", 2)
    assert [[f"{each['acquirer']}/{each['mid']}" for each in part] for part in merchants] == [
        ["12345/A B", "12345/MERCH0000000001"], ["12345/MERCH0000000002", "99/A"], ["99/Z"]
    ]  # fmt: skip
    assert employers[0][1] == await read(checkout, "/employers/emp-1")
    assert merchants[0][1] == await read(checkout, SHOP)
    assert [len(part) for part in await pages(checkout, "/merchants", 5)] == [5]


@pytest.mark.parametrize(
    "query",
    ["employers?limit=201", "employers?limit=0", "employers?name=x", "merchants?limit=201",
     "merchants?cursor=12345", "merchants?cursor=abc/M", "merchants?acquirer=1"],
)  # fmt: skip
async def test_a_list_is_asked_for_as_every_list(checkout: Checkout, query: str) -> None:
    assert_problem(await checkout.http.get(f"/v1/{query}"), 422, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "path",
    ["employers/nobody", "merchants/12345/NOBODY", "merchants/1/MERCH0000000001",
     "accounts/nobody/record", "cards/nobody/record", "cards/tok-2/record"],
)  # fmt: skip
async def test_what_nobody_put_is_not_there(checkout: Checkout, path: str) -> None:
    assert_problem(await checkout.http.get(f"/v1/{path}"), 404, "NOT_FOUND")
