"""A purchase, its repeat and its reversals, in any order and any batches: the same books."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import permutations
from typing import Final

import pytest
from msgspec.structs import replace

from authz.requests import Request
from authz.state import State
from simulators.messages import Stamp, purchase, repeat, reversal
from simulators.wire import Fields
from tests.road import people
from tests.road.memory import all_of
from tests.road.people import Setting
from tests.road.road import Road, instant
from tests.rules.builders import BOOK

NOW: Final[datetime] = instant("2026-11-24T12:30:00+01:00")
ASKED = purchase(
    people.card(Setting()), people.terminal(), Stamp("000001", NOW, "000000000001"), 1250, hold=True
)
UNDONE = reversal(ASKED, Stamp("000002", NOW, "000000000001"))
MESSAGES: Final = {
    "0100": ASKED,
    "0101": repeat(ASKED),
    "0420": UNDONE,
    "0421": repeat(UNDONE),
}
LOST = "the late answer is lost"
"""Nobody sends anything: the acquirer just never learns what the last message came to."""


class _Road(Road):
    """A road that remembers payments and every key from one batch to the next."""

    async def _load(self, requests: list[Request]) -> State:
        known = await super()._load(requests)
        return replace(all_of(self.store), holder_of=known.holder_of)


def orders() -> list[tuple[str, ...]]:
    return list(permutations((*MESSAGES, LOST)))


def batches(events: Sequence[str]) -> Iterator[list[list[Fields]]]:
    """All ways to cut the messages of an order into batches."""
    sent = [MESSAGES[event] for event in events if event != LOST]
    for cuts in range(1 << (len(sent) - 1)):
        groups = [[sent[0]]]
        for place, message in enumerate(sent[1:]):
            if cuts >> place & 1:
                groups.append([message])
            else:
                groups[-1].append(message)
        yield groups


@pytest.mark.parametrize("first", [*MESSAGES, LOST])
def test_every_order_leaves_the_same_books(first: str) -> None:
    """REV-01, AUT-06: whoever comes first, nothing stays taken, held or used."""
    for events in (events for events in orders() if events[0] == first):
        for groups in batches(events):
            road = _Road(people.in_memory(Setting()), BOOK)
            answers = [answer for group in groups for answer in road.ask_fields(group, NOW)]
            assert books(road) == (10_000, 0, 0), events
            assert {a["39"] for a in answers if a["t"][1] == "4"} == {"00"}, events
            assert {a["39"] for a in answers if a["t"][1] == "1"} <= {"00", "21"}, events


def test_without_its_reversals_it_stays_held_in_any_order() -> None:
    """The same machinery does see money where money was taken."""
    for events in permutations(("0100", "0101")):
        for groups in batches(events):
            road = _Road(people.in_memory(Setting()), BOOK)
            for group in groups:
                road.ask_fields(group, NOW)
            assert books(road) == (8_750, 1_250, 1_250)


def books(road: Road) -> tuple[int, int, int]:
    """What is free, held and used."""
    (holder,) = road.store.state.holders.values()
    used = sum(entry.used_minor for entry in holder.used)
    return sum(holder.lot_available), sum(holder.lot_held), used
