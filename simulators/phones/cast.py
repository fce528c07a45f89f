"""Who plays in the stories, and where: people with money whose card may go into a phone."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from simulators.messages import TerminalData
from simulators.phones.stories import Story
from simulators.story import table
from simulators.world_file import Person, World

MONEY_MINOR: Final = 3_000
"""More than any story spends, and than a day may cost."""
FOUR_CORNERS: Final = "4-corners"


class CastError(ValueError):
    """The world has nobody for a story, or nowhere to pay."""


def cast(
    world: World, stories: Sequence[Story], count: int, seed: int
) -> Iterator[tuple[Story, Person]]:
    """Hand the stories out to `count` people, in turns, each to somebody else.

    A story that nobody is left for is passed over. CastError: nobody is left for any.
    """
    pools = {wanted: _people(world, four_corners=wanted, seed=seed) for wanted in (True, False)}
    turn = 0
    for _ in range(count):
        for _ in stories:
            story, turn = stories[turn % len(stories)], turn + 1
            if pool := pools[story.four_corners]:
                yield story, pool.pop()
                break
        else:
            raise CastError(
                f"this world has too few people for {count} {'phone' if count == 1 else 'phones'}:"
                f" each wants somebody with {MONEY_MINOR // 100} EUR, one good card and no bank"
                " card; make a larger one with `millesime world generate --accounts 1000`"
            )


def place_of(world: World, terminal: str) -> TerminalData:
    """A till of a restaurant that takes vouchers all year. CastError: there is none."""
    place = table(world)
    if place is None:
        raise CastError("this world has no lasting, affiliated restaurant on the mainland")
    return TerminalData(place.acquirer, terminal, place.mid, place.mcc, place.name)


def _people(world: World, *, four_corners: bool, seed: int) -> list[Person]:
    """Whom it fits, in a drawn order: one account, one good card, money of their own."""
    accounts: dict[str, int] = {}
    for who in world.people:
        accounts[who.person] = accounts.get(who.person, 0) + 1
    found = [
        who
        for who in world.people
        if accounts[who.person] == 1 and _fits(who, four_corners=four_corners)
    ]
    Random(f"{seed}/{four_corners}").shuffle(found)
    return found


def _fits(who: Person, *, four_corners: bool) -> bool:
    cards = [each for each in who.credentials if not each.phone]
    if who.used or who.top_up or who.lots_minor < MONEY_MINOR:
        return False
    if len(cards) != 1 or not cards[0].good:
        return False
    card = cards[0]
    return (card.generation == FOUR_CORNERS and card.visa_logo) == four_corners
