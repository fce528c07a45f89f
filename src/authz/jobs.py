"""The timers of the money: what each job is called, what it does and how often it is due.

A job may run at any time, beside a live engine, twice or on two machines: what it finds to do is
done once. `millesime jobs run NAME` runs one by hand; `serve` runs them all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg
import structlog
from msgspec import Struct

from authz.database import DatabaseError
from authz.expiry import expire_holds
from authz.outcomes import Outcome
from authz.requests import Request
from authz.store import LOST
from authz.vintages.job import exchange_vintages
from rules.rulebook import Rulebook

Decide = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome | None]]]
"""The road of payments: one outcome for each request, None where it gave none in time."""
Counts = Mapping[str, int]
"""What a run did, by what; zeros where there was nothing to do."""

TEST_CLOCK: Final = "select test_clock from control"
LOOK_BACK: Final = timedelta(days=60)
"""Days that a job which has run before looks at again; its first run looks at all."""

_log = structlog.get_logger()


class Work(Struct, frozen=True):
    """What a job is given. `pool` is in the engine's role; `now` is UTC.

    Days before `since` were looked at not long ago: a job need not look at them again.
    """

    pool: asyncpg.Pool
    decide: Decide
    rulebooks: Mapping[str, Rulebook]
    now: datetime
    since: date = date.min


class Job(Struct, frozen=True):
    """One timer: what it does, in words and in code, and how often it is looked after."""

    run: Callable[[Work], Awaitable[Counts]]
    every_s: float
    words: str


async def _expire_holds(work: Work) -> Counts:
    return await expire_holds(work.pool, work.decide, work.rulebooks, work.now, work.since)


async def _exchange_vintages(work: Work) -> Counts:
    return await exchange_vintages(work.pool, work.rulebooks, work.now)


JOBS: Final[Mapping[str, Job]] = {
    "expire-holds": Job(
        _expire_holds, 30.0, "Let holds fall free that nobody captured in time (HLD-03)."
    ),
    "exchange-vintages": Job(
        _exchange_vintages, 300.0, "Book what became of vouchers after their last day (VIN-06)."
    ),
}


async def clock(pool: asyncpg.Pool) -> datetime:
    """The instant that everything civil goes by: the test clock where one is set."""
    return await pool.fetchval(TEST_CLOCK) or datetime.now(UTC)


async def keep_running(
    pool: asyncpg.Pool,
    decide: Decide,
    rulebooks: Mapping[str, Rulebook],
    jobs: Mapping[str, Job] = JOBS,
) -> None:
    """Run every job when it is due, until cancelled. A database that is away is waited for."""
    async with asyncio.TaskGroup() as group:
        for name, job in jobs.items():
            group.create_task(_repeat(name, job, pool, decide, rulebooks))


async def _repeat(
    name: str,
    job: Job,
    pool: asyncpg.Pool,
    decide: Decide,
    rulebooks: Mapping[str, Rulebook],
) -> None:
    since = date.min
    while True:
        try:
            now = await clock(pool)
            done = await job.run(Work(pool, decide, rulebooks, now, since))
        except (*LOST, asyncpg.PostgresError, DatabaseError) as error:
            _log.warning("job_failed", job=name, error=type(error).__name__)
        else:
            since = now.date() - LOOK_BACK
            if any(done.values()):
                _log.info("job_done", job=name, **done)
        await asyncio.sleep(job.every_s)
