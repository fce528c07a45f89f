"""Chips, phones and PINs over TCP against a running engine and its PostgreSQL; pyemv judges."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from authz.ids import public_id
from rules.facts import Wallet
from simulators.engine_process import output_of, running
from simulators.link import Link
from simulators.messages import CHIP, repeat
from simulators.wire import Fields
from tests.database.roads import one, prove
from tests.e2e.engines import engine_on, key_file, populate
from tests.road import people
from tests.road.people import Setting
from tests.road.taps import Chip, asked

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning"),
]
CARD: Final = Setting()
PHONE: Final = Setting(phone=Wallet.PLUXEE_PAY)
HEADERS: Final = {"Authorization": "Bearer dev"}
NAME: Final = ("holder_id", "authorization_id")


class Till:
    """Asks over one link, each message under a STAN of its own."""

    def __init__(self, link: Link, person: int, setting: Setting = CARD) -> None:
        self._link, self._person, self._setting = link, person, setting
        self._stans: Iterator[int] = iter(range(1, 1_000))
        self.chip = Chip(people.card(setting, person).pan)

    def asks(self, amount_minor: int, chip_data: str | None = None, **changes: str) -> Fields:
        setting, person, number = self._setting, self._person, next(self._stans)
        return asked(setting, person, number, amount_minor, chip_data, **changes)

    async def says(self, question: Fields) -> Fields:
        return await self._link.ask(question)

    async def code(self, amount_minor: int, chip_data: str | None = None, **changes: str) -> str:
        return (await self.says(self.asks(amount_minor, chip_data, **changes)))["39"]


async def test_taps_are_proven_on_the_road(database_url: str, tmp_path: Path) -> None:
    await populate(database_url, [(1, CARD), (2, CARD), (3, PHONE)], tmp_path)
    async with engine_on(database_url, tmp_path) as engine:
        async with httpx.AsyncClient(base_url=f"http://{engine.http}", headers=HEADERS) as client:
            answer = await client.post("/v1/cards/card-2/pin", json={"pin": "4826"})
            assert answer.status_code == 200, answer.text
        async with Link(engine.iso) as link:
            first = await a_card_pays(Till(link, 1))
            await a_card_wants_its_pin(Till(link, 2))
            await a_phone_pays(Till(link, 3, PHONE))
    # Another process knows what the first one counted, and gives its answers again.
    question, said = first
    doors = engine_on(database_url, tmp_path, name="second")
    async with doors as engine, Link(engine.iso) as link:
        till = Till(link, 1)
        assert await till.says(repeat(question)) == said
        assert await till.code(100, till.chip.tap(100, 20), de11="000900") == "82"
        assert await till.code(100, till.chip.tap(100, 22), de11="000901") == "00"
    spent = "select count(*) from transfers where authorization_id is not null"
    approved = "select count(*) from authorizations where reason = 'APPROVED'"
    assert await one(database_url, spent) == await one(database_url, approved)
    await prove(database_url)
    replayed = "select {} from authorizations where reason = 'TAP_REPLAYED' order by 1 limit 1"
    name = [await one(database_url, replayed.format(each)) for each in NAME]
    told = output_of("explain", public_id(*name), "--database-url", database_url)
    assert "FAILS  tap_is_new" in told and "TAP_REPLAYED (82)" in told


async def a_card_pays(till: Till) -> tuple[Fields, Fields]:
    """Right, wrong, replayed, late, too late; and its first question with the answer to it."""
    question = till.asks(100, till.chip.tap(100, 20, {"DF7F": "C0FFEE"}))
    answer = await till.says(question)
    assert answer["39"] == "00" and till.chip.proves(question["55"], answer["55"], code="00")
    assert await till.says(repeat(question)) == answer
    forger = Chip(till.chip.pan, key=bytes(range(16)))
    assert await till.code(100, forger.tap(100, 21)) == "82"
    assert await till.code(100, till.chip.tap(100, 20)) == "82"
    for atc, code in ((4, "00"), (4, "82"), (3, "82"), (21, "00")):
        assert await till.code(100, till.chip.tap(100, atc)) == code
    assert await till.code(100, "9F26") == "30"
    assert await till.code(100, entry="901") == "57"
    return question, answer


async def a_card_wants_its_pin(till: Till) -> None:
    """Demanded above the limit, then wrong three times: nothing more with it."""
    large = till.chip.tap(5001, 1)
    assert await till.code(5001, large) == "1A"
    assert await till.code(5001, large, pin="4826") == "61"
    assert await till.code(5001, large, pin="4826") == "82"
    data = till.chip.tap(100, 2)
    codes = [await till.code(100, data, pin="1111", entry=CHIP) for _ in range(3)]
    codes.append(await till.code(100, data, pin="4826", entry=CHIP))
    assert codes == ["55", "55", "55", "75"]


async def a_phone_pays(till: Till) -> None:
    """Only with its own word that its holder is there."""
    assert await till.code(100, till.chip.tap(100, 1)) == "1A"
    question = till.asks(100, till.chip.tap(100, 2, verified=True))
    answer = await till.says(question)
    assert answer["39"] == "00" and till.chip.proves(question["55"], answer["55"], code="00")


async def test_chips_may_be_required(database_url: str, tmp_path: Path) -> None:
    await populate(database_url, [(1, CARD)], tmp_path)
    doors = engine_on(database_url, tmp_path, "--cryptograms", "require")
    async with doors as engine, Link(engine.iso) as link:
        till = Till(link, 1)
        assert await till.code(100) == "1A"
        assert await till.code(100, till.chip.tap(100, 1)) == "00"
    await prove(database_url)


async def test_outside_of_tests_chips_are_required(database_url: str, tmp_path: Path) -> None:
    """Whatever the day is: whether vouchers may be used on it is decided behind the chip."""
    await populate(database_url, [(1, CARD)], tmp_path)
    keys = ("--keys", str(key_file(tmp_path)), "--database-url", database_url)
    child = running(("--iso-port", "0", "--http-port", "0", *keys), tmp_path / "engine.log")
    engine = await asyncio.to_thread(child.__enter__)
    try:
        async with Link(engine.iso) as link:
            till = Till(link, 1)
            assert await till.code(100) == "1A"
            question = till.asks(100, till.chip.tap(100, 1))
            answer = await till.says(question)
    finally:
        await asyncio.to_thread(child.__exit__, None, None, None)
    assert answer["39"] in ("00", "57")
    assert till.chip.proves(question["55"], answer["55"], code=answer["39"])
    await prove(database_url)
