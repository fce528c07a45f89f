"""The demo: an engine of its own, a lunch rush, decisions explained, the books proved."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from simulators import screen
from simulators.auditor import audit_journals
from simulators.engine_process import Engine, EngineError, command, forget, running, told
from simulators.journal import Journal
from simulators.link import LinkDownError
from simulators.rush import AcquirerError, Plan, play
from simulators.tally import Tally
from simulators.terminal import panel
from simulators.traffic import lunch_rush
from simulators.world_file import World, read_world

DATA_DIR: Final = Path(".data/demo")
LUNCH: Final = date(2026, 11, 24)
LUNCH_CLOCK: Final = "2026-11-24T11:30:00Z"
EXPLAINED: Final = ("00", "10", "61", "57", "51")
EXPLAINED_MAX: Final = 3
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
    console = Console()
    with _stoppable():
        try:
            code = _Demo(console, data_dir, seed).run(accounts, payments, rate)
        except (EngineError, LinkDownError, AcquirerError) as failed:
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
        where = len({place.mid for place in world.places})
        self._console.print(f"{len(world.people)} people with meal cards, {where} places to eat")
        with self._console.status("starting the engine on a PostgreSQL of its own"):
            engine = contextlib.ExitStack()
            doors = engine.enter_context(running(self._serving(), self._place / "engine.log"))
        with engine:
            self._console.print(
                f"engine up: ISO 8583 on {doors.iso}, HTTP on {doors.http},"
                f" its clock stands at {LUNCH_CLOCK} (12:30 in Paris)"
            )
            tally, sound = self._rush(world, doors, payments, rate)
            self._explain(tally, doors)
            audit = self._audit()
        return audit or (0 if sound else FAILED)

    def _make_world(self, accounts: int) -> World:
        arguments = ("--accounts", str(accounts), "--seed", str(self._seed))
        self._world.write_text(told("world", "generate", *arguments))
        return read_world(self._world)

    def _serving(self) -> tuple[str, ...]:
        ports = ("--iso-port", "0", "--http-port", "0", "--test-clock", LUNCH_CLOCK)
        return (*ports, *self._store, "--world", str(self._world))

    def _rush(self, world: World, doors: Engine, payments: int, rate: float) -> tuple[Tally, bool]:
        self._rule("2. The lunch rush, over ISO 8583")
        drawn = lunch_rush(world, payments, self._seed, LUNCH)
        tally, plan = Tally(len(drawn)), Plan(doors.iso, rate=rate)
        with Journal(self._place / "journal.jsonl") as journal:
            playing = play(drawn, plan, journal, tally)
            asyncio.run(screen.watched(self._console, "Lunch rush", tally, playing))
            entries = journal.entries()
        self._console.print(screen.decision_table(tally))
        self._console.print(screen.closing(tally))
        topped_up = {who.person for who in world.people if who.top_up}
        findings = audit_journals(entries, topped_up)
        for finding in findings:
            self._console.print(f"[red]{finding.law}[/]: broken at {finding.where}")
        if not findings:
            self._console.print("[green]the terminals' own journals find nothing wrong[/]")
        return tally, tally.good() and not findings

    def _explain(self, tally: Tally, doors: Engine) -> None:
        self._rule("3. Some payments, explained")
        shown = [code for code in EXPLAINED if code in tally.examples][:EXPLAINED_MAX]
        for code in shown:
            payment, reply = tally.examples[code]
            self._console.print(panel(payment.message(), reply))
            number = authorization_id(doors.http, payment.stamp.rrn, payment.terminal.terminal)
            if number is not None:
                self._console.print(told("explain", number, *self._store), highlight=False)

    def _audit(self) -> int:
        self._rule("4. The books, proved")
        with self._console.status("adding up every account, making every decision again"):
            ended = command("audit", *self._store)
        self._console.print((ended.stdout + ended.stderr).strip(), highlight=False, markup=False)
        return ended.returncode

    def _rule(self, title: str) -> None:
        self._console.rule(f"[bold]{title}[/]", align="left")


def authorization_id(http: str, rrn: str, terminal: str) -> str | None:
    """Ask the engine for the name of a payment; None where its HTTP side does not tell."""
    query = {"rrn": rrn, "terminal": terminal}
    headers = {"Authorization": "Bearer dev"}
    answer = httpx.get(f"http://{http}/v1/authorizations", params=query, headers=headers)
    if answer.status_code != httpx.codes.OK:
        return None
    found = answer.json()["data"]
    return str(found[0]["id"]) if found else None
