"""The story fits its hero, sets the clock before each scene, and repeats what it says."""

import asyncio
from datetime import datetime

import msgspec
from rich.console import Console

from simulators.journal import Journal
from simulators.link import Link
from simulators.messages import TerminalData
from simulators.screen import story
from simulators.story import SCENES, Told, hero, table, tell
from simulators.terminal import Terminal
from simulators.wire import Fields
from simulators.world_file import World, world_of
from tests.simulators.worlds import approve, hosted, world_json

PLACE = TerminalData("12345", "STORY001", "MERCH0000000001")


def world_with(**first: object) -> World:
    """A world whose first account alone could be the hero's, but for what is given."""
    world = msgspec.json.decode(world_json(people=2, phones=0, blocked=1))
    world["employers"] = [{"id": "emp-1", "derogations": [{"sunday": True}]}]
    world["accounts"][0] |= {"lots": [{"amount": 20_000}]} | first
    return world_of(msgspec.json.encode(world))


def test_a_hero_has_one_good_card_and_nobody_to_help() -> None:
    found = hero(world_with())
    assert found is not None and found.account == "acc-0"
    for unfit in (
        {"lots": [{"amount": 9_999}]},
        {"topup": {"enabled": True, "verified": True}},
        {"employer": "emp-1"},
        {"derogations": [{"sunday": True}]},
        {"used": [{"day": "2026-11-25", "amount": 100}]},
    ):
        assert hero(world_with(**unfit)) is None, unfit


def test_the_table_is_laid_on_the_mainland_and_to_stay() -> None:
    world = msgspec.json.decode(world_json())
    restaurants = [each for each in world["merchants"] if each["class"] == "restaurant"]
    restaurants[0]["department"] = "974"
    found = table(world_of(msgspec.json.encode(world)))
    assert found is not None and found.mid == restaurants[1]["mid"]
    for unfit in ({"affiliated": False}, {"agreement_to": "2025-12-31"}, {"country": "BE"}):
        changed = restaurants[1] | unfit
        others = [each for each in world["merchants"] if each is not restaurants[1]]
        assert (
            table(world_of(msgspec.json.encode(world | {"merchants": [*others, changed]}))) is None
        )


async def told(answer: str = "00") -> tuple[list[Told], list[datetime], list[Fields]]:
    clocks: list[datetime] = []

    async def set_clock(now: datetime) -> None:
        clocks.append(now)
        await asyncio.sleep(0)

    who = hero(world_with())
    assert who is not None
    async with (
        hosted(lambda q: (approve(q) or {}) | {"39": answer}) as host,
        Link(host.address) as link,
    ):
        scenes = await tell(who, PLACE, Terminal(link, Journal()), set_clock)
    return scenes, clocks, host.asked


async def test_the_clock_is_set_before_each_scene() -> None:
    scenes, clocks, _ = await told()
    assert clocks == [scene.at for scene in SCENES]
    assert [each.as_expected for each in scenes] == [s.expected == "00" for s in SCENES]


async def test_what_comes_again_is_the_first_payment() -> None:
    _, _, asked = await told()
    again = next(number for number, scene in enumerate(SCENES) if scene.again)
    assert asked[again] == asked[0] | {"t": "0201"}
    assert len({question["11"] for question in asked}) == len(SCENES) - 1


async def test_the_story_is_a_table_of_scenes() -> None:
    scenes, _, _ = await told("61")
    console = Console(width=140)
    with console.capture() as captured:
        console.print(story(scenes))
    text = captured.get()
    assert text.count("61 daily cap reached") == len(SCENES)
    assert "Sun 29 Nov 12:30" in text
