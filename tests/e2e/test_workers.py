"""Several workers behind one port: both pay, a killed one is replaced, all drain when asked."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from authz.service.parts import sql_sessions
from authz.settings import load
from simulators.engine_process import Engine
from simulators.link import Link
from simulators.messages import Stamp, purchase
from tests.database.roads import prove
from tests.e2e.engines import NOON, ask_books, engine_on, populate
from tests.road.people import Setting, card, terminal
from tests.road.road import instant

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="workers are found in /proc"),
]
PERSON = Setting(lots={2026: 100_000}, used={})
PEOPLE = 40
PATIENCE_S = 60
SESSIONS = """
    select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'millesime'
"""
_STANS = count(1)


def workers_of(supervisor: int) -> set[int]:
    """Its engine processes; a helper of multiprocessing is none."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    found = set()
    for pid in children:
        with suppress(FileNotFoundError, ProcessLookupError):  # one that has just gone is none
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(int(pid))
    return found


async def newcomers(engine: Engine, first: set[int]) -> set[int]:
    """Wait for whoever takes a dead worker's place, even before it can do anything."""
    async with asyncio.timeout(PATIENCE_S):
        while not (born := workers_of(engine.pid) - first):  # noqa: ASYNC110 - processes
            await asyncio.sleep(0.005)
    return born


async def pay(engine: Engine, person: int) -> None:
    """A cent, over a connection of its own: the kernel chooses who takes it."""
    number = next(_STANS)
    stamp = Stamp(f"{number:06d}", instant(NOON), f"{number:012d}")
    async with Link(engine.iso) as link:
        answer = await link.ask(purchase(card(PERSON, person), terminal(person), stamp, 1))
    assert answer["39"] == "00", answer


async def pay_until(engine: Engine, url: str, processes: int) -> None:
    """Pay until so many engine processes have decided something."""
    async with asyncio.timeout(PATIENCE_S):
        while len(await deciders(url)) < processes:
            await asyncio.gather(*(pay(engine, person) for person in range(1, PEOPLE + 1)))


async def deciders(url: str) -> set[int]:
    """The numbers of the processes, which are ten bits in the names they gave."""
    rows = await ask_books(url, "select authorization_id from authorizations")
    return {row[0] >> 12 & 1023 for row in rows}


async def test_a_killed_worker_is_replaced_and_all_drain_when_asked(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(n, PERSON) for n in range(1, PEOPLE + 1)], tmp_path)
    async with engine_on(database_url, tmp_path, "--workers", "2") as engine:
        first = workers_of(engine.pid)
        assert len(first) == 2
        await pay_until(engine, database_url, 2)
        [(held,)] = await ask_books(database_url, SESSIONS)
        assert held == sql_sessions(load({"workers": 2})), "what the start-up reckons with"
        os.kill(min(first), signal.SIGKILL)
        await newcomers(engine, first)
        await pay_until(engine, database_url, 3)
        os.kill(engine.pid, signal.SIGTERM)
        left = os.WEXITED | os.WNOWAIT  # whoever started it takes it away
        ended = await asyncio.to_thread(os.waitid, os.P_PID, engine.pid, left)
        assert ended is not None and (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)
    lines = (tmp_path / "engine.log").read_text().splitlines()
    said = [json.loads(line)["event"] for line in lines]
    assert (said.count("worker_died"), said.count("draining")) == (1, 2)
    assert not {"worker_killed", "drain_timed_out"} & set(said)
    await prove(database_url)


async def test_a_worker_that_is_being_born_outlives_a_hangup_signal(
    database_url: str, tmp_path: Path
) -> None:
    """Whoever signals all processes of the name does not ask how far each of them is."""
    await populate(database_url, [(n, PERSON) for n in range(1, PEOPLE + 1)], tmp_path)
    async with engine_on(database_url, tmp_path, "--workers", "2") as engine:
        first = workers_of(engine.pid)
        os.kill(min(first), signal.SIGKILL)
        born = await newcomers(engine, first)
        for _ in range(30):
            os.kill(max(born), signal.SIGHUP)
            await asyncio.sleep(0.02)
        await pay_until(engine, database_url, 2)
    assert (tmp_path / "engine.log").read_text().count('"worker_died"') == 1
    await prove(database_url)
