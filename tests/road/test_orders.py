"""A purchase, what repeats, completes and undoes it, in any order and batches: the same books."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Final

import pytest
from msgspec.structs import replace

from authz.requests import Request
from authz.state import State
from simulators.messages import Stamp, capture, purchase, repeat, reversal
from simulators.wire import Fields
from tests.road import people
from tests.road.memory import all_of, meant_by
from tests.road.people import Setting
from tests.road.road import Road, instant
from tests.rules.builders import BOOK

NOW: Final[datetime] = instant("2026-11-24T12:30:00+01:00")
RRN: Final = "000000000001"
ASKED = purchase(
    people.card(Setting()), people.terminal(), Stamp("000001", NOW, RRN), 1250, hold=True
)
ANEW = repeat(ASKED) | {"7": f"{NOW + timedelta(seconds=40):%m%d%H%M%S}"}
CLEARED = capture(ASKED, Stamp("000004", NOW, RRN), 500, "000000")
UNDONE = reversal(ASKED, Stamp("000002", NOW, RRN))
REDUCED = reversal(ASKED, Stamp("000003", NOW, RRN), kept_minor=500)
MESSAGES: Final = {
    "0100": ASKED,
    "0101": repeat(ASKED),
    "0101 anew": ANEW,
    "0220": CLEARED,
    "0420": UNDONE,
    "0421": repeat(UNDONE),
    "0420 part": REDUCED,
    "0421 part": repeat(REDUCED),
    "0420 of 0101 anew": reversal(ANEW, Stamp("000005", NOW, RRN)),
    "0420 of 0220": reversal(CLEARED, Stamp("000006", NOW, RRN)),
}
LOST = "the late answer is lost"
"""Nobody sends anything: the acquirer just never learns what the last message came to."""
Events = tuple[str, ...]
Books = tuple[int, int, int]
NOTHING, ALL, PART, TAKEN = (
    (10_000, 0, 0),
    (8_750, 1_250, 1_250),
    (9_500, 500, 500),
    (9_500, 0, 500),
)
"""What is free, held and used: untouched, all held, a part held, a part taken."""


class _Road(Road):
    """A road that remembers payments and every key from one batch to the next."""

    async def _load(self, requests: list[Request]) -> State:
        known = await super()._load(requests)
        return replace(
            all_of(self.store),
            holder_of=known.holder_of,
            kept=self.store.state.kept | known.kept,
            restamped=known.restamped,
            originals=meant_by(self.store, requests),
        )


def any_order(_: Events) -> bool:
    return True


def first_is_asked(events: Events) -> bool:
    return events[0] in ("0100", "0101")


def settled_by_wire(events: Events) -> bool:
    """Not a first sending between its own repeat, stamped anew, and their reversal.

    Only repeats look further than their key (INTERFACE, request key): it is a second payment then.
    """
    at = events.index
    return not at("0101 anew") < at("0100") < min(at("0420"), at("0421"))


def what_they_name_has_come(events: Events) -> bool:
    """A first sending that was asked, and each reversal behind the message that its DE90 names."""
    pairs = [(name.removeprefix("0420 of "), name) for name in events if " of " in name]
    at = events.index
    return first_is_asked(events) and all(at(named) < at(undoes) for named, undoes in pairs)


UNDONE_IN_THE_END = (
    (("0100", "0101", "0420", "0421", LOST), any_order),
    (("0100", "0101 anew", "0420", "0421"), settled_by_wire),
    (("0101", "0101 anew", "0420", "0421"), any_order),
    (("0100", "0101", "0220", "0420"), any_order),
    (("0100", "0420 part", "0421 part", "0420"), any_order),
    (("0100", "0220", "0420 part", "0421"), any_order),
    (("0100", "0101", "0101 anew", "0420 of 0101 anew"), what_they_name_has_come),
    (("0100", "0101 anew", "0220", "0420 of 0220"), what_they_name_has_come),
)


STANDING_IN_THE_END = (
    (("0100", "0101"), any_order, ALL),
    (("0100", "0101 anew"), first_is_asked, ALL),
    (("0100", "0101", "0420 part", "0421 part"), first_is_asked, PART),
    (("0100", "0420 part", "0220"), first_is_asked, TAKEN),
    (("0100", "0420 part", "0220", "0421 part"), first_is_asked, TAKEN),
)


def said(parameter: object) -> str:
    """The name of a function without its address: workers must tell the same tests."""
    return getattr(parameter, "__name__", str(parameter))


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


def played(
    names: Events, wanted: Callable[[Events], bool]
) -> Iterator[tuple[Events, Books, list[Fields]]]:
    """Every order that is wanted, in every way to cut it: what the books say, and the answers."""
    for events in filter(wanted, permutations(names)):
        for groups in batches(events):
            road = _Road(people.in_memory(Setting()), BOOK)
            answers = [answer for group in groups for answer in road.ask_fields(group, NOW)]
            yield events, books(road), answers


@pytest.mark.parametrize(("names", "wanted"), UNDONE_IN_THE_END, ids=said)
def test_what_is_undone_leaves_nothing_in_any_order(
    names: Events, wanted: Callable[[Events], bool]
) -> None:
    """REV-01, AUT-06: whoever comes first, nothing stays taken, held or used."""
    for events, found, answers in played(names, wanted):
        assert found == NOTHING, events
        assert {a["39"] for a in answers if a["t"][1] == "4"} == {"00"}, events
        assert {a["39"] for a in answers if a["t"][1] == "1"} <= {"00", "21"}, events
        assert {a["39"] for a in answers if a["t"][1] == "2"} <= {"00", "25", "13"}, events


@pytest.mark.parametrize(("names", "wanted", "stands"), STANDING_IN_THE_END, ids=said)
def test_what_is_not_undone_stands_once_in_any_order(
    names: Events, wanted: Callable[[Events], bool], stands: Books
) -> None:
    """The same machinery does see money where money was taken."""
    for events, found, _ in played(names, wanted):
        assert found == stands, events


def books(road: Road) -> Books:
    """What is free, held and used."""
    (holder,) = road.store.state.holders.values()
    used = sum(entry.used_minor for entry in holder.used)
    return sum(holder.lot_available), sum(holder.lot_held), used
