"""The life of a card over HTTP, between payments of the engine: what is changed bites at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from authz.gateway import CardDesk, Deps, create_app
from authz.hsm import Pin
from authz.hsm.des import DesKey
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.requests import Kind
from authz.state import Profile
from authz.world.fold import decode_profile
from rules.decision import Reason
from rules.facts import Purchase, Wallet
from tests.authz.hsm.keys import PIN_KEY, some_module, some_safe
from tests.database.town import Town, town
from tests.road.people import DIGESTER, EXPIRY, Setting, bank_pan, pan

ONE = {1: Setting()}
LAST4 = pan(1)[-4:]
NEW = {"id": "card-9", "pan": pan(9), "expiry": "3112"}


@asynccontextmanager
async def bank(
    url: str, tmp_path: Path, people: dict[int, Setting]
) -> AsyncIterator[tuple[Town, httpx.AsyncClient]]:
    async with town(url, tmp_path, people) as t:
        deps = Deps(
            t.pool,
            t.pool,
            Metrics(),
            t.books,
            lambda: True,
            True,
            cards=CardDesk(DIGESTER, some_safe()),
        )
        transport = httpx.ASGITransport(create_app(deps), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://issuer", headers={"authorization": "Bearer dev"}
        ) as http:
            yield t, http


async def do(http: httpx.AsyncClient, verb: str, name: str = "card-1", **body: Any) -> Any:
    answer = await http.post(f"/v1/cards/{name}/{verb}", json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def refused(http: httpx.AsyncClient, verb: str, name: str = "card-1", **body: Any) -> Any:
    answer = await http.post(f"/v1/cards/{name}/{verb}", json=body)
    return answer.status_code, answer.json()["code"]


async def pay_with(t: Town, number: str, amount_minor: int, expiry: str = EXPIRY) -> Outcome:
    """A payment with another credential than the first person's card."""
    asked = t.request(Kind.PURCHASE, amount_minor, 1)
    purchase = Purchase(amount_minor, expiry=expiry)
    return await t._ask(replace(asked, card_ref=DIGESTER.card_ref(number), purchase=purchase))


async def profile(t: Town) -> Profile:
    return decode_profile(await t.pool.fetchval("select profile from holders where holder_id > 1"))


async def test_crd_03_a_block_bites_at_once_and_leaves_who_and_why(
    calendar_url: str, tmp_path: Path
) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        assert (await t.pay(100)).reason is Reason.APPROVED
        who = {"initiator": "HOLDER", "channel": "APP", "reason": "left it at the bar"}
        told = await do(http, "block", **who)
        assert (told["status"], told["account"], told["last4"]) == ("BLOCKED", "acc-1", LAST4)
        [event] = told["events"]
        wanted = {"action": "BLOCK", "before": "ACTIVE", "after": "BLOCKED"}
        assert event == who | wanted | {"at": "2026-11-24T11:30:00Z"}
        assert (await t.pay(100)).reason is Reason.CARD_BLOCKED
        await do(http, "unblock")
        assert (await t.pay(100)).reason is Reason.APPROVED
        shown = (await http.get("/v1/cards/card-1")).json()
        assert [each["action"] for each in shown["events"]] == ["BLOCK", "UNBLOCK"]


async def test_a_holder_who_read_before_the_block_decides_again(
    calendar_url: str, tmp_path: Path
) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        version = "select version from holders where holder_id > 1"
        before = await t.pool.fetchval(version)
        await do(http, "block")
        assert await t.pool.fetchval(version) == before + 1


@pytest.mark.parametrize(
    ("opposed_as", "reason"), [("LOST", Reason.LOST), ("STOLEN", Reason.STOLEN)]
)
async def test_an_opposed_card_is_declined_for_good(
    calendar_url: str, tmp_path: Path, opposed_as: str, reason: Reason
) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        await do(http, "oppose", opposed_as=opposed_as)
        assert (await t.pay(100)).reason is reason
        assert await refused(http, "unblock") == (409, "STATE_MISMATCH")


@pytest.mark.parametrize(
    ("wallet", "reason"),
    [(Wallet.PLUXEE_PAY, Reason.CARD_BLOCKED), (Wallet.APPLE_PAY, Reason.APPROVED)],
)
async def test_ex_45_with_the_card_blocked_only_the_apple_token_pays(
    calendar_url: str, tmp_path: Path, wallet: Wallet, reason: Reason
) -> None:
    async with bank(calendar_url, tmp_path, {1: Setting(phone=wallet)}) as (t, http):
        await do(http, "block")
        assert (await t.pay(1000)).reason is Reason.CARD_BLOCKED
        assert (await pay_with(t, pan(1, phone=True), 1000)).reason is reason


async def test_crd_04_the_money_stays_when_the_card_is_replaced(
    calendar_url: str, tmp_path: Path
) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        await t.pay(400)
        told = await do(http, "replace", card=NEW)
        assert (told["id"], told["status"], told["replaces"]) == ("card-9", "ISSUED", "card-1")
        assert told["last4"] is None
        assert (await http.get("/v1/cards/card-9")).json()["last4"] is None
        assert (await t.pay(100)).reason is Reason.APPROVED
        assert (await pay_with(t, pan(9), 100, "3112")).reason is Reason.NOT_ACTIVATED
        assert await refused(http, "activate", "card-9", last4="0000") == (409, "WRONG_DIGITS")
        arrived = await do(http, "activate", "card-9", last4=pan(9)[-4:])
        assert arrived["last4"] == pan(9)[-4:]
        assert (await t.pay(100)).reason is Reason.CARD_BLOCKED
        paid = await pay_with(t, pan(9), 100, "3112")
        assert (paid.reason, paid.balance_minor) == (Reason.APPROVED, 9400)


async def test_crd_04_a_record_that_activates_a_card_ends_the_one_before(
    calendar_url: str, tmp_path: Path
) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        await do(http, "replace", card=NEW)
        assert await t.put("card", NEW | {"account": "acc-1"}) == "changed"
        assert [card.status.value for card in (await profile(t)).cards] == ["REPLACED", "ACTIVE"]
        assert not (await t.pay(100)).approved
        assert (await pay_with(t, pan(9), 100, NEW["expiry"])).approved


async def test_a_known_card_is_no_new_card(calendar_url: str, tmp_path: Path) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        for card in (NEW | {"pan": pan(1)}, NEW | {"id": "card-1"}):
            assert await refused(http, "replace", card=card) == (409, "CARD_KNOWN")
        assert len((await profile(t)).cards) == 1
        wrong = NEW | {"pan": pan(9)[:-1] + str(int(pan(9)[-1]) ^ 1)}
        answer = await http.post("/v1/cards/card-1/replace", json={"card": wrong})
        assert answer.status_code == 422 and wrong["pan"] not in answer.text


async def test_a_pin_is_kept_so_that_it_cannot_be_read(calendar_url: str, tmp_path: Path) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        await do(http, "pin", pin="4826")
        [credential] = (await profile(t)).credentials
        assert credential.pin_ref == some_module().pin_ref(credential.card_ref, Pin("4826"))
        answer = await http.post("/v1/cards/card-1/pin", json={"pin": "48x6"})
        assert answer.status_code == 422 and "48x6" not in answer.text


async def test_what_cannot_be_done_says_why(calendar_url: str, tmp_path: Path) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (_, http):
        assert await refused(http, "activate", last4=LAST4) == (409, "STATE_MISMATCH")
        assert await refused(http, "block", "card-8") == (404, "NOT_FOUND")
        assert (await http.get("/v1/cards/card-8")).status_code == 404
        assert await refused(http, "oppose", opposed_as="EATEN") == (422, "INVALID_REQUEST")
        answer = await http.post("/v1/cards/card-1/unblock", json={})
        assert answer.json()["state"] == "ACTIVE"
        assert (await http.get("/v1/cards/card-1")).json()["events"] == []


async def test_what_was_done_cannot_be_changed(calendar_url: str, tmp_path: Path) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        await do(http, "block")
        for forbidden in (
            "update credential_events set reason = 'other'",
            "delete from credential_events",
            "truncate credential_events",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await t.pool.execute(forbidden)


async def test_crd_02_five_wrong_digits_stop_a_card_for_a_day(
    calendar_url: str, tmp_path: Path
) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        await do(http, "replace", card=NEW)
        right = pan(9)[-4:]
        wrong = f"{(int(right) + 1) % 10_000:04d}"
        for _ in range(5):
            assert await refused(http, "activate", "card-9", last4=wrong) == (409, "WRONG_DIGITS")
        for digits in (wrong, right):
            told = await refused(http, "activate", "card-9", last4=digits)
            assert told == (409, "ACTIVATION_TRIES")
        assert (await t.pay(100)).reason is Reason.APPROVED
        await t.at("2026-11-25T12:30:00+01:00")
        assert (await do(http, "activate", "card-9", last4=right))["status"] == "ACTIVE"


async def test_a_pin_comes_as_a_block_too_and_unblocking_leaves_it(
    calendar_url: str, tmp_path: Path
) -> None:
    async with bank(calendar_url, tmp_path, ONE) as (t, http):
        await do(http, "replace", card=NEW)
        account = int(f"0000{pan(9)[-13:-1]}", 16)
        clear = int("044826FFFFFFFFFF", 16) ^ account  # ISO 9564-1, format 0, by hand
        block = DesKey(PIN_KEY).encrypt(clear.to_bytes(8)).hex()
        await do(http, "pin", "card-9", pin_block=block)
        own = (await profile(t)).credentials[-1]
        assert own.pin_ref == some_module().pin_ref(own.card_ref, Pin("4826"))
        told = await do(http, "pin", "card-9", unblock=True)
        assert told["events"][-1]["action"] == "UNBLOCK_PIN"
        after = (await profile(t)).credentials[-1]
        assert (after.pin_ref, after.pin_round) == (own.pin_ref, own.pin_round + 1)
        for body in ({}, {"pin": "4826", "unblock": True}, {"pin_block": "00" * 8}):
            answer = await http.post("/v1/cards/card-9/pin", json=body)
            assert answer.status_code == 422 and "4826" not in answer.text
        # The first card was loaded without a safe: its number is not kept, its blocks not opened.
        assert await refused(http, "pin", pin_block=block) == (409, "NUMBER_NOT_KEPT")
        assert await refused(http, "pin", "card-8", pin_block=block) == (404, "NOT_FOUND")


async def test_top_08_a_second_card_that_is_not_in_use_goes_before_a_bank_card_is_linked(
    calendar_url: str, tmp_path: Path
) -> None:
    """Without a bank here: who may link one is told so."""
    async with bank(calendar_url, tmp_path, ONE) as (_, http):

        async def linked() -> tuple[int, str]:
            card = {"pan": bank_pan(1), "expiry": "2912"}
            answer = await http.post("/v1/accounts/acc-1/bank-card", json=card)
            return answer.status_code, answer.json()["code"]

        may, may_not = (503, "NO_BANK"), (409, "SECOND_CARD")
        assert await linked() == may
        await do(http, "block")
        assert await linked() == may
        await do(http, "unblock")
        await do(http, "replace", card=NEW)
        assert await linked() == may_not
        await do(http, "activate", "card-9", last4=pan(9)[-4:])
        assert await linked() == may
        await do(http, "replace", "card-9", card=NEW | {"id": "card-8", "pan": pan(8)})
        assert await linked() == may_not
        await do(http, "oppose", "card-8", opposed_as="LOST")
        assert await linked() == may
