"""The demo: an engine of its own, a lunch rush, decisions explained, the books proved."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from simulators import screen
from simulators.chips.drawer import Drawer
from simulators.chips.keyring import read_keyring
from simulators.demo_scenes import (
    LUNCH_CLOCK,
    Setting,
    books,
    cards_into_phones,
    lunch,
    week,
)
from simulators.engine_process import (
    Engine,
    EngineError,
    command,
    forget,
    output_of,
    running,
    started,
)
from simulators.journal import Journal
from simulators.link import LinkDownError
from simulators.rush import AcquirerError
from simulators.world_file import World, read_world

DATA_DIR: Final = Path(".data/demo")
KEY_FILE: Final = "keys.development.toml"
BANK: Final = ("simulate", "bank", "--listen", "127.0.0.1:0")
"""The bank whose cards pay what vouchers cannot (TOP-01)."""
Scene = Callable[[Setting], Awaitable[bool]]

INTERRUPTED: Final = 130
FAILED: Final = 1


def demo(
    data_dir: Annotated[Path, typer.Option(help="Where its data may be.")] = DATA_DIR,
    accounts: Annotated[int, typer.Option(min=10, help="People with a meal card.")] = 1_000,
    payments: Annotated[int, typer.Option(min=1, help="Payments of the rush.")] = 1_500,
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
            running_here = contextlib.ExitStack()
            _, bank = running_here.enter_context(started(BANK, self._place / "bank.log"))
            serving = self._serving(bank["bank"])
            doors = running_here.enter_context(running(serving, self._place / "engine.log"))
        with running_here:
            self._console.print(
                f"engine up: ISO 8583 on {doors.iso}, HTTP on {doors.http},"
                f" its clock stands at {LUNCH_CLOCK} (12:30 in Paris);"
                f" a bank answers for the holders' own cards on {bank['bank']}"
            )
            sound = asyncio.run(self._play(world, doors, payments, rate))
            audit = self._audit()
        return audit or (0 if sound else FAILED)

    async def _play(self, world: World, doors: Engine, payments: int, rate: float) -> bool:
        """Everything that goes over the wire; whether all was well."""
        with Journal(self._place / "journal.jsonl") as journal:
            on = Setting(
                self._console, world, doors, journal, self._store, self._seed, self._chips()
            )
            scenes = (
                ("2. Cards into phones, over HTTP; taps, over ISO 8583", cards_into_phones),
                ("3. The lunch rush", partial(lunch, payments=payments, rate=rate)),
                ("4. One person's week", week),
                ("5. The books, proved", books),
            )
            well = [await self._shown(title, scene, on) for title, scene in scenes]
        return all(well)

    async def _shown(self, title: str, scene: Scene, on: Setting) -> bool:
        self._rule(title)
        return await scene(on)

    def _make_world(self, accounts: int) -> World:
        arguments = ("--accounts", str(accounts), "--seed", str(self._seed))
        self._world.write_text(output_of("world", "generate", *arguments))
        return read_world(self._world)

    def _serving(self, bank: str) -> tuple[str, ...]:
        ports = ("--iso-port", "0", "--http-port", "0", "--test-clock", LUNCH_CLOCK)
        return (*ports, "--bank", bank, *self._store, "--world", str(self._world))

    def _chips(self) -> Drawer:
        """Chips that know the keys which the engine made for itself."""
        return Drawer(read_keyring(self._place / "engine" / KEY_FILE))

    def _audit(self) -> int:
        with self._console.status("adding up every account, making every decision again"):
            ended = command("audit", *self._store, width=self._console.width)
        self._console.print((ended.stdout + ended.stderr).strip(), highlight=False, markup=False)
        return ended.returncode

    def _rule(self, title: str) -> None:
        self._console.rule(f"[bold]{title}[/]", align="left")
