"""What cards and phones owe each other, rule by rule: those of CRD and TOK with no other test."""

from pathlib import Path
from typing import Any

import pytest

from authz.credentials import tokens
from authz.requests import Kind
from rules.decision import Reason
from rules.facts import TokenStatus
from tests.database.test_cards import NEW, pay_with
from tests.database.test_loads import LINE, order, paid
from tests.database.test_tokens import APPLE, PLUXEE, Phones, phones
from tests.road.people import pan

OLD_EXPIRY, NEW_EXPIRY = "2912", "3112"


async def card(p: Phones, verb: str, name: str = "card-1", **body: Any) -> Any:
    status, told = await p.ask(f"cards/{name}/{verb}", **body)
    assert status in (200, 201), told
    return told


async def balance(p: Phones) -> int:
    return sum(lot.available_minor for lot in (await p.t.view()).lots)


async def renew(p: Phones) -> None:
    """The holder gets another card and takes it into use."""
    await card(p, "replace", card=NEW)
    await card(p, "activate", "card-9", last4=pan(9)[-4:])


@pytest.mark.parametrize("stop", [("block", {}), ("oppose", {"opposed_as": "STOLEN"})])
async def test_crd_01_a_card_that_is_stopped_is_loaded_and_keeps_its_value(
    calendar_url: str, tmp_path: Path, stop: tuple[str, dict[str, str]]
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        before = await balance(p)
        await card(p, stop[0], **stop[1])
        loaded = await paid(p.t, await order(p.t, LINE))
        assert loaded.state == "LOADED"
        assert await balance(p) == before + 10_000
        await renew(p)
        assert await balance(p) == before + 10_000
        assert (await pay_with(p.t, pan(9), 100, NEW_EXPIRY)).reason is Reason.APPROVED


async def test_crd_03_a_capture_stands_though_the_card_was_blocked_after_its_hold(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        held = await p.t.pay(1000, kind=Kind.HOLD)
        await card(p, "block")
        captured = await p.t.about(Kind.CAPTURE, held, 800)
        assert (captured.reason, captured.approved_minor) == (Reason.APPROVED, 800)
        assert (await p.t.pay(100)).reason is Reason.CARD_BLOCKED


async def test_crd_04_tokens_go_on_with_the_new_card_in_the_state_they_were(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        apple, android = await p.added(APPLE), await p.added(PLUXEE)
        asleep, waiting = await p.added(APPLE | {"device": "ipad-1"}), await p.add(
            APPLE | {"device": "watch-1"}
        )  # fmt: skip
        await p.ask(f"tokens/{asleep['id']}/suspend")
        await card(p, "replace", card=NEW)
        assert await p.tap(apple) is Reason.APPROVED
        await card(p, "activate", "card-9", last4=pan(9)[-4:])
        taps = [await p.tap(each) for each in (apple, android, asleep, waiting)]
        assert taps == [Reason.APPROVED] * 2 + [Reason.TOKEN_SUSPENDED] * 2
        assert await p.activate(waiting["id"], await p.code(waiting["id"])) == (200, "ACTIVE")
        status, shown = await p.ask(f"tokens/{asleep['id']}/resume")
        assert (status, shown["card"], shown["status"]) == (200, "card-9", "ACTIVE")
        # What stops the new card stops them, what is done to the old one does not.
        assert (await p.ask("cards/card-1/block"))[0] == 409
        await card(p, "block", "card-9")
        assert [await p.tap(each) for each in (apple, android)] == [
            Reason.APPROVED, Reason.CARD_BLOCKED,
        ]  # fmt: skip


async def test_crd_04_a_phone_outlives_the_card_it_was_made_of_whatever_expiry_it_presents(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        apple = await p.added(APPLE)
        await renew(p)
        assert (await p.ask(f"tokens/{apple['id']}/suspend"))[1]["expiry"] == NEW_EXPIRY
        await p.ask(f"tokens/{apple['id']}/resume")
        await p.t.at("2030-01-15T12:30:00+01:00")
        await paid(p.t, await order(p.t, LINE))
        for presented in (OLD_EXPIRY, NEW_EXPIRY):
            assert (await pay_with(p.t, apple["dpan"], 100, presented)).reason is Reason.APPROVED
        old = await pay_with(p.t, pan(9), 100, OLD_EXPIRY)
        assert old.reason is Reason.CARD_EXPIRED


async def test_a_card_may_be_in_so_many_devices_and_removed_ones_count(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever adds and removes without end would make the holder's row grow without end."""
    monkeypatch.setattr(tokens, "TOKENS_MAX", 3)
    async with phones(calendar_url, tmp_path) as p:
        for _ in range(2):
            assert (await p.ask(f"tokens/{(await p.added(PLUXEE))['id']}", "DELETE"))[0] == 200
        last = await p.added(PLUXEE)
        for wish in (PLUXEE | {"device": "another"}, APPLE):
            status, told = await p.ask("tokens", **wish)
            assert (status, told["code"]) == (409, "TOKENS_USED_UP")
        assert await p.tap(last) is Reason.APPROVED


async def test_crd_04_no_phone_gets_the_card_that_was_replaced_and_each_gets_the_new_one(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        there = await p.added(PLUXEE)
        await renew(p)
        told = await p.add(PLUXEE | {"device": "android-2"})
        assert (told["decision"], told["reason"]) == ("DECLINED", "CARD_BLOCKED")
        # The phone that moved along has it already; it is the same place under another card.
        status, told = await p.ask("tokens", **PLUXEE | {"card": "card-9"})
        assert (status, told["code"], told["token"]) == (409, "TOKEN_EXISTS", there["id"])
        new = await p.added(PLUXEE | {"card": "card-9", "device": "android-2"})
        assert new["expiry"] == NEW_EXPIRY
        assert (await pay_with(p.t, new["dpan"], 100, NEW_EXPIRY)).reason is Reason.APPROVED


async def test_crd_04_a_token_of_a_stolen_card_pays_again_with_the_new_card(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        apple = await p.added(APPLE)
        await card(p, "oppose", opposed_as="STOLEN")
        assert await p.tap(apple) is Reason.STOLEN  # P-TOK-ON-OPPOSED is SUSPEND
        await renew(p)
        assert await p.tap(apple) is Reason.APPROVED


async def test_tok_02_card_and_tokens_pay_together_under_one_cap(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        apple, android = await p.added(APPLE), await p.added(PLUXEE)
        assert [await p.tap(apple, 800), (await p.t.pay(800)).reason, await p.tap(android, 900)] \
            == [Reason.APPROVED] * 3  # fmt: skip
        assert await p.tap(apple, 1) is Reason.DAILY_CAP


async def test_tok_06_an_apple_token_that_is_added_again_wants_its_code_again(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        old = await p.added(APPLE)
        first = await p.code(old["id"])
        assert (await p.ask(f"tokens/{old['id']}", "DELETE"))[0] == 200
        new = await p.add(APPLE)
        assert (new["decision"], new["status"]) == ("REQUIRE_CODE", TokenStatus.REQUESTED.value)
        assert await p.tap(new) is Reason.TOKEN_SUSPENDED
        second = await p.code(new["id"])
        if first != second:
            assert await p.activate(new["id"], first) == (409, "WRONG_CODE")
        assert await p.activate(new["id"], second) == (200, "ACTIVE")
        assert await p.tap(old) is Reason.TOKEN_SUSPENDED
        assert (await p.ask(f"tokens/{old['id']}", "DELETE"))[0] == 409


async def test_tok_11_without_subtotal_and_partial_approval_the_rules_hold_all_the_same(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        apple = await p.added(APPLE)
        assert await p.tap(apple, 2501) is Reason.DAILY_CAP
        assert await p.tap(apple, 2500) is Reason.APPROVED
        await p.t.at("2026-11-29T12:30:00+01:00")
        assert await p.tap(apple, 100) is Reason.DAY_NOT_ALLOWED


VERBS: dict[str, dict[str, Any]] = {
    "activate": {"last4": "0000"},
    "block": {},
    "unblock": {},
    "oppose": {"opposed_as": "LOST"},
    "pin": {"pin": "4826"},
}
REFUSED_IN: dict[str, set[str]] = {
    "ACTIVE": {"activate", "unblock"},
    "BLOCKED": {"activate", "block", "pin"},
    "OPPOSED": {"activate", "block", "unblock", "oppose", "pin"},
}
"""What is refused in each state as a mismatch, and leaves everything as it was (CRD-02)."""


@pytest.mark.parametrize("state", REFUSED_IN)
async def test_crd_02_what_does_not_fit_the_state_is_refused_and_says_the_state(
    calendar_url: str, tmp_path: Path, state: str
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        if state != "ACTIVE":
            way = {"BLOCKED": ("block", {}), "OPPOSED": ("oppose", {"opposed_as": "LOST"})}
            await card(p, way[state][0], **way[state][1])
        for verb in sorted(REFUSED_IN[state]):
            status, told = await p.ask(f"cards/card-1/{verb}", **VERBS[verb])
            assert (status, told["code"], told["state"]) == (409, "STATE_MISMATCH", state), verb
        _, shown = await p.ask("cards/card-1", "GET")
        assert shown["status"] == state and len(shown["events"]) == (state != "ACTIVE")


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        ("REQUESTED", {"suspend", "resume"}),
        ("ACTIVE", {"resume", "resend-code", "activate"}),
        ("SUSPENDED", {"suspend", "resend-code", "activate"}),
        ("DELETED", {"suspend", "resume", "resend-code", "activate"}),
    ],
)
async def test_tok_01_what_does_not_fit_the_state_of_a_token_is_refused_and_says_it(
    calendar_url: str, tmp_path: Path, state: str, refused: set[str]
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        token = (await (p.add if state == "REQUESTED" else p.added)(APPLE))["id"]
        if state == "SUSPENDED":
            await p.ask(f"tokens/{token}/suspend")
        if state == "DELETED":
            await p.ask(f"tokens/{token}", "DELETE")
        for verb in sorted(refused):
            body = {"code": "123456"} if verb == "activate" else {}
            status, told = await p.ask(f"tokens/{token}/{verb}", **body)
            assert (status, told["code"], told["state"]) == (409, "STATE_MISMATCH", state), verb
