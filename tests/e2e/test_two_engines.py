"""Several processes on one database are one engine to who pays (ARCHITECTURE, corner 10)."""

import asyncio
from pathlib import Path

import pytest

from rules.rulebook import load_rulebook
from simulators.link import Link
from simulators.messages import Stamp, purchase, repeat
from simulators.wire import Fields
from tests.database.roads import prove
from tests.e2e.engines import NOON, ask_books, durable, engine_on, populate
from tests.road import people
from tests.road.people import Setting
from tests.road.road import instant

pytestmark = pytest.mark.timeout(90)

PRICE_MINOR = 100
ENOUGH_FOR = 100
LIFTED = """
name = "fr-meal"
edition = "test"
enabled = true
extends = "fr-meal"

[[cap]]
value = "uncapped"
source = "the balance alone shall limit this test"
"""


def asked(number: int, setting: Setting) -> Fields:
    """The same person at one of many tills."""
    stamp = Stamp(f"{number:06d}", instant(NOON), f"{number:012d}")
    till = people.terminal(1, number % 50)
    return purchase(people.card(setting), till, stamp, PRICE_MINOR)


async def test_of_200_purchases_at_once_a_balance_for_100_pays_just_100(
    database_url: str, tmp_path: Path
) -> None:
    rulebook = tmp_path / "lifted.toml"
    rulebook.write_text(LIFTED)
    person = Setting(lots={2026: PRICE_MINOR * ENOUGH_FOR})
    await populate(database_url, [(1, person)], tmp_path)
    assert await durable(database_url)
    flags = ("--rulebook", str(rulebook))
    questions = [asked(number, person) for number in range(1, 2 * ENOUGH_FOR + 1)]
    async with (
        engine_on(database_url, tmp_path, *flags, name="one") as one,
        engine_on(database_url, tmp_path, *flags, name="two") as two,
        Link(one.iso) as to_one,
        Link(two.iso) as to_two,
    ):
        links = [(to_one, to_two)[n % 2] for n in range(len(questions))]
        answers = await asyncio.gather(
            *(link.ask(question) for link, question in zip(links, questions, strict=True))
        )
        # Whoever repeats at the other engine is told the same.
        others = [(to_two, to_one)[n % 2] for n in range(len(questions))]
        repeats = await asyncio.gather(
            *(link.ask(repeat(question)) for link, question in zip(others, questions, strict=True))
        )
    codes = [answer["39"] for answer in answers]
    assert sorted(set(codes)) == ["00", "51"]
    assert codes.count("00") == ENOUGH_FOR
    assert repeats == answers
    left = "select lot_available, lot_held from holders where cardinality(lot_available) > 0"
    assert [tuple(row) for row in await ask_books(database_url, left)] == [([0], [0])]
    await prove(database_url, [load_rulebook(rulebook)])
