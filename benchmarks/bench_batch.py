"""Question: what do loading, deciding and saving cost an authorization, by the size of the batch?

One batch at a time on one SQL connection, fsync on: the floor of the road behind the codec. The
audit must hold afterwards.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from time import perf_counter
from typing import Final

from authz.batch.directory import Directory
from authz.custody.keys import read_key_file
from authz.custody.pan import PanDigester
from authz.decide.authorize import authorize
from authz.ids import AuthorizationIds
from authz.iso8583.profiles import profile
from authz.requests import Request
from authz.storage import database
from authz.storage.sessions import KeptSessions
from authz.storage.store import HolderOf, Store
from authz.wire.translate import to_request
from benchmarks.frames import Traffic, cards
from benchmarks.lab import Lab
from benchmarks.options import Options
from benchmarks.results import say
from benchmarks.timing import Timing, report
from benchmarks.world import Size
from rules.decision import Reason
from rules.rulebook import bundled

SIZES: Final = (512, 128, 32, 8, 1)
SECONDS_MAX: Final = 5.0
DATABASE: Final = "bench_batch"
STAGES: Final = ("load", "authorize", "save")
WAIT_S: Final = 5.0
BOOKS: Final = {"fr-meal": bundled("fr-meal")}


def run(lab: Lab, options: Options) -> None:
    """Measure every size, prove, show."""
    lab.make_world(DATABASE, Size(options.accounts))
    digester = read_key_file(lab.keys).digester()
    seconds = min(options.seconds, SECONDS_MAX)
    timings, approved = asyncio.run(_measure(lab.url(DATABASE), options, digester, seconds))
    lab.prove(DATABASE, approved)
    for size in SIZES:
        report(f"a batch of {size}, µs for each authorization", *timings[size])
    say(f"the books hold: {approved:,} approvals")


def _requests(accounts: int, digester: PanDigester) -> Iterator[Request]:
    spoken = profile("ascii")
    traffic = Traffic(1, cards(10_000, accounts), 1_000)
    for number in count():
        message = spoken.codec.decode(traffic.frame(number)[2:])
        yield to_request(message, spoken, digester, datetime.now(UTC), WAIT_S)


async def _measure(
    url: str, options: Options, digester: PanDigester, seconds: float
) -> tuple[dict[int, list[Timing]], int]:
    pool = await database.open_pool(url, size=1, hot=True)
    road = KeptSessions(pool)
    store = Store(road, Directory(known_max=0), answer_timeout_s=WAIT_S)
    incoming = _requests(options.accounts, digester)
    next_id = AuthorizationIds(1, lambda: time.time_ns() // 1_000_000)
    timings, approved = {}, 0
    for size in SIZES:
        took: list[Sequence[float]] = []
        until = perf_counter() + seconds
        while perf_counter() < until:
            batch = list(islice(incoming, size))
            stages, good = await _one(store, batch, {}, next_id)
            took.append([stage_s / size * 1e6 for stage_s in stages])
            approved += good
        timings[size] = [_timing(name, [t[n] for t in took]) for n, name in enumerate(STAGES)]
    await road.close()
    await pool.close()
    return timings, approved


async def _one(
    store: Store, batch: list[Request], holder_of: HolderOf, next_id: AuthorizationIds
) -> tuple[tuple[float, float, float], int]:
    begun = perf_counter()
    state = await store.load(batch, holder_of)
    loaded = perf_counter()
    verdict = authorize(batch, state, BOOKS, next_id)
    decided = perf_counter()
    await store.save(verdict.writes)
    saved = perf_counter()
    good = sum(outcome.reason is Reason.APPROVED for outcome in verdict.outcomes)
    return (loaded - begun, decided - loaded, saved - decided), good


def _timing(name: str, took: list[float]) -> Timing:
    took.sort()
    middle, high = took[len(took) // 2], took[len(took) * 99 // 100]
    return Timing(name, len(took), sum(took) / len(took), middle, high)
