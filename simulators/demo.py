"""The demo: an engine of its own, a lunch rush, decisions explained, the books proved."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from simulators import codes, screen
from simulators.auditor import audit_books, audit_journals, read_books
from simulators.door import authorization_id, client_of, set_clock
from simulators.engine_process import Engine, EngineError, command, forget, output_of, running
from simulators.journal import Entry, Journal
from simulators.link import Link, LinkDownError
from simulators.messages import TerminalData
from simulators.rush import AcquirerError, Plan, play
from simulators.story import Told, hero, table, tell
from simulators.tally import Tally
from simulators.terminal import Terminal
from simulators.traffic import lunch_rush
from simulators.world_file import World, read_world

DATA_DIR: Final = Path(".data/demo")
LUNCH: Final = date(2026, 11, 24)
LUNCH_CLOCK: Final = "2026-11-24T11:30:00Z"
TILL: Final = "STORY001"
EXPLAINED_MAX: Final = 1
INTERRUPTED: Final = 130
FAILED: Final = 1


def demo(
    data_dir: Annotated[Path, typer.Option(help="Where its data may be.")] = DATA_DIR,
    accounts: Annotated[int, typer.Option(min=10, help="People with a meal card.")] = 2_000,
    payments: Annotated[int, typer.Option(min=1, help="Payments of the rush.")] = 3_000,
    rate: Annotated[float, typer.Option(min=1, help="Payments due per second.")] = 300.0,
    seed: Annotated[int, typer.Option(help="Another seed, another day.")] = 1,
) -> None:
    """Start an engine, play a lunch rush against it, explain some decisions, prove the books.

    Example: millesime demo --payments 5000 --rate 500
    """
    console = screen.console_of()
    with _stoppable():
        try:
            code = _Demo(console, data_dir, seed).run(accounts, payments, rate)
        except (EngineError, LinkDownError, AcquirerError, httpx.HTTPError) as failed:
            Console(stderr=True, highlight=False).print(f"[red]error:[/] {failed}")
            code = FAILED
        except KeyboardInterrupt:
            console.print("stopped, nothing left running")
            code = INTERRUPTED
    raise typer.Exit(code)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Make SIGTERM end the demo as Ctrl-C does, so that the engine is stopped with it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Demo:
    """One run. Each has data of its own, since a lunch can be eaten only once a day."""

    def __init__(self, console: Console, data_dir: Path, seed: int) -> None:
        self._console, self._seed = console, seed
        self._place = data_dir / time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        for earlier in data_dir.glob("2*-*") if data_dir.is_dir() else ():
            forget(earlier)
        self._place.mkdir(parents=True)
        self._store = ("--data-dir", str(self._place / "engine"))
        self._world = self._place / "world.json"

    def run(self, accounts: int, payments: int, rate: float) -> int:
        """Tell the whole story; the exit code of the audit."""
        self._rule("1. A town at lunch time")
        with self._console.status("making the people, their cards and the places to eat"):
            world = self._make_world(accounts)
        phones = sum(each.phone for who in world.people for each in who.credentials)
        self._console.print(
            f"{len(world.people)} people with meal cards, {phones} of them in phones,"
            f" and {len(world.places)} places to eat"
        )
        with self._console.status("starting the engine on a PostgreSQL of its own"):
            engine = contextlib.ExitStack()
            doors = engine.enter_context(running(self._serving(), self._place / "engine.log"))
        with engine:
            self._console.print(
                f"engine up: ISO 8583 on {doors.iso}, HTTP on {doors.http},"
                f" its clock stands at {LUNCH_CLOCK} (12:30 in Paris)"
            )
            sound = asyncio.run(self._play(world, doors, payments, rate))
            audit = self._audit()
        return audit or (0 if sound else FAILED)

    async def _play(self, world: World, doors: Engine, payments: int, rate: float) -> bool:
        """Everything that goes over the wire; whether all was well."""
        with Journal(self._place / "journal.jsonl") as journal:
            tally = await self._rush(world, doors, journal, payments, rate)
            as_told = await self._tell(world, doors, journal)
            self._rule("4. The books, proved")
            topped_up = {who.person for who in world.people if who.top_up}
            agreed = await self._compare(doors, journal.entries(), topped_up)
        return tally.good() and as_told and agreed

    def _make_world(self, accounts: int) -> World:
        arguments = ("--accounts", str(accounts), "--seed", str(self._seed))
        self._world.write_text(output_of("world", "generate", *arguments))
        return read_world(self._world)

    def _serving(self) -> tuple[str, ...]:
        ports = ("--iso-port", "0", "--http-port", "0", "--test-clock", LUNCH_CLOCK)
        return (*ports, *self._store, "--world", str(self._world))

    async def _rush(
        self, world: World, doors: Engine, journal: Journal, payments: int, rate: float
    ) -> Tally:
        self._rule("2. The lunch rush, over ISO 8583")
        drawn = lunch_rush(world, payments, self._seed, LUNCH)
        tally, plan = Tally(len(drawn)), Plan(doors.iso, rate=rate)
        playing = play(drawn, plan, journal, tally)
        await screen.watched(self._console, "Lunch rush", tally, playing)
        self._console.print(screen.decision_table(tally))
        self._console.print(screen.closing(tally))
        return tally

    async def _tell(self, world: World, doors: Engine, journal: Journal) -> bool:
        self._rule("3. One person's week")
        who, place = hero(world), table(world)
        if who is None or place is None:
            self._console.print("this world has nobody whom the story fits")
            return True
        till = TerminalData(place.acquirer, TILL, place.mid, place.mcc, place.name)
        async with Link(doors.iso) as link, client_of(doors.http) as client:
            scenes = await tell(who, till, Terminal(link, journal), partial(set_clock, client))
            self._console.print(screen.story(scenes))
            declined = [told for told in scenes if told.reply.code not in codes.APPROVALS]
            for told in declined[:EXPLAINED_MAX]:
                await self._explain(client, told)
        return all(told.as_expected for told in scenes)

    async def _explain(self, client: httpx.AsyncClient, told: Told) -> None:
        number = await authorization_id(client, told.question["37"], TILL)
        if number is not None:
            words = ("explain", number, *self._store)
            self._console.print(f"[bold]millesime {' '.join(words)}[/]", highlight=False)
            said = await asyncio.to_thread(output_of, *words, width=self._console.width)
            self._console.print(said, highlight=False, markup=False)

    async def _compare(self, doors: Engine, entries: list[Entry], topped_up: set[str]) -> bool:
        """Hold the terminals' journals against the law and against the engine's books."""
        async with client_of(doors.http) as client:
            books = await read_books(client)
        findings = audit_journals(entries, topped_up) + audit_books(entries, books)
        for finding in findings:
            self._console.print(f"[red]{finding.law}[/]: broken at {finding.where}")
        if not findings:
            self._console.print(
                f"[green]{len(entries)} payments in the terminals' own journals and"
                f" {len(books)} decisions in the books agree, both ways[/]"
            )
        return not findings

    def _audit(self) -> int:
        with self._console.status("adding up every account, making every decision again"):
            ended = command("audit", *self._store, width=self._console.width)
        self._console.print((ended.stdout + ended.stderr).strip(), highlight=False, markup=False)
        return ended.returncode

    def _rule(self, title: str) -> None:
        self._console.rule(f"[bold]{title}[/]", align="left")
