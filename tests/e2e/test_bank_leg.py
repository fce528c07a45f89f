"""The top-up over TCP with a bank on the other side: the worked examples, and what HTTP shows."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.bank import BankHost, Manners
from simulators.bank_books import BankBooks, BankRules
from simulators.engine_process import Engine, output_of, running
from simulators.link import Link
from simulators.messages import Stamp, capture, purchase, refund, repeat, reversal
from simulators.wire import Fields
from tests.road.people import Setting, as_world, bank_pan, card, terminal

pytestmark = pytest.mark.timeout(120)

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
SUNDAY = "2026-11-22T12:00:00+01:00"
DOORS = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat())
LINKED = Setting(top_up=True)
CENT = Setting(top_up=True, lots={2026: 1})
NOTHING = Setting(top_up=True, lots={2026: 0})
USED_UP = Setting(top_up=True, lots={2026: 5000}, used={"2026-11-24": 2500})
BLOCKED = Setting(top_up=True, blocked=True)
SHOP = Setting(top_up=True, shop=True)
_STANS = count(1)


class Till:
    """An engine, its bank, and one terminal for each person."""

    def __init__(self, engine: Engine, bank: BankHost, link: Link, people: list[Setting]) -> None:
        self.engine, self.bank, self.link, self.people = engine, bank, link, people

    def purchase(self, person: int, amount_minor: int, **more: Any) -> Fields:
        number = next(_STANS)
        stamp = Stamp(f"{number:06d}", NOON, f"{number:012d}")
        setting = self.people[person - 1]
        return purchase(card(setting, person), terminal(person), stamp, amount_minor, **more)

    def stamp(self) -> Stamp:
        number = next(_STANS)
        return Stamp(f"{number:06d}", NOON, f"{number:012d}")

    async def ask(self, question: Fields, code: str = "00") -> Fields:
        answer = await self.link.ask(question)
        assert answer["39"] == code, answer
        return answer

    def charged(self, person: int) -> int:
        return self.bank.books.spent_minor(bank_pan(person))

    async def get(self, path: str) -> Any:
        headers = {"Authorization": "Bearer dev"}
        async with httpx.AsyncClient(base_url=f"http://{self.engine.http}", headers=headers) as web:
            return (await web.get(path)).raise_for_status().json()

    async def shown(self, asked: Fields) -> Any:
        found = await self.get(
            f"/v1/authorizations?rrn={asked['37']}&terminal={asked['41'].strip()}"
        )
        (one,) = found["data"]
        return one

    async def clock(self, instant: str) -> None:
        headers = {"Authorization": "Bearer dev"}
        async with httpx.AsyncClient(base_url=f"http://{self.engine.http}", headers=headers) as web:
            (await web.post("/v1/test/clock", json={"now": instant})).raise_for_status()

    async def balance(self, person: int) -> tuple[int, int]:
        account = await self.get(f"/v1/accounts/acc-{person}")
        return account["balance"], account["today"]["used"]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def a_till(
    folder: Path,
    people: list[Setting],
    rules: BankRules | None = None,
    manners: Manners | None = None,
) -> AsyncIterator[Till]:
    """Engine and bank; when it is over, the engine's proof holds."""
    folder.chmod(0o755)
    world, data = folder / "world.json", folder / "data"
    world.write_text(json.dumps(as_world(*enumerate(people, 1))))
    bank = BankHost(BankBooks(rules))
    address = await bank.open()
    arguments = (*DOORS, "--data-dir", str(data), "--world", str(world), "--bank", address)
    child = running(arguments, folder / "engine.log")
    engine = await asyncio.to_thread(child.__enter__)
    try:
        async with Link(engine.iso) as link:
            await until(lambda: bank.signed_on > 0)
            bank.manners = manners or Manners()
            yield Till(engine, bank, link, people)
        verdict = json.loads(
            await asyncio.to_thread(output_of, "audit", "--json", "--data-dir", str(data))
        )
        assert verdict["holds"], verdict["broken"]
    finally:
        await asyncio.to_thread(child.__exit__, None, None, None)
        await bank.close()


async def test_vouchers_and_bank_card_pay_together(tmp_path: Path) -> None:
    people = [LINKED] * 4 + [CENT, NOTHING, USED_UP, BLOCKED, SHOP]
    async with a_till(tmp_path, people) as till:
        # EX-08, with a repeat: the same answer, no second question to the bank.
        first = till.purchase(1, 4000)
        answer = await till.ask(first)
        assert (till.charged(1), await till.balance(1)) == (1500, (7500, 2500))
        asked = till.bank.questions
        assert await till.ask(repeat(first)) == answer
        assert till.bank.questions == asked
        shown = await till.shown(first)
        assert (shown["bank"], shown["state"], shown["approved"]) == (
            {"amount": 1500, "approved": 1500, "state": "APPROVED"}, "CAPTURED", 4000,
        )  # fmt: skip
        assert shown["vouchers"] == [{"vintage": 2026, "amount": 2500}]
        # EX-09 on another day's cap: 25 + 30; more is too much.
        await till.ask(till.purchase(2, 5500))
        assert (till.charged(2), await till.balance(2)) == (3000, (7500, 2500))
        await till.ask(till.purchase(3, 5501), "61")
        assert (till.charged(3), await till.balance(3)) == (0, (10_000, 0))
        # EX-11: one cent of vouchers is enough.
        await till.ask(till.purchase(5, 2000))
        assert (till.charged(5), await till.balance(5)) == (1999, (0, 1))
        # EX-13, EX-17, EX-45: no call to the bank.
        asked = till.bank.questions
        await till.ask(till.purchase(6, 1000, partial=True), "51")
        await till.ask(till.purchase(8, 1000), "62")
        assert till.bank.questions == asked
        # EX-15: the cap is used up, the bank card pays all of it.
        await till.ask(till.purchase(7, 1800))
        assert (till.charged(7), await till.balance(7)) == (1800, (5000, 2500))
        # EX-39: only what is eligible.
        half = till.purchase(9, 6000, partial=True, eligible_minor=3200)
        answer = await till.ask(half, "10")
        assert (int(answer["4"]), till.charged(9)) == (3200, 700)
        await till.clock(SUNDAY)
        asked = till.bank.questions
        await till.ask(till.purchase(4, 2000), "57")
        assert till.bank.questions == asked


async def test_what_the_bank_declines_is_left_out(tmp_path: Path) -> None:
    declines = BankRules(declines={bank_pan(1): "51", bank_pan(2): "05"})
    async with a_till(tmp_path, [LINKED, LINKED], declines) as till:
        answer = await till.ask(till.purchase(1, 4000, partial=True), "10")
        assert (int(answer["4"]), await till.balance(1)) == (2500, (7500, 2500))
        no = till.purchase(2, 4000)
        await till.ask(no, "61")
        assert (await till.balance(2), till.charged(2)) == ((10_000, 0), 0)
        assert (await till.shown(no))["bank"] == {"amount": 0, "approved": 0, "state": "DECLINED"}


async def test_a_bank_that_does_not_answer_is_reversed_until_it_acknowledges(
    tmp_path: Path,
) -> None:
    """EX-43: vouchers alone, and the bank is told so."""
    async with a_till(tmp_path, [LINKED], manners=Manners(late=1.0, late_ms=1_900)) as till:
        asked = till.purchase(1, 4000, partial=True)
        answer = await till.ask(asked, "10")
        assert (int(answer["4"]), await till.balance(1)) == (2500, (7500, 2500))
        await until(lambda: till.charged(1) == 0)
        till.bank.manners = Manners()
        async with asyncio.timeout(10):
            while (await till.shown(asked))["bank"]["state"] != "REVERSED":  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_reversals_refunds_and_captures_take_the_bank_leg_first(tmp_path: Path) -> None:
    async with a_till(tmp_path, [LINKED] * 5) as till:

        async def legs(asked: Fields) -> tuple[int, int, int]:
            """What stands of vouchers and bank card, and what the bank approved."""
            told = await till.shown(asked)
            (voucher,), bank = told["vouchers"], told["bank"]
            return voucher["amount"], bank["amount"], bank["approved"]

        # EX-49: reversed whole, 40 s later.
        first = till.purchase(1, 4000)
        await till.ask(first)
        await till.clock("2026-11-24T12:30:40+01:00")
        await till.ask(reversal(first, till.stamp()))
        await until(lambda: till.charged(1) == 0)
        assert await till.balance(1) == (10_000, 0)
        # REV-02: 25 + 15 down to 30, the bank 15 -> 5; then to 20, the vouchers 25 -> 20.
        second = till.purchase(2, 4000)
        await till.ask(second)
        await till.ask(reversal(second, till.stamp(), kept_minor=3000))
        await until(lambda: till.charged(2) == 500)
        assert await till.balance(2) == (7500, 2500)
        assert await legs(second) == (2500, 500, 1500)
        await till.ask(reversal(second, till.stamp(), kept_minor=2000))
        await until(lambda: till.charged(2) == 0)
        assert await till.balance(2) == (8000, 2000)
        assert await legs(second) == (2000, 0, 1500)
        # REF-04: the bank's 15 first.
        third = till.purchase(3, 4000)
        await till.ask(third)
        await till.ask(refund(third, till.stamp(), 1000))
        await until(lambda: till.charged(3) == 500)
        assert await till.balance(3) == (7500, 2500)
        assert await legs(third) == (2500, 500, 1500)
        await till.ask(refund(third, till.stamp(), 700))
        await until(lambda: till.charged(3) == 0)
        assert await till.balance(3) == (7700, 2300)
        assert await legs(third) == (2300, 0, 1500)
        # A short capture: 40 held, 33 taken, the bank pays 8.
        held = till.purchase(4, 4000, hold=True)
        code = (await till.ask(held))["38"]
        assert till.charged(4) == 1500
        await till.ask(capture(held, till.stamp(), 3300, code))
        await until(lambda: till.charged(4) == 800)
        assert await till.balance(4) == (7500, 2500)
        assert await legs(held) == (2500, 800, 1500)
        # A capture that needs no bank.
        held = till.purchase(5, 4000, hold=True)
        code = (await till.ask(held))["38"]
        await till.ask(capture(held, till.stamp(), 2000, code))
        await until(lambda: till.charged(5) == 0)
        assert await till.balance(5) == (8000, 2000)
        assert await legs(held) == (2000, 0, 1500)


async def test_the_bank_hears_the_time_of_the_deed_by_the_clock_of_everything_civil(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_till(tmp_path, [LINKED, Setting()]) as till:
        heard: list[tuple[str, str, str]] = []
        answer = till.bank.books.answer

        def listening(asked: Fields, *more: Any) -> str:
            heard.append((asked["t"], asked["13"], asked["12"]))
            return answer(asked, *more)

        monkeypatch.setattr(till.bank.books, "answer", listening)
        paid = till.purchase(1, 4000)
        await till.ask(paid)
        await till.clock("2026-11-25T08:15:10+01:00")
        await till.ask(reversal(paid, till.stamp()))
        await until(lambda: till.charged(1) == 0)
        headers = {"Authorization": "Bearer dev"}
        async with httpx.AsyncClient(base_url=f"http://{till.engine.http}", headers=headers) as web:
            linked = {"pan": bank_pan(2), "expiry": "2912"}
            (await web.post("/v1/accounts/acc-2/bank-card", json=linked)).raise_for_status()
        await until(lambda: len(heard) == 4)
        assert heard == [
            ("0200", "1124", "123000"),
            ("0420", "1125", "081510"),
            ("0100", "1125", "081510"),
            ("0420", "1125", "081510"),
        ]


async def test_a_reversal_of_a_payment_that_waits_for_the_bank_undoes_both_legs(
    tmp_path: Path,
) -> None:
    async with a_till(tmp_path, [LINKED, LINKED], manners=Manners(delay_ms=700)) as till:
        first = till.purchase(1, 4000)
        waiting = asyncio.create_task(till.link.ask(first))
        await until(lambda: till.charged(1) == 1500)
        await till.ask(reversal(first, till.stamp()))
        assert (await waiting)["39"] == "21"
        await until(lambda: till.charged(1) == 0)
        assert await till.balance(1) == (10_000, 0)
        # Who repeats meanwhile gets the answer of the first, once.
        second = till.purchase(2, 4000)
        waiting = asyncio.create_task(till.link.ask(second))
        await until(lambda: till.charged(2) == 1500)
        again = asyncio.create_task(till.link.ask(repeat(second)))
        assert (await waiting)["39"] == "00"
        assert (await again)["39"] == "00"
        assert till.charged(2) == 1500


async def test_a_bank_card_is_linked_for_an_euro_that_is_never_taken_and_unlinked_at_once(
    tmp_path: Path,
) -> None:
    declines = BankRules(declines={bank_pan(7): "05"})
    headers = {"Authorization": "Bearer dev"}
    place = "/v1/accounts/acc-1/bank-card"
    async with a_till(tmp_path, [Setting()], declines) as till:
        async with httpx.AsyncClient(base_url=f"http://{till.engine.http}", headers=headers) as web:

            async def enrol(number: int, **more: str) -> httpx.Response:
                return await web.post(
                    place, json={"pan": bank_pan(number), "expiry": "2912", **more}
                )

            await till.ask(till.purchase(1, 4000), "61")
            assert (await enrol(7)).json()["code"] == "BANK_DECLINED"
            failed = await enrol(1, three_d_secure="FAILED")
            assert (failed.status_code, failed.json()["code"]) == (409, "VERIFY_REQUIRED")
            await till.ask(till.purchase(1, 4000), "61")
            linked = await enrol(1)
            assert (linked.status_code, linked.json()["last4"]) == (201, bank_pan(1)[-4:])
            assert bank_pan(1) not in linked.text
            await until(lambda: till.charged(1) == 0)
            await till.ask(till.purchase(1, 4000))
            assert till.charged(1) == 1500
            # A payment that waits keeps its leg when the card goes.
            till.bank.manners = Manners(delay_ms=600)
            waiting = asyncio.create_task(till.link.ask(till.purchase(1, 1000)))
            await until(lambda: till.charged(1) == 2500)
            assert (await web.delete(place)).status_code == 204
            assert (await waiting)["39"] == "00"
            assert (await web.delete(place)).status_code == 404
        await till.ask(till.purchase(1, 1000), "61")
        assert till.charged(1) == 2500
        log = (tmp_path / "engine.log").read_text()
        assert bank_pan(1) not in log and bank_pan(7) not in log
