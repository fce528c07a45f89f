"""Passes over the movements: each movement once, however late, and on whatever server they are."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest

from authz.custody.keys import Secret
from authz.jobs import sealing
from authz.jobs.sealing import seal_books
from authz.settlement.rollup import roll_up
from authz.storage import database, schema, server_check
from ledger.passes import PassedElsewhere, Portion, catch_up, move_mark
from ledger.seal import SEALING, SealKey, seal, unsealed
from rules.decision import Reason
from tests.database.town import Town, town
from tests.road.people import Setting

if TYPE_CHECKING:
    from ledger.journal import Tx
    from ledger.seal import Step

KEY = SealKey("seal-1", Secret(bytes(range(32))))
PEOPLE = range(1, 5)
ELSEWHERE = 1_000_000_000
"""What a server that has run for long has counted."""


@pytest.fixture
async def quiet(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Four people who have done nothing but get their vouchers; proved afterwards."""
    await schema.upgrade(database_url)
    async with town(database_url, tmp_path, dict.fromkeys(PEOPLE, Setting())) as made:
        yield made
        await made.prove()


@pytest.fixture
def sealed_steps(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Whom the sealer is given, step by step."""
    steps: list[list[int]] = []

    async def listening(tx: "Tx", *given: Any, **limits: Any) -> "Step":
        steps.append(given[-1])
        return await seal(tx, *given, **limits)

    monkeypatch.setattr(sealing, "seal", listening)
    return steps


async def everybody(town: Town) -> list[int]:
    return [row[0] for row in await town.pool.fetch("select holder_id from holders order by 1")]


async def seal_all(town: Town, holders_max: int = 2) -> None:
    await seal_books(town.pool, KEY, town.now, holders_max=holders_max)
    async with town.pool.acquire() as sql:
        assert await unsealed(sql, town.now + timedelta(days=1)) == 0


async def test_the_sealer_takes_everybody_first_and_then_only_who_moved(
    quiet: Town, sealed_steps: list[list[int]]
) -> None:
    await seal_all(quiet)
    people = await everybody(quiet)
    assert sealed_steps == [people[:2], people[2:4], people[4:]]
    sealed_steps.clear()
    await seal_all(quiet)
    assert sealed_steps == []
    moved = [(await quiet.pay(1000, person)).holder_id for person in (4, 1, 3)]
    await seal_all(quiet)
    assert sealed_steps == [sorted(moved)[:2], sorted(moved)[2:]]


async def test_who_moved_is_read_some_at_a_time(
    quiet: Town, sealed_steps: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "HOLDERS_A_READING", 1)
    await seal_all(quiet)
    moved = [(await quiet.pay(1000, person)).holder_id for person in (4, 1, 3)]
    await seal_all(quiet)
    people = [[each] for each in await everybody(quiet)]
    assert sealed_steps == people + [[each] for each in sorted(moved)]


async def test_who_has_more_than_a_block_takes_comes_again_at_once(
    quiet: Town, sealed_steps: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await seal_all(quiet)
    sealed_steps.clear()
    monkeypatch.setattr(sealing, "MOVEMENTS_A_BLOCK", 1)
    first, second = [(await quiet.pay(1000, person)).holder_id for person in (1, 2)]
    await quiet.pay(500, 2)
    await seal_all(quiet)
    assert sealed_steps == [[first, second], [second]]


async def test_a_seal_that_broke_off_begins_again_where_it_began(
    quiet: Town, sealed_steps: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_tx: "Tx", *_given: Any, **_limits: Any) -> "Step":
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(sealing, "seal", broken)
        with pytest.raises(ZeroDivisionError):
            await seal_all(quiet)
    await seal_all(quiet, holders_max=10)
    assert sealed_steps == [await everybody(quiet)]


async def test_what_another_passed_meanwhile_is_not_passed_again(quiet: Town) -> None:
    async with quiet.pool.acquire() as sql:
        portion = await Portion.read(sql, SEALING)
        await move_mark(sql, SEALING, portion)
        with pytest.raises(PassedElsewhere):
            await move_mark(sql, SEALING, portion)


async def come_from_elsewhere(quiet: Town, url: str, *, passed: bool = True) -> None:
    """As books are that a dump brought here from a server that had counted much further.

    It had counted further when the jobs last passed there, or only afterwards.
    """
    await roll_up(quiet.pool, quiet.book)
    paid = await quiet.pay(1000, 1)
    sql = await asyncpg.connect(url)
    if passed:
        await sql.execute("update pass_marks set below = below + $1, at_work = '{}'", ELSEWHERE)
    await sql.execute(
        "update transfers set sql_tx = sql_tx + $1 where holder_id = $2 and seq > 2",
        ELSEWHERE + 5,
        paid.holder_id,
    )
    await sql.close()


async def test_nobody_writes_where_jobs_have_passed(quiet: Town, database_url: str) -> None:
    await come_from_elsewhere(quiet, database_url)
    async with quiet.pool.acquire() as sql:
        with pytest.raises(asyncpg.PostgresError, match="run 'millesime db upgrade'") as refused:
            await sql.execute("select ledger_post('{}')")
        assert refused.value.sqlstate == "MV004"
        with pytest.raises(database.DatabaseError, match="came from another server"):
            await server_check.check(cast("asyncpg.Connection", sql))


async def test_no_job_takes_movements_again_on_such_books(quiet: Town, database_url: str) -> None:
    await come_from_elsewhere(quiet, database_url)
    for _ in range(2):
        with pytest.raises(asyncpg.PostgresError, match="came from another server"):
            await roll_up(quiet.pool, quiet.book)


async def test_a_payment_on_such_books_is_answered_as_if_they_were_away(
    quiet: Town, database_url: str
) -> None:
    await come_from_elsewhere(quiet, database_url)
    assert (await quiet.pay(1000, 2)).reason is Reason.ISSUER_DOWN
    await schema.upgrade(database_url)
    assert (await quiet.pay(1000, 2)).reason is Reason.APPROVED


async def test_books_from_elsewhere_go_on_where_they_left_off(
    quiet: Town, database_url: str
) -> None:
    await come_from_elsewhere(quiet, database_url)
    left = await quiet.pool.fetchval("select count(*) from transfers where sql_tx > $1", ELSEWHERE)
    await schema.upgrade(database_url)
    async with quiet.pool.acquire() as sql:
        await server_check.check(cast("asyncpg.Connection", sql))
    assert left > 0
    assert await roll_up(quiet.pool, quiet.book) == {"movements": left}
    await quiet.pay(1000, 2)
    assert (await roll_up(quiet.pool, quiet.book))["movements"] > 0
    assert await roll_up(quiet.pool, quiet.book) == {"movements": 0}


async def test_rows_whose_numbers_have_not_come_are_taken_once_they_have(
    quiet: Town, database_url: str
) -> None:
    await come_from_elsewhere(quiet, database_url, passed=False)
    for _ in range(2):
        assert await roll_up(quiet.pool, quiet.book) == {"movements": 0}
    await quiet.pay(1000, 2)
    new = (await roll_up(quiet.pool, quiet.book))["movements"]
    async with quiet.pool.acquire() as sql:
        with pytest.raises(database.DatabaseError, match="came from another server"):
            await server_check.check(cast("asyncpg.Connection", sql))
    await schema.upgrade(database_url)
    assert await roll_up(quiet.pool, quiet.book) == {"movements": new}
    assert await roll_up(quiet.pool, quiet.book) == {"movements": 0}


async def test_books_are_looked_at_where_nothing_can_be_written(quiet: Town) -> None:
    async with quiet.pool.acquire() as sql, sql.transaction(readonly=True):
        await server_check.check(cast("asyncpg.Connection", sql))


async def test_where_nothing_is_ahead_nothing_is_caught_up(quiet: Town) -> None:
    await roll_up(quiet.pool, quiet.book)
    async with quiet.pool.acquire() as sql:
        await catch_up(sql)
        assert await sql.fetchval("select sql_tx_base from control") == 0
