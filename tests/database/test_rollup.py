"""Totals carried forward are the totals of a full scan, however the books are cut into steps."""

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import journal, queries
from ledger.accounts import House
from ledger.audit import audit
from ledger.rollup import ALL_LOTS, Line, behind, days_of, step, trial_balance
from tests.database.books import AT, DAY, DELI, a_small_world, books_url, buying, tx

if TYPE_CHECKING:
    from ledger.journal import Tx

__all__ = ["books_url", "tx"]

ZONE = "Europe/Paris"


async def to_the_end(tx: "Tx", holders_max: int, movements_max: int) -> int:
    steps = 0
    for first in range(1, 4, holders_max):
        holder_ids = list(range(first, first + holders_max))
        while holder_ids:
            done = await step(tx, ZONE, holder_ids, movements_max=movements_max)
            steps, holder_ids = steps + (done.holders > 0), done.unfinished
    return steps


async def by_scan(tx: "Tx") -> list[Line]:
    lines = await queries.trial_balance(tx, AT + timedelta(days=1))
    return [
        Line(
            line.name, line.debits_pending, line.debits_posted, line.credits_pending,
            line.credits_posted,
        )
        for line in lines
    ]  # fmt: skip


def in_order(lines: list[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.name)


@pytest.mark.parametrize(("holders_max", "movements_max"), [(1, 1), (2, 4), (3, 100)])
async def test_steps_of_any_size_add_up_to_the_full_scan(
    tx: "Tx", holders_max: int, movements_max: int
) -> None:
    await a_small_world(tx)
    assert await behind(tx) == (3, 45)
    assert await to_the_end(tx, holders_max, movements_max) > 0
    assert await behind(tx) == (0, 0)
    assert in_order(await trial_balance(tx)) == in_order(await by_scan(tx))
    assert (await audit(tx)).holds


async def test_a_second_run_finds_nothing_and_changes_nothing(tx: "Tx") -> None:
    await a_small_world(tx)
    await to_the_end(tx, 10, 100)
    before = await trial_balance(tx)
    assert await to_the_end(tx, 10, 100) == 0
    assert await trial_balance(tx) == before
    assert (await audit(tx)).holds


async def test_an_account_is_told_day_by_day(tx: "Tx") -> None:
    await a_small_world(tx, holders=2)
    await to_the_end(tx, 10, 100)
    (day,) = await days_of(tx, DELI)
    assert (day.day, day.debits_posted, day.credits_posted) == (DAY, 500, 4800)
    (lots,) = await days_of(tx, ALL_LOTS)
    assert lots.debits_pending == 1200
    (loaded,) = await days_of(tx, House.EMPLOYER_PREPAID)
    assert loaded.debits_posted == 16_000
    assert (await audit(tx)).holds


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6)), max_size=6),
    bought=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 50)), max_size=5),
)
async def test_what_is_bought_between_two_steps_is_in_a_later_one(
    books_url: str, sizes: list[tuple[int, int]], bought: list[tuple[int, int]]
) -> None:
    handle = await asyncpg.connect(books_url)
    work = handle.transaction(isolation="repeatable_read")
    await work.start()
    try:
        await a_small_world(handle)
        purchases = iter(bought)
        for holders_max, movements_max in sizes:
            some = list(range(1, 1 + holders_max))
            await step(handle, ZONE, some, movements_max=movements_max)
            for holder_id, minor in islice(purchases, 1):
                await journal.post_for_holder(handle, holder_id, buying(minor))
        await to_the_end(handle, 2, 3)
        assert in_order(await trial_balance(handle)) == in_order(await by_scan(handle))
        assert (await audit(handle)).holds
    finally:
        await work.rollback()
        await handle.close()
