"""Cutover and reconciliation over TCP: what an acquirer may rely on at the end of its day."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import pytest

from simulators.engine_process import Engine, output_of, running
from simulators.link import Link
from simulators.messages import Stamp, capture, network, purchase, refund, repeat, reversal
from simulators.wire import Fields
from tests.road.people import ACQUIRER, Setting, as_world, card, terminal

pytestmark = pytest.mark.timeout(120)

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
PLAIN = Setting()
DOORS = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat())
_STANS = count(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settlement")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    (folder / "world.json").write_text(json.dumps(as_world((1, PLAIN), (2, PLAIN))))
    store = ("--data-dir", str(folder / "data"), "--world", str(folder / "world.json"))
    with running((*DOORS, *store), folder / "engine.log") as doors:
        yield doors
        verdict = json.loads(output_of("audit", "--json", "--data-dir", str(folder / "data")))
        assert verdict["holds"], verdict["broken"]


def stamp() -> Stamp:
    number = next(_STANS)
    return Stamp(f"{number:06d}", NOON, f"{number:012d}")


def buy(amount_minor: int, person: int = 1, *, hold: bool = False) -> Fields:
    return purchase(card(PLAIN, person), terminal(person), stamp(), amount_minor, hold=hold)


def cutover(month_day: str) -> Fields:
    return network(ACQUIRER, stamp(), "201") | {"15": month_day}


def close(month_day: str, counts: list[int], amounts: list[int], net: str) -> Fields:
    """0500 with 74-77 and 81, 86-89, and 97."""
    numbers = zip(("74", "75", "76", "77", "81"), counts, strict=True)
    sums = zip(("86", "87", "88", "89"), amounts, strict=True)
    told = {field: f"{value:010d}" for field, value in numbers}
    told |= {field: f"{value:016d}" for field, value in sums}
    plain = network(ACQUIRER, stamp())
    del plain["70"]
    return plain | told | {"t": "0500", "15": month_day, "66": "0", "97": net}


def pay_online(engine: Engine, amount_minor: int) -> None:
    """A payment that no terminal made: it is not in the acquirer's figures."""
    body = {
        "credential": {"pan": card(PLAIN, 2).pan, "expiry": card(PLAIN, 2).expiry},
        "merchant": {"acquirer": ACQUIRER, "mid": terminal(2).merchant},
        "amount": amount_minor,
        "partial_ok": False,
        "capture": "auto",
        "order_ref": "order-1",
    }
    url = f"http://{engine.http}/v1/authorizations"
    headers = {"Idempotency-Key": "online-1", "Authorization": "Bearer dev"}
    answer = httpx.post(url, json=body, headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (201, "CAPTURED"), answer.text


async def test_a_day_of_every_kind_of_payment_is_in_balance_and_then_cut_over(
    engine: Engine,
) -> None:
    async with Link(engine.iso) as link:

        async def ask(question: Fields, code: str = "00") -> Fields:
            answer = await link.ask(question)
            assert answer["39"] == code, answer
            return answer

        first, undone = buy(1250), buy(300)
        assert (await ask(first))["15"] == "1124"
        await ask(undone)
        await ask(reversal(undone, stamp()))
        held = buy(600, 2, hold=True)
        code = (await ask(held))["38"]
        await ask(capture(held, stamp(), 450, code))
        await ask(refund(first, stamp(), 250))
        await ask(buy(9000, 2), code="61")
        await asyncio.to_thread(pay_online, engine, 200)
        counts, amounts = [1, 0, 3, 1, 1], [250, 0, 2000, 300]

        agreed = await ask(close("1124", counts, amounts, "D0000000000001450"))
        assert (agreed["t"], agreed["15"], agreed["66"]) == ("0510", "1124", "1")
        assert "88" not in agreed

        wrong = close("1124", counts, [250, 0, 2001, 300], "D0000000000001451")
        told = await ask(wrong)
        assert (told["66"], told["76"], told["88"], told["97"]) == (
            "2", "0000000003", "0000000000002000", "D0000000000001450",
        )  # fmt: skip
        advice = await ask({**wrong, "t": "0520", "11": "009999"})
        assert (advice["t"], advice["66"]) == ("0530", "2")
        empty = await ask(close("1123", [0] * 5, [0] * 4, "C0000000000000000"))
        assert empty["66"] == "1"

        assert (await ask(cutover("1125")))["15"] == "1125"
        await ask(cutover("1125"))
        await ask(cutover("1124"), code="12")
        await ask(cutover("1139"), code="30")
        assert (await ask(repeat(first)))["15"] == "1124"
        assert (await ask(buy(100, 2)))["15"] == "1125"
        again = await ask(close("1124", counts, amounts, "D0000000000001450"))
        assert again["66"] == "1"
        next_day = close("1125", [0, 0, 1, 0, 0], [0, 0, 100, 0], "D0000000000000100")
        assert (await ask(next_day))["66"] == "1"


@pytest.mark.parametrize("missing", ["66", "81", "97"])
async def test_a_reconciliation_that_is_not_whole_is_a_format_error(
    engine: Engine, missing: str
) -> None:
    question = close("1124", [0] * 5, [0] * 4, "C0000000000000000")
    del question[missing]
    async with Link(engine.iso) as link:
        assert (await link.ask(question))["39"] == "30"
