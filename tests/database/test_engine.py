"""Engines on a real PostgreSQL: what is answered is written, whatever happens in between."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final

import asyncpg
import pytest

from authz.requests import Request
from tests.authz.builders import again, some_request
from tests.database.roads import PEOPLE, Process, buys, one, people, people_template

__all__ = ["people", "people_template"]

RESET: Final = ("SELECT pg_advisory_unlock_all", "RESET")
"""How asyncpg cleans a SQL connection that goes back to the pool."""


async def test_a_batch_is_written_whole(people: str) -> None:
    async with Process(people) as engine:
        reasons = await engine.reasons(buys(1250, 1), buys(3000, 2), buys(100, 1), buys(1, 9999))
    assert reasons == ["APPROVED", "DAILY_CAP", "APPROVED", "UNKNOWN_CARD"]
    assert await one(people, "select count(*) from authorizations") == 3
    assert await one(people, "select count(*) from request_keys") == 3
    spent = "select sum(amount_minor) from transfers where authorization_id is not null"
    assert await one(people, spent) == 1350


async def test_a_repeat_is_answered_from_the_books(people: str) -> None:
    request = buys(1250)
    async with Process(people) as first:
        said = await first.run(request)
    async with Process(people) as second:
        says = await second.run(again(request))
    assert said[0] is not None and says[0] is not None
    assert says[0].replayed
    assert says[0].approval_code == said[0].approval_code
    assert (says[0].balance_minor, says[0].usable_minor) == (8750, 1250)


async def test_a_restamped_repeat_is_answered_from_the_books(people: str) -> None:
    request = buys(1250)
    async with Process(people) as engine:
        said = await engine.run(request)
        says = await engine.run(again(request, key_hash=b"r" * 16, transmitted="1124235959"))
    assert said[0] is not None and says[0] is not None
    assert says[0].approval_code == said[0].approval_code
    assert await one(people, "select count(*) from authorizations") == 1


async def test_another_content_under_a_known_key_is_a_conflict(people: str) -> None:
    request = buys(1250)
    async with Process(people) as engine:
        await engine.run(request)
        other = buys(1300, 2, key_hash=request.key_hash)
        assert await engine.reasons(other, again(request)) == ["DUPLICATE_CONFLICT", "APPROVED"]


@pytest.mark.parametrize("field", ["terminal", "mid", "rrn"])
async def test_what_the_database_refuses_costs_one_request_alone(people: str, field: str) -> None:
    """A NUL: PostgreSQL takes no text with one (translate never lets it come so far)."""
    requests = [buys(100 + n, n) for n in range(1, 8)]
    requests[4] = buys(105, 5, **{field: "A\x00B"})
    async with Process(people) as engine:
        outcomes = await engine.run(*requests)
    reasons = [outcome and outcome.reason.name for outcome in outcomes]
    expected = ["APPROVED"] * 7
    # An unregistered merchant is declined: still a decision that cannot be written.
    expected[4] = "SYSTEM"
    assert reasons == expected
    assert await one(people, "select count(*) from authorizations") == 6


async def test_two_engines_share_a_cap(people: str) -> None:
    async with Process(people) as a, Process(people) as b:
        batches = [engine.run(*(buys(100, 1) for _ in range(10))) for engine in (a, b, a, b, a, b)]
        outcomes = [each for batch in await asyncio.gather(*batches) for each in batch]
    reasons = [outcome and outcome.reason.name for outcome in outcomes]
    assert sorted(map(str, set(reasons))) == ["APPROVED", "DAILY_CAP"]
    assert reasons.count("APPROVED") == 25
    assert a.metrics.conflicts + b.metrics.conflicts > 0


async def test_overlapping_batches_of_two_engines_never_embrace(people: str) -> None:
    """Hundreds of batches that lock the same people and claim the same keys, in clashing orders."""
    rounds, width = 60, 12

    def batch(seed: int) -> list[Request]:
        return [
            buys(1, 1 + (seed * 7 + n * (1 if seed % 2 else -1) * 5) % 30) for n in range(width)
        ]

    async with Process(people) as a, Process(people) as b:
        answers = []
        for start in range(0, rounds, 4):
            shared = [batch(start + n) for n in range(4)]
            work = [
                engine.run(*(requests if engine is a else requests[::-1]))
                for requests in shared
                for engine in (a, b)
            ]
            answers += await asyncio.gather(*work)
    reasons = {outcome and outcome.reason.name for batch in answers for outcome in batch}
    assert reasons <= {"APPROVED", "DAILY_CAP"}
    decided = await one(people, "select count(*) from authorizations")
    assert decided == rounds * width
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await one(people, deadlocks) == 0


async def watch(engine: Process) -> list[str]:
    """Every statement that the engine's SQL connections are asked from now on."""
    statements: list[str] = []

    def note(record: Any) -> None:
        if not record.query.lstrip().startswith(RESET):
            statements.append(record.query)

    async with AsyncExitStack() as all_of_them:
        for _ in range(engine.pool.get_size()):
            sql = await all_of_them.enter_async_context(engine.pool.acquire())
            sql.add_query_logger(note)
    return statements


@pytest.mark.parametrize("remembered", [True, False])
async def test_a_batch_of_256_takes_as_many_statements_as_a_batch_of_one(
    people: str, *, remembered: bool
) -> None:
    taken: list[int] = []
    async with Process(people) as engine:
        statements = await watch(engine)
        for width in (1, 256):
            # Merchants are learned once; a batch that knows them already is the usual one.
            for amount_minor in (100, 200):
                requests = [buys(amount_minor, 1 + n) for n in range(width)]
                holder_of = await engine.holder_of(requests) if remembered else {}
                await asyncio.sleep(0)  # the driver tells of a statement one turn late
                statements.clear()
                outcomes = await engine.engine.run(requests, holder_of)
                await asyncio.sleep(0)
            assert {outcome and outcome.reason.name for outcome in outcomes} == {"APPROVED"}
            taken.append(len(statements))
    assert taken == [2, 2], statements


async def test_a_card_that_nobody_remembers_is_found_with_its_batch_and_remembered(
    people: str,
) -> None:
    async with Process(people) as engine:
        known, unknown, nobodys = buys(100, 1), buys(100, 2), some_request(100, PEOPLE + 1)
        assert engine.remembered([known, unknown]) == {}
        assert await engine.reasons(known) == ["APPROVED"]
        reasons = await engine.reasons(again(known), unknown, nobodys)
        assert reasons == ["APPROVED", "APPROVED", "UNKNOWN_CARD"]
        holders = engine.remembered([known, unknown, nobodys])
        assert holders == await engine.holder_of([known, unknown])


async def test_a_first_batch_learns_all_its_merchants_in_one_statement(people: str) -> None:
    async with Process(people) as engine:
        outcomes = await engine.run(*(buys(100, 1 + n) for n in range(PEOPLE)))
    assert {outcome and outcome.reason.name for outcome in outcomes} == {"APPROVED"}


async def test_a_statement_that_took_too_long_is_refused_and_is_no_poison(people: str) -> None:
    """Somebody sits on the holders' rows for longer than a statement may take."""
    holder = await asyncpg.connect(people)
    work = holder.transaction()
    await work.start()
    await holder.execute("select 1 from holders for update")
    async with Process(people, statement_timeout_ms=300, answer_timeout_s=5.0) as engine:
        first, twice = buys(100, 1), again(buys(200, 1))
        outcomes = await engine.run(first, twice)
        assert [outcome and outcome.reason.name for outcome in outcomes] == ["ISSUER_DOWN", None]
        assert engine.metrics.poisoned == 0
        await work.rollback()
        assert await engine.reasons(again(first)) == ["APPROVED"]
    await holder.close()
