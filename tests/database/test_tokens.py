"""Phones over HTTP, between payments of the engine: TOK-01 to TOK-08, one after another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from authz.credentials.sending import CodeSender, Mailbox, Notice
from authz.custody.pan import Pan
from authz.gateway import CardDesk, Deps, create_app
from authz.metrics import Metrics
from authz.senders.kinds import NotSent
from rules.decision import Reason
from rules.rulebook import Rulebook
from tests.authz.hsm.keys import some_safe
from tests.database.test_cards import ONE, pay_with
from tests.database.town import Town, town
from tests.road.people import DIGESTER
from tests.rules.builders import BOOK

TEN = "2026-11-24T10:00:00+01:00"
PLUXEE: dict[str, Any] = {
    "card": "card-1",
    "wallet": "PLUXEE_PAY",
    "device": "android-1",
    "attested": True,
}
APPLE: dict[str, Any] = {
    "card": "card-1",
    "wallet": "APPLE_PAY",
    "device": "iphone-1",
    "attested": True,
}


class Phones:
    """What wallets and holders do over HTTP."""

    def __init__(self, t: Town, http: httpx.AsyncClient) -> None:
        self.t, self.http = t, http

    async def ask(self, path: str, verb: str = "POST", /, **body: Any) -> tuple[int, Any]:
        content = body if verb == "POST" else None
        answer = await self.http.request(verb, f"/v1/{path}", json=content)
        return answer.status_code, answer.json()

    async def code(self, token: str) -> str:
        _, told = await self.ask(f"test/codes/{token}", "GET")
        return str(told["code"])

    async def add(self, wish: dict[str, Any]) -> Any:
        status, told = await self.ask("tokens", **wish)
        assert status == 201, told
        return told

    async def added(self, wish: dict[str, Any]) -> Any:
        """A token that is active."""
        told = await self.add(wish)
        if told["decision"] == "REQUIRE_CODE":
            status, _ = await self.activate(told["id"], await self.code(told["id"]))
            assert status == 200
        return told

    async def activate(self, token: str, code: str) -> tuple[int, Any]:
        status, told = await self.ask(f"tokens/{token}/activate", code=code)
        return status, told.get("code") or told.get("status")

    async def tap(self, told: Any, amount_minor: int = 100) -> Reason:
        return (await pay_with(self.t, told["dpan"], amount_minor)).reason


class Provider:
    """Takes codes like a webhook; `fails` with this until it is told otherwise."""

    needs_phone = True

    def __init__(self) -> None:
        self.fails: NotSent | None = None
        self.taken: list[Notice] = []

    async def send(self, notice: Notice) -> None:
        if self.fails is not None:
            raise self.fails
        self.taken.append(notice)


@asynccontextmanager
async def phones(
    url: str,
    tmp_path: Path,
    sender: CodeSender | None = None,
    pause_s: int = 0,
    book: Rulebook = BOOK,
) -> AsyncIterator[Phones]:
    async with town(url, tmp_path, ONE, book) as t:
        await t.at(TEN)
        desk = CardDesk(DIGESTER, some_safe(), sender or Mailbox(), timedelta(seconds=pause_s))
        deps = Deps(t.pool, t.pool, Metrics(), t.books, lambda: True, True, cards=desk)
        transport = httpx.ASGITransport(create_app(deps), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://issuer", headers={"authorization": "Bearer dev"}
        ) as http:
            yield Phones(t, http)


async def test_pluxee_pay_is_approved_and_pays_at_once(calendar_url: str, tmp_path: Path) -> None:
    async with phones(calendar_url, tmp_path) as p:
        told = await p.add(PLUXEE)
        assert (told["decision"], told["status"], told["expiry"]) == ("APPROVED", "ACTIVE", "2912")
        assert Pan(told["dpan"]).luhn_ok and told["dpan"].startswith("999979")
        assert await p.tap(told) is Reason.APPROVED


@pytest.mark.parametrize(
    ("at", "status", "word"),
    [
        ("2026-11-24T10:30:00+01:00", 200, "ACTIVE"),
        ("2026-11-24T10:30:01+01:00", 409, "CODE_EXPIRED"),
    ],
)
async def test_ex_48_the_code_counts_for_thirty_minutes(
    calendar_url: str, tmp_path: Path, at: str, status: int, word: str
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        told = await p.add(APPLE)
        assert (told["decision"], told["status"]) == ("REQUIRE_CODE", "REQUESTED")
        assert await p.tap(told) is Reason.TOKEN_SUSPENDED
        await p.t.at(at)
        assert await p.activate(told["id"], await p.code(told["id"])) == (status, word)
        paid = Reason.APPROVED if status == 200 else Reason.TOKEN_SUSPENDED
        assert await p.tap(told) is paid


@pytest.mark.parametrize(
    ("at", "word"),
    [("2026-11-24T10:15:00+01:00", "ACTIVE"), ("2026-11-24T10:15:01+01:00", "CODE_EXPIRED")],
)
async def test_a_programme_may_let_a_code_count_for_less(
    calendar_url: str, tmp_path: Path, at: str, word: str
) -> None:
    """P-AP-CODE-TTL: the holder is told the minutes that the code is then judged by."""
    provider, shorter = Provider(), BOOK.derive(activation_code_minutes=15)
    async with phones(calendar_url, tmp_path, provider, book=shorter) as p:
        await p.http.put("/v1/accounts/acc-1/contact", json={"phone": "+33612345678"})
        token = (await p.add(APPLE))["id"]
        [notice] = provider.taken
        assert notice.valid_until == datetime.fromisoformat("2026-11-24T10:15:00+01:00")
        await p.t.at(at)
        assert (await p.activate(token, notice.code.reveal()))[1] == word


async def test_tok_03_only_the_latest_code_works(calendar_url: str, tmp_path: Path) -> None:
    async with phones(calendar_url, tmp_path) as p:
        told = await p.add(APPLE)
        first = await p.code(told["id"])
        assert (await p.ask(f"tokens/{told['id']}/resend-code"))[0] == 200
        second = await p.code(told["id"])
        if first != second:
            assert await p.activate(told["id"], first) == (409, "WRONG_CODE")
        assert await p.activate(told["id"], second) == (200, "ACTIVE")
        assert await p.activate(told["id"], second) == (409, "STATE_MISMATCH")


async def test_five_tries_use_a_code_up_and_five_codes_a_token(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        token = (await p.add(APPLE))["id"]
        right = await p.code(token)
        wrong = f"{(int(right) + 1) % 10**6:06d}"
        for _ in range(5):
            assert await p.activate(token, wrong) == (409, "WRONG_CODE")
        assert await p.activate(token, right) == (409, "CODE_TRIES")
        for _ in range(4):
            assert (await p.ask(f"tokens/{token}/resend-code"))[0] == 200
        status, told = await p.ask(f"tokens/{token}/resend-code")
        assert (status, told["code"]) == (409, "CODES_USED_UP")
        assert await p.activate(token, await p.code(token)) == (200, "ACTIVE")


async def test_a_code_is_kept_so_that_it_cannot_be_read(calendar_url: str, tmp_path: Path) -> None:
    async with phones(calendar_url, tmp_path) as p:
        token = (await p.add(APPLE))["id"]
        code = (await p.code(token)).encode()
        kept = await p.t.pool.fetchval("select code_ref from activation_codes")
        assert code not in kept and len(kept) == 16


async def test_tok_05_a_suspended_token_is_62_and_the_others_go_on(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        lost, kept = await p.added(APPLE), await p.added(PLUXEE)
        assert (await p.ask(f"tokens/{lost['id']}/suspend", reason="lost"))[0] == 200
        assert await p.tap(lost) is Reason.TOKEN_SUSPENDED
        assert await p.tap(kept) is Reason.APPROVED
        assert (await p.t.pay(100)).reason is Reason.APPROVED
        status, told = await p.ask(f"tokens/{lost['id']}/resume")
        assert (status, told["status"]) == (200, "ACTIVE")
        assert [e["action"] for e in told["events"]][-2:] == ["SUSPEND", "RESUME"]
        assert await p.tap(lost) is Reason.APPROVED


async def test_tok_06_a_deleted_token_is_dead_and_its_successor_has_another_number(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        old = await p.added(PLUXEE)
        assert (await p.ask("tokens", **PLUXEE))[0] == 409
        assert (await p.ask(f"tokens/{old['id']}", "DELETE"))[0] == 200
        assert await p.tap(old) is Reason.TOKEN_SUSPENDED
        new = await p.added(PLUXEE)
        assert new["dpan"] != old["dpan"] and new["id"] != old["id"]
        assert await p.tap(new) is Reason.APPROVED
        status, told = await p.ask(f"tokens/{old['id']}/resume")
        assert (status, told["code"], told["state"]) == (409, "STATE_MISMATCH", "DELETED")


async def test_tok_01_each_device_has_its_own_token_and_all_share_the_money(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        one, two = await p.added(APPLE), await p.added(APPLE | {"device": "watch-1"})
        assert one["dpan"] != two["dpan"]
        assert await p.tap(one, 2000) is Reason.APPROVED
        assert await p.tap(two, 600) is Reason.DAILY_CAP


async def test_tok_07_under_a_block_only_what_apple_had_before_pays_and_nothing_new_is_made(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        apple, android = await p.added(APPLE), await p.added(PLUXEE)
        asleep = await p.added(APPLE | {"device": "ipad-1"})
        waiting = await p.add(APPLE | {"device": "watch-1"})
        await p.ask(f"tokens/{asleep['id']}/suspend")
        assert (await p.ask("cards/card-1/block"))[0] == 200
        await p.ask(f"tokens/{asleep['id']}/resume")
        assert await p.tap(apple) is Reason.APPROVED
        assert await p.tap(android) is Reason.CARD_BLOCKED
        assert await p.tap(asleep) is Reason.CARD_BLOCKED
        code = await p.code(waiting["id"])
        assert await p.activate(waiting["id"], code) == (409, "CARD_BLOCKED")
        told = await p.add(PLUXEE | {"device": "android-2"})
        assert (told["decision"], told["reason"]) == ("DECLINED", "CARD_BLOCKED")
        assert (told["id"], told["dpan"]) == (None, None)
        await p.ask("cards/card-1/unblock")
        assert await p.activate(waiting["id"], code) == (200, "ACTIVE")
        assert [await p.tap(each) for each in (apple, android, asleep, waiting)] == [
            Reason.APPROVED
        ] * 4


async def test_tok_08_a_rooted_phone_gets_error_22_and_no_token(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        told = await p.add(PLUXEE | {"attested": False})
        assert (told["decision"], told["error"], told["id"]) == ("DECLINED", 22, None)
        assert told["trace"][-1]["rule"] == "phone_is_itself"


async def test_what_is_unknown_or_cannot_be_sent_says_so(calendar_url: str, tmp_path: Path) -> None:
    async with phones(calendar_url, tmp_path) as p:
        assert (await p.ask("tokens", **APPLE | {"card": "card-8"}))[0] == 404
        for verb in ("suspend", "resume", "resend-code"):
            assert (await p.ask(f"tokens/tok-8/{verb}"))[0] == 404
        assert await p.activate("tok-8", "123456") == (404, "NOT_FOUND")
        assert await p.activate("tok-8", "12x456") == (422, "INVALID_REQUEST")
        assert (await p.ask("test/codes/tok-8", "GET"))[0] == 404


async def test_tok_03_without_a_telephone_number_there_is_no_code_until_one_is_put(
    calendar_url: str, tmp_path: Path
) -> None:
    provider = Provider()
    async with phones(calendar_url, tmp_path, provider) as p:
        told = await p.add(APPLE)
        assert (told["decision"], told["status"], told["code"]) == (
            "REQUIRE_CODE", "REQUESTED", "NO_PHONE",
        )  # fmt: skip
        resend = f"tokens/{told['id']}/resend-code"
        status, refused = await p.ask(resend)
        assert (status, refused["code"]) == (409, "NO_PHONE")
        assert not provider.taken
        answer = await p.http.put("/v1/accounts/acc-1/contact", json={"phone": "+33612345678"})
        assert answer.json() == {"account": "acc-1", "phone": "********78"}
        assert (await p.ask(resend))[0] == 200
        [notice] = provider.taken
        assert notice.phone is not None and notice.phone.reveal() == "+33612345678"
        assert await p.activate(told["id"], notice.code.reveal()) == (200, "ACTIVE")


async def test_a_contact_is_put_shown_masked_and_forgotten(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        path = "/v1/accounts/acc-1/contact"
        assert (await p.http.get(path)).status_code == 404
        wrong = await p.http.put(path, json={"phone": "0612345678"})
        assert wrong.status_code == 422 and "0612345678" not in wrong.text
        await p.http.put(path, json={"phone": "+33612345678"})
        assert (await p.http.get(path)).json()["phone"] == "********78"
        assert (await p.http.delete(path)).status_code == 204
        assert (await p.http.delete(path)).status_code == 404
        assert (await p.http.put("/v1/accounts/acc-8/contact", json={"phone": "+33612345678"})
                ).status_code == 404  # fmt: skip


@pytest.mark.parametrize("surely", [True, False])
async def test_a_code_that_could_not_be_sent_is_told_and_another_one_can_be(
    calendar_url: str, tmp_path: Path, surely: bool
) -> None:
    provider = Provider()
    async with phones(calendar_url, tmp_path, provider) as p:
        await p.http.put("/v1/accounts/acc-1/contact", json={"phone": "+33612345678"})
        token = (await p.add(APPLE))["id"]
        first = provider.taken[-1].code.reveal()
        provider.fails = NotSent("down", surely=surely)
        for _ in range(4):
            status, told = await p.ask(f"tokens/{token}/resend-code")
            assert (status, told["code"]) == (503, "CODE_NOT_SENT")
        provider.fails = None
        # What surely reached nobody is none of the five, and leaves the code before it as it was.
        if surely:
            assert (await p.ask(f"tokens/{token}/resend-code"))[0] == 200
            last = provider.taken[-1].code.reveal()
            assert await p.activate(token, last) == (200, "ACTIVE")
        else:
            assert (await p.ask(f"tokens/{token}/resend-code"))[0] == 409
            assert (await p.activate(token, first))[0] == 409


async def test_a_lost_code_leaves_the_one_before_it(calendar_url: str, tmp_path: Path) -> None:
    provider = Provider()
    async with phones(calendar_url, tmp_path, provider) as p:
        await p.http.put("/v1/accounts/acc-1/contact", json={"phone": "+33612345678"})
        token = (await p.add(APPLE))["id"]
        provider.fails = NotSent("down", surely=True)
        assert (await p.ask(f"tokens/{token}/resend-code"))[0] == 503
        assert await p.activate(token, provider.taken[0].code.reveal()) == (200, "ACTIVE")


async def test_a_code_that_fails_at_provisioning_leaves_a_token_that_waits(
    calendar_url: str, tmp_path: Path
) -> None:
    provider = Provider()
    provider.fails = NotSent("down", surely=True)
    async with phones(calendar_url, tmp_path, provider) as p:
        await p.http.put("/v1/accounts/acc-1/contact", json={"phone": "+33612345678"})
        told = await p.add(APPLE)
        assert (told["status"], told["code"]) == ("REQUESTED", "NOT_SENT")
        assert await p.activate(told["id"], "123456") == (409, "NO_CODE")


async def test_another_code_waits_for_the_pause(calendar_url: str, tmp_path: Path) -> None:
    async with phones(calendar_url, tmp_path, pause_s=30) as p:
        token = (await p.add(APPLE))["id"]
        await p.t.at("2026-11-24T10:00:29+01:00")
        answer = await p.http.post(f"/v1/tokens/{token}/resend-code", json={})
        assert (answer.status_code, answer.json()["code"]) == (429, "TOO_SOON")
        assert answer.headers["retry-after"] == "1"
        await p.t.at("2026-11-24T10:00:30+01:00")
        assert (await p.ask(f"tokens/{token}/resend-code"))[0] == 200


async def test_a_code_that_reached_nobody_counts_for_the_pause_and_the_day(
    calendar_url: str, tmp_path: Path
) -> None:
    provider = Provider()
    provider.fails = NotSent("down", surely=True)
    async with phones(calendar_url, tmp_path, provider, pause_s=30) as p:
        await p.http.put("/v1/accounts/acc-1/contact", json={"phone": "+33612345678"})
        path = f"/v1/tokens/{(await p.add(APPLE))['id']}/resend-code"
        assert (await p.http.post(path, json={})).json()["code"] == "TOO_SOON"
        for n in range(1, 21):
            await p.t.at(f"2026-11-24T11:{n:02d}:00+01:00")
            last = await p.http.post(path, json={})
            assert last.json()["code"] == ("CODE_NOT_SENT" if n < 20 else "TOO_SOON")
        assert last.headers["retry-after"] == "86400"


async def test_one_person_gets_twenty_codes_a_day_for_all_tokens(
    calendar_url: str, tmp_path: Path
) -> None:
    async with phones(calendar_url, tmp_path) as p:
        for device in range(20):
            assert (await p.add(APPLE | {"device": f"iphone-{device}"}))["code"] == "SENT"
        assert (await p.add(APPLE | {"device": "iphone-20"}))["code"] == "TOO_SOON"
        await p.t.at("2026-11-25T10:00:00+01:00")
        assert (await p.add(APPLE | {"device": "iphone-21"}))["code"] == "SENT"
