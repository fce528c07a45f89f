"""The embedded server is killed under a running engine: payments go on within seconds."""

import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.engine_process import Engine, command, running
from simulators.link import Link
from simulators.messages import Stamp, purchase
from tests.postgres import a_data_dir
from tests.road.people import Setting, as_world, card, terminal

pytestmark = pytest.mark.timeout(180)

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
PERSON = Setting()
DEATHS = (signal.SIGKILL, signal.SIGQUIT)
BACK_S = 60


async def pay(engine: Engine, number: int) -> str:
    """A payment of a euro; the response code."""
    stamp = Stamp(f"{number:06d}", NOON, f"{number:012d}")
    async with Link(engine.iso) as link:
        answer = await link.ask(purchase(card(PERSON), terminal(), stamp, 100))
    return answer["39"]


def postmaster_of(data_dir: Path) -> int:
    home = data_dir / "elsewhere"
    cluster = (home if home.exists() else data_dir) / "cluster"
    return int((cluster / "postmaster.pid").read_text().splitlines()[0])


def events(log: Path) -> list[str]:
    """What the engine and its libraries said; a line that is not of our shape fails the test."""
    whole = log.read_text().rpartition("\n")[0]
    return [json.loads(line)["event"] for line in whole.splitlines()]


async def test_payments_go_on_after_the_server_was_killed_and_the_audit_holds(
    tmp_path: Path,
) -> None:
    world, log = tmp_path / "world.json", tmp_path / "engine.log"
    world.write_text(json.dumps(as_world((1, PERSON))))
    with a_data_dir() as data_dir:
        doors = ("--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat())
        arguments = (*doors, "--data-dir", str(data_dir), "--world", str(world))
        child = running(arguments, log)
        engine = await asyncio.to_thread(child.__enter__)
        try:
            paid = await _pay_through_deaths(engine, data_dir, log)
            audit = await asyncio.to_thread(command, "audit", "--data-dir", str(data_dir))
        finally:
            await asyncio.to_thread(child.__exit__, None, None, None)
    assert paid == len(DEATHS) + 1
    assert audit.returncode == 0, audit.stdout
    assert events(log).count("database_died") == len(DEATHS)


async def _pay_through_deaths(engine: Engine, data_dir: Path, log: Path) -> int:
    """One payment before each death and one after the last; how many were approved."""
    number = paid = 1
    assert await pay(engine, number) == "00"
    for deaths, how in enumerate(DEATHS, start=1):
        os.kill(postmaster_of(data_dir), how)
        async with asyncio.timeout(BACK_S):
            while events(log).count("database_back") < deaths:  # noqa: ASYNC110 - a log file
                await asyncio.sleep(0.05)
            code = "91"
            while code == "91":
                number += 1
                code = await pay(engine, number)
        assert code == "00"
        paid += 1
    return paid
