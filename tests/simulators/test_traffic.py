"""The generator makes what it says: the same day again, in the proportions that it documents."""

import math
from collections import Counter
from datetime import date

import msgspec
import pytest

from simulators.messages import LOCAL
from simulators.traffic import (
    CAP_MINOR,
    Sort,
    luhn,
    lunch_rush,
)
from simulators.world_file import World, world_of
from tests.simulators.worlds import world_json

TUESDAY = date(2026, 11, 24)
WORLD = world_of(world_json())
MANY = lunch_rush(WORLD, 20_000, 7, TUESDAY)


def near(found: int, wanted: float, of: int) -> bool:
    """Within five standard deviations of a binomial draw: false once in millions."""
    return abs(found - wanted * of) <= 5 * math.sqrt(of * wanted * (1 - wanted))


def test_the_same_seed_gives_the_same_day() -> None:
    assert lunch_rush(WORLD, 300, 1, TUESDAY) == lunch_rush(WORLD, 300, 1, TUESDAY)


def test_another_seed_gives_another_day() -> None:
    assert lunch_rush(WORLD, 300, 1, TUESDAY) != lunch_rush(WORLD, 300, 2, TUESDAY)


@pytest.mark.parametrize(
    ("sort", "share"),
    [(Sort.UNKNOWN_CARD, 0.01), (Sort.BAD_CARD, 0.01), (Sort.ABOVE_CAP, 0.03)],
)
def test_every_sort_comes_as_often_as_documented(sort: Sort, share: float) -> None:
    assert near(sum(payment.sort is sort for payment in MANY), share, len(MANY))


def test_repeats_come_as_often_as_documented() -> None:
    assert near(sum(payment.repeated for payment in MANY), 0.02, len(MANY))


def test_three_supermarket_baskets_in_five_tell_what_is_eligible() -> None:
    baskets = [p for p in MANY if p.terminal.mcc == "5411" and p.sort is not Sort.ABOVE_CAP]
    told = [p for p in baskets if p.eligible_minor is not None]
    assert near(len(told), 0.6, len(baskets))
    assert all(p.eligible_minor is not None and p.eligible_minor <= p.amount_minor for p in told)
    assert near(sum(p.eligible_minor == p.amount_minor for p in told), 0.5, len(told))
    assert all(p.eligible_minor is None for p in MANY if p.terminal.mcc != "5411")


def test_a_till_takes_a_part_always_or_never() -> None:
    tills: dict[str, set[bool]] = {}
    for payment in MANY:
        tills.setdefault(payment.terminal.terminal, set()).add(payment.partial)
    assert all(len(each) == 1 for each in tills.values())
    # Four places with three tills each: the first seven of every twenty.
    assert sum(True in each for each in tills.values()) == 7


def test_lunch_costs_what_lunch_costs() -> None:
    ordinary = [p for p in MANY if p.sort is Sort.ORDINARY]
    restaurants = [p.amount_minor for p in ordinary if p.terminal.mcc == "5812"]
    bakeries = [p.amount_minor for p in ordinary if p.terminal.mcc == "5462"]
    assert min(restaurants) >= 900 and max(restaurants) <= 1_900
    assert abs(sum(restaurants) / len(restaurants) - 1_420) < 30
    assert min(bakeries) >= 400 and max(bakeries) <= 900
    assert all(p.amount_minor > CAP_MINOR for p in MANY if p.sort is Sort.ABOVE_CAP)


def test_nineteen_in_twenty_eat_at_noon_the_others_in_the_evening() -> None:
    hours = Counter(payment.stamp.at.astimezone(LOCAL).hour for payment in MANY)
    assert set(hours) <= {11, 12, 13, 14, 18, 19, 20, 21}
    assert near(sum(hours[hour] for hour in (18, 19, 20, 21)), 0.06, len(MANY))
    assert hours.most_common(1)[0][0] == 12
    assert [p.stamp.at for p in MANY] == sorted(p.stamp.at for p in MANY)


def test_nobody_eats_twice_before_everyone_ate_once() -> None:
    eaters = [p.person for p in lunch_rush(WORLD, 35, 3, TUESDAY) if p.sort in EATERS]
    assert len(set(eaters)) == len(eaters)


EATERS = (Sort.ORDINARY, Sort.ABOVE_CAP)


def test_another_seed_meets_no_key_again() -> None:
    others = lunch_rush(WORLD, 2_000, 8, TUESDAY)
    keys = {(p.terminal.terminal, p.stamp.stan) for p in MANY}
    assert not keys & {(p.terminal.terminal, p.stamp.stan) for p in others}


def test_every_message_has_an_identity_of_its_own() -> None:
    keys = Counter((p.terminal.acquirer, p.terminal.terminal, p.stamp.stan) for p in MANY)
    assert max(keys.values()) == 1
    references = Counter((p.terminal.terminal, p.stamp.rrn) for p in MANY)
    assert max(references.values()) == 1


def test_unknown_cards_are_valid_numbers_that_nobody_has() -> None:
    strangers = {p.card.pan for p in MANY if p.sort is Sort.UNKNOWN_CARD}
    assert strangers
    assert not strangers & WORLD.pans()
    assert all(pan.startswith("999967") and luhn(pan[:-1]) == pan[-1] for pan in strangers)


def test_blocked_cards_show_up_only_as_such() -> None:
    bad = {c.card.pan for who in WORLD.people for c in who.credentials if not c.good}
    assert len(bad) == 2
    assert all((p.card.pan in bad) == (p.sort is Sort.BAD_CARD) for p in MANY)


def test_a_phone_pays_half_of_its_owners_meals() -> None:
    owners = {w.person for w in WORLD.people if any(c.phone for c in w.credentials)}
    meals = [p for p in MANY if p.person in owners]
    assert near(sum(p.card.pan.startswith("999979") for p in meals), 0.5, len(meals))


def test_a_world_without_blocked_cards_has_no_such_payments() -> None:
    world = world_of(world_json(blocked=0))
    sorts = {payment.sort for payment in lunch_rush(world, 2_000, 1, TUESDAY)}
    assert sorts == {Sort.ORDINARY, Sort.ABOVE_CAP, Sort.UNKNOWN_CARD}


def test_nobody_eats_on_a_sunday() -> None:
    with pytest.raises(ValueError, match="Sunday"):
        lunch_rush(WORLD, 1, 1, date(2026, 11, 22))


def test_an_empty_world_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody"):
        lunch_rush(World((), ()), 1, 1, TUESDAY)


def test_json_lines_say_the_same_as_one_object() -> None:
    whole = msgspec.json.decode(world_json())
    lines = [
        msgspec.json.encode({"kind": plural[:-1]} | record)
        for plural, records in whole.items()
        for record in records
    ]
    assert world_of(b"\n".join(lines)) == WORLD
