"""The timers of the money: what each job is called, what it does and how often it is due.

A job may run at any time, beside a live engine, twice or on two machines: what it finds to do is
done once. `millesime jobs run NAME` runs one by hand; `serve` runs them all.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from time import time as wall_clock_s
from typing import Final

import asyncpg
import structlog
from msgspec import Struct
from msgspec.structs import replace

from authz.bank.forwarding import settle_left_behind, tell_the_bank
from authz.bank.matters import read_matters
from authz.bank.teller import BankDesk
from authz.bank.verification import undo_left_behind
from authz.batch.batcher import Batcher
from authz.custody.sealed_numbers import re_encrypt
from authz.custody.vault import Vault
from authz.faults import told_as
from authz.holders.notices import LogLine, NoticeSender, tell_holders
from authz.jobs.auditing import SLICE_HOLDERS, audit_slice
from authz.jobs.expiry import expire_holds
from authz.jobs.retention import USUAL, Retention, forget
from authz.jobs.sealing import seal_books
from authz.jobs.watch import alarms
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.requests import Request
from authz.settlement.closing import close_day
from authz.settlement.rhythm import WEEKLY, Rhythm
from authz.settlement.rollup import roll_up
from authz.storage.clock_row import civil_instant
from authz.storage.database import DatabaseError
from authz.storage.sessions import LOST
from authz.vintages.job import exchange_vintages
from ledger.seal import SealError, SealKey
from rules.rulebook import Rulebook

Decide = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome | None]]]
"""The road of payments: one outcome for each request, None where it gave none in time."""
Counts = Mapping[str, int]
"""What a run did, by what; zeros where there was nothing to do."""

SETTLED: Final = "fr-meal"
"""The programme whose rulebook says until when vouchers may be presented (VIN-12)."""
LOOK_BACK: Final = timedelta(days=60)
"""Days that a job which has run before looks at again; its first run looks at all."""
LOG_LINE: Final = LogLine()

_log = structlog.get_logger()


class Work(Struct, frozen=True):
    """What a job is given. `pool` is in the engine's role; `now` is UTC.

    Days before `since` were looked at not long ago: a job need not look at them again. Without a
    `seal_key` nothing is sealed, without a `bank` it is told nothing, without a `close_time` the
    settlement date is left to midnight and to cutovers, without a `vault` no number moves to
    another key.
    """

    pool: asyncpg.Pool
    decide: Decide
    rulebooks: Mapping[str, Rulebook]
    now: datetime
    since: date = date.min
    seal_key: SealKey | None = None
    retention: Retention = USUAL
    metrics: Metrics | None = None
    bank: BankDesk | None = None
    close_time: time | None = None
    rhythm: Rhythm = WEEKLY
    vault: Vault | None = None
    audit_holders: int = SLICE_HOLDERS
    notices: NoticeSender = LOG_LINE


class Job(Struct, frozen=True):
    """One timer: what it does, in words and in code, and how often it is looked after.

    Of several workers the first runs all jobs, and every one of them its part of what is `shared`.
    One that `asks_bank` is given a line to it; nobody else waits for one, or fails without.
    """

    run: Callable[[Work], Awaitable[Counts]]
    every_s: float
    words: str
    shared: bool = False
    asks_bank: bool = False


async def _expire_holds(work: Work) -> Counts:
    return await expire_holds(work.pool, work.decide, work.rulebooks, work.now, work.since)


async def _exchange_vintages(work: Work) -> Counts:
    return await exchange_vintages(work.pool, work.rulebooks, work.now)


async def _close_day(work: Work) -> Counts:
    return await close_day(work.pool, work.close_time, work.now)


async def _roll_up(work: Work) -> Counts:
    return await roll_up(work.pool, work.rulebooks[SETTLED])


async def _seal(work: Work) -> Counts:
    if work.seal_key is None:
        _log.warning("unsealed", why="there is no seal key in the key file")
        return {"heads": 0}
    try:
        return await seal_books(work.pool, work.seal_key, work.now)
    except SealError as gap:
        _log.critical("books_broken", why=str(gap))
        return {"heads": 0}


async def _store_and_forward(work: Work) -> Counts:
    settled = await settle_left_behind(work.pool, work.decide)
    settled += await undo_left_behind(work.pool)
    told = 0
    if work.bank is not None:
        told = await tell_the_bank(work.bank)
        work.bank.gauges.matters = await read_matters(work.pool)
    return {"settled": settled, "acknowledged": told}


async def _re_encrypt(work: Work) -> Counts:
    if work.vault is None:
        return {"moved": 0}
    return await re_encrypt(work.pool, work.vault)


async def _tell_holders(work: Work) -> Counts:
    return {"told": await tell_holders(work.pool, work.notices, work.vault)}


async def _retain(work: Work) -> Counts:
    return await forget(work.pool, work.retention)


async def _watch(work: Work) -> Counts:
    found = await alarms(work.pool, work.rulebooks[SETTLED], work.rhythm, work.now)
    if work.metrics is not None:
        work.metrics.alarms.update(found)
    return found


async def _audit(work: Work) -> Counts:
    by_version = {book.version: book for book in work.rulebooks.values()}
    return await audit_slice(work.pool, by_version, work.audit_holders, work.metrics)


JOBS: Final[Mapping[str, Job]] = {
    "expire-holds": Job(
        _expire_holds, 30.0, "Let holds fall free that nobody captured in time (HLD-03)."
    ),
    "exchange-vintages": Job(
        _exchange_vintages, 300.0, "Book what became of vouchers after their last day (VIN-06)."
    ),
    "store-and-forward": Job(
        _store_and_forward,
        0.5,
        "Settle what waits for the bank, and tell the bank until it hears.",
        shared=True,
        asks_bank=True,
    ),
    "close-day": Job(_close_day, 10.0, "Begin the next settlement date when its time has come."),
    "tell-holders": Job(_tell_holders, 5.0, "Hand over what holders must hear of.", shared=True),
    "roll-up": Job(_roll_up, 60.0, "Add up accounts by day, and what merchants are owed."),
    "seal": Job(_seal, 300.0, "Chain what was booked by a keyed hash."),
    "watch": Job(_watch, 600.0, "Look for what somebody must look at, and raise the alarm."),
    "audit": Job(_audit, 30.0, "Prove the books and answers of the next holders, round by round."),
    "re-encrypt": Job(
        _re_encrypt, 600.0, "Move encrypted numbers over to the first key of the key file."
    ),
    "retain": Job(_retain, 3600.0, "Forget keys, facts, people and merchants that are old enough."),
}


def road_of(batcher: Batcher) -> Decide:
    """The road of a service: what jobs ask goes with the batches of everybody else's."""

    async def decide(requests: Sequence[Request]) -> Sequence[Outcome | None]:
        return await asyncio.gather(*(batcher.ask(request) for request in requests))

    return decide


@asynccontextmanager
async def timers(work: Work, *, every: bool = True) -> AsyncIterator[None]:
    """Run the jobs beside the caller: every job, or only those that are shared."""
    jobs = {name: job for name, job in JOBS.items() if every or job.shared}
    running = asyncio.create_task(keep_running(work, jobs))
    # Only a fault of ours ends the jobs before the service; payments go on without them.
    running.add_done_callback(told_as("jobs_stopped"))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def keep_running(work: Work, jobs: Mapping[str, Job] = JOBS) -> None:
    """Run every job when it is due, until cancelled. One that fails is run again when it is due.

    Each run of a job has its own instant; the rest of `work` is the same for all.
    """
    async with asyncio.TaskGroup() as group:
        for name, job in jobs.items():
            group.create_task(_repeat(name, job, work))


async def _repeat(name: str, job: Job, work: Work) -> None:
    since = date.min
    while True:
        try:
            now = await civil_instant(work.pool, datetime.now(UTC))
            done = await job.run(replace(work, now=now, since=since))
        except Exception as error:  # noqa: BLE001 - a fault in one job must not end the others
            known = isinstance(error, (*LOST, asyncpg.PostgresError, DatabaseError))
            trace = None if known else error
            _log.error("job_failed", job=name, error=type(error).__name__, exc_info=trace)
            if work.metrics is not None:
                work.metrics.job_failures[name] += 1
        else:
            since = now.date() - LOOK_BACK
            if work.metrics is not None:
                work.metrics.jobs_done_at[name] = wall_clock_s()
            if any(done.values()):
                _log.info("job_done", job=name, **done)
        await asyncio.sleep(job.every_s)
