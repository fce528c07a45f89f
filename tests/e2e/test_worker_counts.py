"""`/metrics` of several workers is the whole service's, and one that ends takes nothing away."""

import asyncio
import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from simulators.engine_process import Engine
from tests.database.roads import prove
from tests.e2e.engines import ask_books, engine_on, populate
from tests.e2e.test_workers import PATIENCE_S, PEOPLE, PERSON, pay_until, workers_of

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="workers are found in /proc"),
]
APPROVED = re.compile(r'^millesime_answers_total\{reason="APPROVED"\} (.*)$', re.M)


async def approved(engine: Engine) -> int:
    """As the service counts it."""
    async with httpx.AsyncClient(base_url=f"http://{engine.http}") as client:
        found = APPROVED.search((await client.get("/metrics")).text)
    return 0 if found is None else int(float(found[1]))


async def until_all_are_counted(engine: Engine, url: str) -> int:
    """Sign-ons are approved too: at least as many answers as the books have payments."""
    [(paid,)] = await ask_books(url, "select count(*) from authorizations")
    async with asyncio.timeout(PATIENCE_S):
        while await approved(engine) < paid:  # noqa: ASYNC110 - processes
            await asyncio.sleep(0.1)
    return int(paid)


async def test_all_workers_are_counted_and_who_ended_stays_counted(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, ((n, PERSON) for n in range(1, PEOPLE + 1)), tmp_path)
    async with engine_on(database_url, tmp_path, "--workers", "2") as engine:
        await pay_until(engine, database_url, 2)
        paid = await until_all_are_counted(engine, database_url)
        before = await approved(engine)
        assert paid <= before, "each worker alone has fewer"
        old = workers_of(engine.pid)
        for each in old:  # politely: what was counted last would else be lost
            os.kill(each, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            while len(workers_of(engine.pid) - old) < 2:  # noqa: ASYNC110 - processes
                await asyncio.sleep(0.1)
            while await _silent(engine):  # noqa: ASYNC110 - processes
                await asyncio.sleep(0.1)
        assert await approved(engine) >= before
    await prove(database_url)


async def _silent(engine: Engine) -> bool:
    try:
        await approved(engine)
    except httpx.TransportError:
        return True
    return False
