"""The table of jobs: run by hand, by the service's timers, and again after a database was away."""

import asyncio
from pathlib import Path
from time import time

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from authz.batch.batcher import Batcher, BatchLimits
from authz.batch.directory import Directory
from authz.commands.jobs import app, run_job
from authz.jobs.timers import JOBS, LOOK_BACK, Counts, Job, Work, keep_running, road_of, timers
from authz.metrics import Metrics
from authz.requests import Kind
from authz.settings import load
from authz.usage import UsageError
from tests.database.town import town
from tests.road.people import Setting

FRIDAY = "2026-11-27T12:30:00+01:00"
ONE = {1: Setting()}


async def test_by_hand_the_command_runs_with_an_engine_of_its_own(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        await t.pay(2300, kind=Kind.HOLD)
        done = await run_job(
            calendar_url, "expire-holds", t.books, "2026-12-05T00:00:00+01:00", load()
        )
        assert done == {"expired": 1, "unanswered": 0}
        done = await run_job(
            calendar_url, "exchange-vintages", t.books, "2027-03-01T00:00:00+01:00", load()
        )
        assert done["exchanged"] == 10_000


async def test_the_watch_knows_the_pay_days_of_the_settings(
    calendar_url: str, tmp_path: Path
) -> None:
    sunday = "2026-11-29T12:30:00+01:00"
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        await t.pay(2300)
        await run_job(calendar_url, "roll-up", t.books, None, load())
        for rhythm, merchants in (("weekly", 0), ("daily", 1)):
            settings = load({"settlement_rhythm": rhythm})
            done = await run_job(calendar_url, "watch", t.books, sunday, settings)
            assert done["payments_missed"] == merchants


@pytest.mark.parametrize(
    "now",
    ["tomorrow", "2027-03-01T00:00:00", "1999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"],
)
async def test_an_instant_needs_its_zone_and_a_year_in_reach(calendar_url: str, now: str) -> None:
    with pytest.raises(UsageError, match="--now"):
        await run_job(calendar_url, "expire-holds", {}, now, load())


def test_an_unknown_job_is_refused_with_those_there_are() -> None:
    done = CliRunner().invoke(app, ["run", "tidy-up"])
    assert isinstance(done.exception, UsageError)
    assert "exchange-vintages" in str(done.exception)


async def test_the_service_sends_expiries_with_everybody_elses_batches(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await t.at(FRIDAY)
        await t.pay(2300, kind=Kind.HOLD)
        await t.at("2026-12-05T00:00:00+01:00")
        batcher = Batcher(t.engine.run, Directory(known_max=10), BatchLimits(2, 8, 100, 10))
        work = Work(t.pool, road_of(batcher), t.books, t.now)
        async with asyncio.timeout(10), timers(work):
            while (await t.lots())[0][3]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await t.lots() == [(2026, None, 10_000, 0, 0)]


@pytest.mark.parametrize("failure", [OSError("away"), KeyError("a fault of ours")])
async def test_a_job_that_fails_is_run_again(
    failure: Exception, calendar_url: str, tmp_path: Path
) -> None:
    runs: list[Work] = []
    thrice = asyncio.Event()

    async def fails_once(work: Work) -> Counts:
        runs.append(work)
        if len(runs) == 1:
            raise failure
        if len(runs) == 3:
            thrice.set()
        return {"done": 1}

    metrics, begun_s = Metrics(), time()
    async with town(calendar_url, tmp_path, ONE) as t:
        job, work = Job(fails_once, 0.0, "a test's own"), Work(t.pool, t.decide, t.books, t.now)
        running = asyncio.create_task(keep_running(replace(work, metrics=metrics), {"own": job}))
        async with asyncio.timeout(10):
            await thrice.wait()
        running.cancel()
        await asyncio.wait([running])
    assert [run.now for run in runs] == [t.now] * len(runs)
    assert runs[1].since == runs[0].since
    assert runs[2].since == t.now.date() - LOOK_BACK
    told = {s.name: s.value for m in metrics.collect() for s in m.samples if "job" in s.labels}
    assert told["millesime_job_failures_total"] == 1
    assert begun_s <= told["millesime_job_success_timestamp_seconds"] <= time()


def test_every_job_says_what_it_does() -> None:
    assert {"expire-holds", "exchange-vintages"} <= set(JOBS)
    assert all(job.words.endswith(".") and job.every_s > 0 for job in JOBS.values())


async def test_only_the_job_that_asks_the_bank_minds_its_files(
    calendar_url: str, tmp_path: Path
) -> None:
    settings = load({"bank": "127.0.0.1:9", "bank_tls_ca": tmp_path / "none.pem"})
    async with town(calendar_url, tmp_path, ONE) as t:
        assert await run_job(calendar_url, "seal", t.books, None, settings) == {"heads": 0}
        with pytest.raises(UsageError, match=r"bank_tls_ca wants .*none.pem: No such file"):
            await run_job(calendar_url, "store-and-forward", t.books, None, settings)
