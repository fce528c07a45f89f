"""The stories go round among people whom they fit, each to somebody else."""

import msgspec
import pytest

from simulators.phones.cast import CastError, cast, place_of
from simulators.phones.stories import STORIES, Story, apple_pay, old_generation
from simulators.world_file import World, world_of
from tests.simulators.worlds import world_json

PLAIN = Story("plain", apple_pay)
OLD = Story("old", old_generation, four_corners=True)


def rich_world(people: int = 12, **first: object) -> World:
    """Everybody has money; the first card is as said, cards 8 and up are of the old generation."""
    world = msgspec.json.decode(world_json(people=people, phones=0, blocked=0))
    for account in world["accounts"]:
        account["lots"] = [{"amount": 20_000}]
    for card in world["cards"][8:]:
        card |= {"generation": "4-corners", "visa_logo": True}
    world["accounts"][0] |= first
    return world_of(msgspec.json.encode(world))


def test_stories_are_handed_out_in_turns_to_different_people() -> None:
    parts = list(cast(rich_world(), [PLAIN, OLD], 8, seed=1))
    assert [story.name for story, _ in parts] == ["plain", "old"] * 4
    assert len({who.person for _, who in parts}) == 8
    old = {who.account for story, who in parts if story is OLD}
    assert old == {"acc-8", "acc-9", "acc-10", "acc-11"}


def test_the_same_seed_casts_the_same_people_another_seed_others() -> None:
    first, again, other = (
        [who.person for _, who in cast(rich_world(), [PLAIN], 6, seed)] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_story_that_nobody_is_left_for_is_passed_over() -> None:
    parts = list(cast(rich_world(), [PLAIN, OLD], 11, seed=1))
    assert [story.name for story, _ in parts].count("old") == 4
    with pytest.raises(CastError, match="too few people for 13 phones"):
        list(cast(rich_world(), [PLAIN, OLD], 13, seed=1))


@pytest.mark.parametrize(
    "unfit",
    [
        {"lots": [{"amount": 2_999}]},
        {"used": [{"day": "2026-11-24", "amount": 100}]},
        {"person": "per-1"},
        {"topup": {"enabled": True, "verified": True}},
    ],
)
def test_who_lacks_money_paid_today_has_two_accounts_or_a_bank_card_is_spared(
    unfit: dict[str, object],
) -> None:
    told = {who.account for _, who in cast(rich_world(8, **unfit), [PLAIN], 6, seed=1)}
    assert "acc-0" not in told


def test_every_story_has_a_name_of_its_own_and_waits_only_to_go_on() -> None:
    assert len({story.name for story in STORIES}) == len(STORIES)
    assert all((story.wait is None) == (story.afterwards is None) for story in STORIES)


def test_a_till_is_in_a_restaurant_that_stays() -> None:
    place = place_of(rich_world(), "W0000001")
    assert (place.merchant, place.terminal) == ("MERCH0000000001", "W0000001")
    with pytest.raises(CastError, match="no lasting"):
        place_of(World((), ()), "W0000001")
