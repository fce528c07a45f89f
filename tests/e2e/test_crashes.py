"""Processes end or are killed in mid-rush: what was answered stands, once; the rest can be asked.

The terminals keep journals of their own; the books are read by SQL. With fsync, full_page_writes
and synchronous_commit on, an answer is a promise.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from authz.postgres import Embedded, ensure_running
from authz.storage.sessions import LOST
from simulators.auditor import audit_books, audit_journals
from simulators.engine_process import Engine
from simulators.journal import Answered, Journal, Line
from simulators.link import Link
from simulators.messages import repeat
from simulators.rush import Plan, play
from simulators.tally import Tally
from simulators.traffic import Payment, lunch_rush
from simulators.wire import Fields
from simulators.world_file import read_world
from tests.database.roads import prove
from tests.e2e.engines import ask_books, booked, durable, engine_on, populate
from tests.postgres import SMALL, a_data_dir
from tests.road.people import Setting

pytestmark = pytest.mark.timeout(120)

TUESDAY = date(2026, 11, 24)
PEOPLE, PAYMENTS = 200, 1_200
KILLED_AFTER = 250
"""Answers; then a process dies while 48 payments are on their way."""
RESET_S = 30
"""For PostgreSQL to end its processes and recover."""


class Watched(Journal):
    """A journal in memory that says when it has seen so many answers."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self._left = answers
        self.reached = asyncio.Event()

    def write(self, line: Line) -> None:
        super().write(line)
        self._left -= isinstance(line, Answered)
        if self._left <= 0:
            self.reached.set()


class Stage:
    """A server of its own, people in it, and an engine that can be killed and started again."""

    def __init__(self, data_dir: Path, folder: Path) -> None:
        self._data_dir, self._folder = data_dir, folder
        self._engines = AsyncExitStack()
        self._started = 0
        self.port = 0

    async def open(self) -> None:
        self.server = await self._server()
        self.url = self.server.url
        assert await durable(self.url)
        people = ((number, Setting()) for number in range(1, PEOPLE + 1))
        self.world = await populate(self.url, people, self._folder)
        await self.start_engine()

    async def close(self) -> None:
        await self._engines.aclose()
        await asyncio.to_thread(self.server.stop)

    async def start_engine(self) -> None:
        self._started += 1
        name = f"engine{self._started}"
        process = engine_on(self.url, self._folder, iso_port=self.port, name=name)
        self.engine: Engine = await self._engines.enter_async_context(process)
        self.port = int(self.engine.iso.rpartition(":")[2])

    async def kill_engine(self) -> None:
        """The process that answers, in the middle of a word."""
        os.kill(self.engine.pid, signal.SIGKILL)
        await self._engines.aclose()
        await self.start_engine()

    async def drain_engine(self) -> None:
        """The process that answers is asked to go: what it took in is answered, and it goes."""
        os.kill(self.engine.pid, signal.SIGTERM)
        left = os.WEXITED | os.WNOWAIT  # whoever started it takes it away
        ended = await asyncio.to_thread(os.waitid, os.P_PID, self.engine.pid, left)
        assert ended is not None and (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)
        said = (self._folder / f"engine{self._started}.log").read_text()
        assert '"draining"' in said and "drain_timed_out" not in said
        await self._engines.aclose()
        await self.start_engine()

    async def kill_backends(self) -> None:
        """The server processes that are at work for the engine; PostgreSQL then resets itself."""
        sessions = "select pid from pg_stat_activity where application_name = 'millesime'"
        killed = [row[0] for row in await ask_books(self.url, sessions)]
        for pid in killed:
            with suppress(ProcessLookupError):  # after the first the server ends the others
                os.kill(pid, signal.SIGKILL)
        for _ in range(RESET_S * 10):
            if await self._is_reset(killed):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("PostgreSQL did not come back")

    async def kill_postmaster(self) -> None:
        """The head of the server; it is started again and recovers from its log."""
        os.kill(self.server.pid, signal.SIGKILL)
        self.server = await self._server()

    async def _is_reset(self, killed: list[int]) -> bool:
        """Whether people are let in again; until then the killed stay on the list of sessions."""
        question = "select count(*) from pg_stat_activity where pid = any($1)"
        try:
            listed = await ask_books(self.url, question, killed)
        except LOST:
            return False
        return not listed[0][0]

    async def _server(self) -> Embedded:
        return await asyncio.to_thread(ensure_running, self._data_dir, SMALL)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Everything is up; afterwards nothing is left."""
    with a_data_dir() as data_dir:
        it = Stage(data_dir, tmp_path)
        await it.open()
        try:
            yield it
        finally:
            await it.close()


KILLS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    Stage.drain_engine,
    Stage.kill_engine,
    Stage.kill_backends,
    Stage.kill_postmaster,
)


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
async def test_journals_and_books_agree_after_an_end_in_mid_rush(
    stage: Stage, kill: Callable[[Stage], Awaitable[None]]
) -> None:
    drawn = lunch_rush(read_world(stage.world), PAYMENTS, 7, TUESDAY)
    # Who was told 91 does not repeat; here a payment is repeated only when nobody answered it.
    payments = [replace(payment, repeated=False) for payment in drawn]
    journal = Watched(KILLED_AFTER)
    plan = Plan(stage.engine.iso, in_flight=48, connections=4, tries=3, pause_s=0.5)
    rush = asyncio.create_task(play(payments, plan, journal, Tally(len(payments))))
    await journal.reached.wait()
    assert not rush.done()
    await kill(stage)
    await rush
    entries = journal.entries()
    assert audit_journals(entries) == []
    assert audit_books(entries, await booked(stage.url)) == []
    await _every_booked_key_replays_its_answer(stage, payments)
    assert audit_books(entries, await booked(stage.url)) == []
    await prove(stage.url)


async def _every_booked_key_replays_its_answer(stage: Stage, payments: list[Payment]) -> None:
    """Also those whose first answer was lost; and nothing is booked by asking."""
    question = "select terminal, rrn, approval_code, approved_minor from authorizations"
    books = {(row[0], row[1]): (row[2], row[3]) for row in await ask_books(stage.url, question)}
    known = [each for each in payments if _reference(each) in books]
    assert len(known) == len(books)
    async with Link(stage.engine.iso) as link:
        answers = [await link.ask(repeat(payment.message())) for payment in known]
    for payment, answer in zip(known, answers, strict=True):
        approval_code, approved_minor = books[_reference(payment)]
        assert answer.get("38") == approval_code
        if approval_code is not None:
            assert int(answer["4"]) == approved_minor
    after = await ask_books(stage.url, "select count(*) from authorizations")
    assert after[0][0] == len(books)


def _reference(payment: Payment) -> tuple[str, str]:
    fields: Fields = payment.message()
    return fields["41"].rstrip(), fields["37"]
