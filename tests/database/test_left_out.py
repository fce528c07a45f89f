"""What a record leaves out stays as it is: blocks, agreements, places, links and bank accounts."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from authz.credentials import life
from authz.credentials.change import By, carry_out
from authz.storage import database
from authz.world.load import load_world
from tests.authz.hsm.keys import some_safe
from tests.authz.world.builders import write
from tests.database.administering import ACCOUNT, CARD, EMPLOYER, MERCHANT, put, reason, result
from tests.database.checkout import Checkout, checkout, checkout_template
from tests.database.decided import assert_problem
from tests.database.test_bounces import until_they_wait
from tests.road.people import DIGESTER, EXPIRY, Setting, as_world, bank_pan, pan

__all__ = ["checkout", "checkout_template"]

CHANGED, UNCHANGED = (200, "changed"), (200, "unchanged")
OWNER: dict[str, Any] = {"employer": "emp-1", "person": "per-1"}
PLASTIC: dict[str, Any] = {"account": "acc-1", "pan": pan(1), "expiry": EXPIRY}
PLACE = {name: MERCHANT[name] for name in ("class", "mcc")}
SHOP = f"/merchants/{MERCHANT['acquirer']}/{MERCHANT['mid']}"
PROFILE = "select profile from holders h join directory d using (holder_id) where d.name = 'acc-1'"
IBAN, OTHER = "FR76 9999 9000 0100 0000 0000 309", "FR76 9999 9000 0100 0000 0000 115"


async def kept(shop: Checkout, name: str) -> Any:
    """A field of the record of the first merchant, employer or issuer, whichever has it."""
    rows = await shop.deps.pool.fetch(
        "select record from merchants where mid = $1 union all"
        " select record from employers where employer_id = 'emp-1' union all"
        " select record from issuer",
        MERCHANT["mid"],
    )
    records = [json.loads(record) for (record,) in rows]
    return next(record[name] for record in records if name in record)


@pytest.mark.parametrize("expiry", [EXPIRY, "3012"])
async def test_a_blocked_card_whose_record_leaves_out_the_status_stays_blocked(
    checkout: Checkout, expiry: str
) -> None:
    assert (await checkout.post("/cards/card-1/block", {})).status_code == 200
    became = UNCHANGED if expiry == EXPIRY else CHANGED
    assert await result(checkout, "/cards/card-1", PLASTIC | {"expiry": expiry}) == became
    card = {"pan": pan(1), "expiry": expiry}
    assert await reason(checkout, credential=card) == "CARD_BLOCKED"


async def test_a_block_that_comes_while_a_record_is_put_is_not_taken_back(
    checkout: Checkout,
) -> None:
    blocked, by = partial(life.block, card_id="card-1"), By("HOLDER", "APP", "")
    async with checkout.deps.pool.acquire() as sql, sql.transaction():
        await carry_out(sql, "card", "card-1", "BLOCK", by, blocked)
        said = PLASTIC | {"visa_logo": True}
        putting = asyncio.create_task(result(checkout, "/cards/card-1", said))
        await until_they_wait(sql)
    assert await putting == CHANGED
    assert await reason(checkout) == "CARD_BLOCKED"


async def test_a_card_that_was_opposed_is_known_as_that_though_its_record_does_not_say_so(
    checkout: Checkout,
) -> None:
    stolen = {"opposed_as": "STOLEN"}
    assert (await checkout.post("/cards/card-1/oppose", stolen)).status_code == 200
    assert await result(checkout, "/cards/card-1", PLASTIC) == UNCHANGED
    assert await result(checkout, "/cards/card-1", PLASTIC | {"status": "OPPOSED"}) == UNCHANGED
    assert await result(checkout, "/cards/card-1", PLASTIC | {"visa_logo": True}) == CHANGED
    assert await reason(checkout) == "STOLEN"


@pytest.mark.parametrize(
    "made",
    [{"psn": "07"}, {"conecs_logo": False}, {"visa_logo": True}, {"generation": "4 coins"}],
)
async def test_the_make_of_a_card_that_is_left_out_stays(
    checkout: Checkout, made: dict[str, Any]
) -> None:
    assert await result(checkout, "/cards/card-1", CARD | made) == CHANGED
    before = await checkout.deps.pool.fetchval(PROFILE)
    assert await result(checkout, "/cards/card-1", PLASTIC) == UNCHANGED
    assert await checkout.deps.pool.fetchval(PROFILE) == before


async def test_a_pin_that_is_left_out_stays(checkout: Checkout) -> None:
    assert await result(checkout, "/cards/card-1", CARD | {"pin": "4826"}) == CHANGED
    before = await checkout.deps.pool.fetchval(PROFILE)
    assert await result(checkout, "/cards/card-1", PLASTIC) == UNCHANGED
    assert await checkout.deps.pool.fetchval(PROFILE) == before


async def test_a_new_card_has_the_defaults(checkout: Checkout) -> None:
    new = PLASTIC | {"pan": pan(9)}
    assert await result(checkout, "/cards/card-new", new) == (201, "created")
    said = new | {"status": "ACTIVE", "psn": "00", "conecs_logo": True, "generation": "hybrid"}
    assert await result(checkout, "/cards/card-new", said) == UNCHANGED
    assert await reason(checkout, credential={"pan": pan(9), "expiry": EXPIRY}) == "APPROVED"


async def test_the_number_of_a_known_card_may_be_left_out_and_that_of_a_new_one_not(
    checkout: Checkout,
) -> None:
    plain = {"account": "acc-1", "expiry": EXPIRY}
    assert await result(checkout, "/cards/card-1", plain) == UNCHANGED
    assert await result(checkout, "/cards/card-1", plain | {"status": "BLOCKED"}) == CHANGED
    assert await reason(checkout) == "CARD_BLOCKED"
    answer = await put(checkout, "/cards/card-new", plain)
    assert_problem(answer, 422, "INVALID_REQUEST")
    assert "`pan`" in answer.json()["detail"]


async def test_a_closed_account_whose_record_leaves_out_the_status_stays_closed(
    checkout: Checkout,
) -> None:
    assert await result(checkout, "/accounts/acc-1", OWNER | {"status": "CLOSED"}) == CHANGED
    assert await result(checkout, "/accounts/acc-1", OWNER) == UNCHANGED
    assert await result(checkout, "/accounts/acc-1", OWNER | {"works_outside": True}) == CHANGED
    assert (await checkout.account())["status"] == "CLOSED"


@pytest.mark.parametrize(
    "said",
    [
        {"works_outside": True},
        {"derogations": [{"from": "2026-01-01", "sunday": True}]},
        {"phone": "+33612345678"},
    ],
)
async def test_what_the_record_of_an_account_leaves_out_stays(
    checkout: Checkout, said: dict[str, Any]
) -> None:
    assert await result(checkout, "/accounts/acc-1", ACCOUNT | said) == CHANGED
    assert await result(checkout, "/accounts/acc-1", OWNER) == UNCHANGED
    assert await result(checkout, "/accounts/acc-1", OWNER | said) == UNCHANGED


async def test_a_top_up_that_was_switched_off_stays_off_when_its_card_is_renewed(
    checkout: Checkout,
) -> None:
    linked = {"bank_pan": bank_pan(1), "bank_expiry": "2912", "enabled": False, "verified": True}
    assert await result(checkout, "/accounts/acc-1", OWNER | {"topup": linked}) == CHANGED
    renewed = {"topup": {"bank_expiry": "3012"}}
    assert await result(checkout, "/accounts/acc-1", OWNER | renewed) == CHANGED
    same = {"topup": {"bank_expiry": "3012", "enabled": False, "verified": True}}
    assert await result(checkout, "/accounts/acc-1", OWNER | same) == UNCHANGED
    another = {"topup": {"bank_pan": bank_pan(2), "bank_expiry": "3012"}}
    assert await result(checkout, "/accounts/acc-1", OWNER | another) == CHANGED
    unverified = {"topup": {"bank_expiry": "3012", "enabled": False, "verified": False}}
    assert await result(checkout, "/accounts/acc-1", OWNER | unverified) == UNCHANGED


@pytest.mark.parametrize(
    "ended", [{"agreement_to": "2026-11-23"}, {"affiliated": False}, {"country": "BE"}]
)
async def test_a_merchant_who_may_not_be_paid_stays_so_though_the_record_does_not_say_it(
    checkout: Checkout, ended: dict[str, Any]
) -> None:
    assert await result(checkout, SHOP, MERCHANT | ended) == CHANGED
    before = await reason(checkout)
    assert before != "APPROVED"
    assert await result(checkout, SHOP, PLACE) == UNCHANGED
    assert await result(checkout, SHOP, PLACE | {"name": "Chez Paul"}) == CHANGED
    assert await reason(checkout) == before


async def test_a_bic_stays_with_its_account_and_goes_with_it(checkout: Checkout) -> None:
    assert await result(checkout, SHOP, PLACE | {"iban": IBAN, "bic": "TESTFRPP"}) == CHANGED
    assert await result(checkout, SHOP, PLACE) == UNCHANGED
    assert await result(checkout, SHOP, PLACE | {"iban": IBAN}) == UNCHANGED
    assert await result(checkout, SHOP, PLACE | {"iban": OTHER}) == CHANGED
    assert await kept(checkout, "iban") == OTHER.replace(" ", "")
    assert await kept(checkout, "bic") is None


async def test_what_the_record_of_an_employer_leaves_out_stays(checkout: Checkout) -> None:
    said = {"derogations": [{"from": "2026-01-01", "sunday": True}], "geo_scope": "FRANCE"}
    place = {"department": "67", "commune": "67482", "good_friday": True}
    assert await result(checkout, "/employers/emp-1", EMPLOYER | said | place) == CHANGED
    assert await result(checkout, "/employers/emp-1", {"department": "67"}) == UNCHANGED
    assert await result(checkout, "/employers/emp-1", {"department": "75"}) == CHANGED
    assert await kept(checkout, "geo_scope") == "FRANCE"
    assert await kept(checkout, "commune") is None, "that was one of another place"
    assert await kept(checkout, "good_friday") is None
    await checkout.at("2026-11-22T12:30:00+01:00")
    assert await reason(checkout) == "APPROVED"


async def test_an_account_of_the_issuer_that_is_left_out_stays_until_it_is_null(
    checkout: Checkout,
) -> None:
    accounts = [{"iban": f"FR76 9999 9000 0100 0000 0000 {end}"} for end in ("115", "212", "309")]
    plain = {"name": "Millésime SA", "vouchers": accounts[0], "own": accounts[1]}
    assert await result(checkout, "/issuer", plain | {"bank": accounts[2]}) == (201, "created")
    assert await result(checkout, "/issuer", plain) == UNCHANGED
    assert await result(checkout, "/issuer", plain | {"bank": None}) == CHANGED
    assert await kept(checkout, "bank") is None


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("/cards/card-1", CARD),
        ("/accounts/acc-1", ACCOUNT),
        (SHOP, MERCHANT),
        ("/employers/emp-1", EMPLOYER),
    ],
)
async def test_a_whole_record_is_unchanged_twice(
    checkout: Checkout, path: str, record: dict[str, Any]
) -> None:
    assert await result(checkout, path, record) == UNCHANGED
    assert await result(checkout, path, record) == UNCHANGED


async def test_a_world_that_is_loaded_again_unblocks_nothing(
    checkout: Checkout, tmp_path: Path
) -> None:
    world = as_world((1, Setting()))
    del world["cards"][0]["status"]
    assert (await checkout.post("/cards/card-1/block", {})).status_code == 200
    assert await result(checkout, "/cards/card-1", PLASTIC) == UNCHANGED
    assert await result(checkout, "/accounts/acc-1", OWNER) == UNCHANGED
    before = await checkout.deps.pool.fetchval(PROFILE)
    sql = await database.connect(checkout.url)
    file = write(tmp_path / "world.json", world)
    report = await load_world(sql, file, DIGESTER, safe=some_safe())
    await sql.close()
    assert report.loaded == {}
    assert report.skipped == {"employer": 1, "account": 1, "card": 1, "merchant": 1}
    assert await checkout.deps.pool.fetchval(PROFILE) == before
    assert await reason(checkout) == "CARD_BLOCKED"
