"""Passes over the holders: those who moved since the last one, and once a day everybody."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authz import database
from ledger.passes import EVERYBODY_AFTER, LATE_MAX, Step, covered_until, go_through
from tests.database.town import Town, town
from tests.road.people import Setting

if TYPE_CHECKING:
    from ledger.journal import Tx

HOUR = timedelta(hours=1)
PEOPLE = range(1, 5)


@pytest.fixture
async def quiet(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Four people who have done nothing but get their vouchers; proved afterwards."""
    await database.upgrade(database_url)
    async with town(database_url, tmp_path, dict.fromkeys(PEOPLE, Setting())) as made:
        yield made
        await made.prove()


async def taken(town: Town, now: datetime, holders_max: int = 2) -> list[int]:
    """Who a pass at this instant takes, in the order in which it does."""
    seen: list[int] = []

    async def take(_tx: "Tx", holder_ids: list[int]) -> Step:
        assert 1 <= len(holder_ids) <= holders_max
        seen.extend(holder_ids)
        return Step(len(holder_ids), [])

    await go_through(town.pool, "test", now, take, holders_max=holders_max)
    return seen


async def everybody(town: Town) -> list[int]:
    return [row[0] for row in await town.pool.fetch("select holder_id from holders order by 1")]


async def test_the_first_pass_takes_everybody_and_the_next_only_who_moved(quiet: Town) -> None:
    later = quiet.now + HOUR
    assert await taken(quiet, later) == await everybody(quiet)
    assert await taken(quiet, later) == []
    await quiet.at(later.isoformat())
    paid = await quiet.pay(1000, 3)
    assert await taken(quiet, later + HOUR) == [paid.holder_id]


async def test_all_who_moved_are_taken_once_in_steps_in_order(quiet: Town) -> None:
    later = quiet.now + HOUR
    await taken(quiet, later)
    await quiet.at(later.isoformat())
    moved = [(await quiet.pay(1000, person)).holder_id for person in (4, 1, 3)]
    assert await taken(quiet, later + HOUR, holders_max=2) == sorted(moved)


async def test_a_movement_is_found_though_it_was_committed_after_its_instant(quiet: Town) -> None:
    later = quiet.now + HOUR
    await quiet.at(later.isoformat())
    await taken(quiet, later + LATE_MAX)
    paid = await quiet.pay(1000, 2)
    assert await taken(quiet, later + HOUR) == [paid.holder_id]
    assert await taken(quiet, later + 2 * HOUR) == []


async def test_everybody_has_a_turn_once_a_day_and_when_a_clock_was_set_back(quiet: Town) -> None:
    all_of_them = await everybody(quiet)
    assert await taken(quiet, quiet.now) == all_of_them
    assert await taken(quiet, quiet.now + EVERYBODY_AFTER) == all_of_them
    assert await taken(quiet, quiet.now + HOUR) == all_of_them
    assert await taken(quiet, quiet.now + 2 * HOUR) == []


async def test_who_has_more_than_a_step_takes_comes_again_at_once(quiet: Town) -> None:
    steps: list[list[int]] = []

    async def take(_tx: "Tx", holder_ids: list[int]) -> Step:
        steps.append(holder_ids)
        return Step(len(holder_ids), holder_ids[1:])

    await go_through(quiet.pool, "test", quiet.now, take, holders_max=3)
    first = (await everybody(quiet))[:3]
    assert steps[:3] == [first, first[1:], first[2:]]


async def test_a_pass_that_broke_off_is_not_marked(quiet: Town) -> None:
    async def take(_tx: "Tx", _holder_ids: list[int]) -> Step:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await go_through(quiet.pool, "test", quiet.now, take, holders_max=2)
    async with quiet.pool.acquire() as sql:
        assert await covered_until(sql, "test") is None
    assert await taken(quiet, quiet.now) == await everybody(quiet)
