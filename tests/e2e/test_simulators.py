"""A real engine on its own PostgreSQL, met by strangers: a rush, an audit from outside, a demo."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from simulators.auditor import audit_books, audit_journals, read_books
from simulators.engine_process import Engine, output_of, running
from simulators.faults import Proxy, Way, cut_after, once
from simulators.journal import Journal, fold
from simulators.rush import Plan, play
from simulators.tally import Tally
from simulators.traffic import lunch_rush
from simulators.world_file import World, read_world

pytestmark = pytest.mark.timeout(180)

TUESDAY = date(2026, 11, 24)
DOORS = ("--iso-port", "0", "--http-port", "0", "--test-clock", "2026-11-24T11:30:00Z")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("town") / "world.json"
    path.write_text(output_of("world", "generate", "--accounts", "120", "--seed", "3"))
    return path


@pytest.fixture(scope="module")
def engine(town: Path) -> Iterator[Engine]:
    store = ("--data-dir", str(town.parent / "engine"))
    with running((*DOORS, *store, "--world", str(town)), town.parent / "engine.log") as doors:
        yield doors


@pytest.fixture(scope="module")
def world(town: Path) -> World:
    return read_world(town)


@pytest.fixture(scope="module")
def journals() -> list[Journal]:
    """What all terminals of this module wrote down, for the audit at the end."""
    return []


async def played(plan: Plan, world: World, seed: int, payments: int = 300) -> tuple[Tally, Journal]:
    drawn, journal = lunch_rush(world, payments, seed, TUESDAY), Journal()
    tally = Tally(len(drawn))
    await play(drawn, plan, journal, tally)
    return tally, journal


async def test_a_rush_is_answered_whole(
    engine: Engine, world: World, journals: list[Journal]
) -> None:
    tally, journal = await played(Plan(engine.iso), world, seed=1)
    journals.append(journal)
    assert tally.good(), tally.summary()
    assert tally.approved > 100, tally.summary()
    assert {"00", "10", "61", "14"} <= set(tally.by_code), tally.summary()


async def test_the_same_rush_again_gets_the_same_answers(
    engine: Engine, world: World, journals: list[Journal]
) -> None:
    answers = []
    for _ in range(2):
        _, journal = await played(Plan(engine.iso, in_flight=4), world, seed=2, payments=100)
        journals.append(journal)
        told = [(entry.key, entry.answer) for entry in journal.entries()]
        answers.append([(key, a.code, a.amount_minor, a.approval_code) for key, a in told if a])
    assert len(answers[0]) == 100
    assert answers[0] == answers[1]


async def test_after_a_cut_the_repeats_find_their_answers(
    engine: Engine, world: World, journals: list[Journal]
) -> None:
    async with Proxy(engine.iso) as proxy:
        proxy.rule = once(proxy, cut_after(Way.TO_CLIENT, 4_001))
        plan = Plan(proxy.address, connections=1, in_flight=32, tries=4, pause_s=0.1)
        tally, journal = await played(plan, world, seed=4)
        assert proxy.cuts == 1
    journals.append(journal)
    assert tally.good(), tally.summary()


async def test_at_the_end_journals_and_books_agree_both_ways(
    engine: Engine, world: World, journals: list[Journal]
) -> None:
    entries = fold(line for journal in journals for line in journal.lines)
    headers = {"Authorization": "Bearer dev"}
    async with httpx.AsyncClient(base_url=f"http://{engine.http}", headers=headers) as client:
        books = await read_books(client)
    topped_up = {who.person for who in world.people if who.top_up}
    assert audit_journals(entries, topped_up) == []
    assert audit_books(entries, books) == []
    assert len(books) > 0.9 * len(entries), "unknown cards alone leave no trace"


def test_a_demo_runs_to_its_end_and_leaves_nothing(tmp_path: Path) -> None:
    sizes = ("--accounts", "60", "--payments", "100", "--rate", "200")
    ran = subprocess.run(
        [sys.executable, "-m", "authz", "demo", "--data-dir", str(tmp_path / "demo"), *sizes],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = ("Decisions", "Sunday lunch", "all as expected", "agree, both ways", "the books hold")
    for words in (*shown, "Apple Pay", "Pluxee Pay", "cryptogram_is_right"):
        assert words in ran.stdout
    assert re.search(r"61 +daily cap reached|61 daily cap reached", ran.stdout)
    assert not re.search(r"9999[67]\d{11}", ran.stdout), "a card number shows"
    assert not any(str(tmp_path) in line for line in running_commands())


def running_commands() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
