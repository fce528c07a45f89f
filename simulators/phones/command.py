"""The command `simulate wallet`: phones that get cards, and pay with them."""

import asyncio
import sys
from collections.abc import Awaitable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from simulators import screen
from simulators.door import ApiKey, HttpDoor
from simulators.journal import Journal
from simulators.options import (
    DIFFERENCES,
    GOOD,
    AsJson,
    ChipMemory,
    Connect,
    FramingName,
    JournalFile,
    KeyFile,
    Profile,
    Timeout,
    WorldFile,
    drawer_of,
    refusing,
    run,
    secured_by,
)
from simulators.phones import report
from simulators.phones.play import Progress, WalletPlan, play_wallets
from simulators.phones.stories import STORIES
from simulators.tls import Tls, TlsCa, TlsCert, TlsKey
from simulators.world_file import read_world

EXAMPLE: Final = (
    "Example: millesime simulate wallet --world world.json --connect 127.0.0.1:8583"
    " --http 127.0.0.1:8080 --keys keys.toml --clock 2026-11-24T12:30:00+01:00"
)

REFRESH_S: Final = 0.2


def wallet(
    world: WorldFile,
    connect: Connect = "127.0.0.1:8583",
    http: HttpDoor = "127.0.0.1:8080",
    phones: Annotated[int, typer.Option(min=1, help="People who tell a story, in turns.")] = len(
        STORIES
    ),
    seed: Annotated[int, typer.Option(help="Who tells which story, and amounts.")] = 1,
    clock: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="Set the engine's virtual clock, and move it where a story waits.",
        ),
    ] = None,
    keys: KeyFile = None,
    chips: ChipMemory = None,
    codes: Annotated[
        Path | None,
        typer.Option(help="The file into which the engine writes codes; else it is asked."),
    ] = None,
    api_key: ApiKey = None,
    profile: Profile = "ascii",
    framing: FramingName = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    journal: JournalFile = None,
    as_json: AsJson = False,
) -> None:
    """Put cards into phones over HTTP, tap with them over ISO 8583, tell what was not as expected.

    Apple Pay and Pluxee Pay, on devices that are locked, rooted, offline, lost, deleted and added
    again. With the engine's key file phones send the cryptograms of their chips, and some of the
    stories are about forged ones. Ends with 1 when anything came otherwise than the law says, or
    when the books do not agree with the till's own journal.
    """
    with refusing():
        at = None if clock is None else _instant(clock)
        people = read_world(world)
    drawer, secured = drawer_of(keys, chips), secured_by(tls, tls_ca, tls_cert, tls_key)
    plan = WalletPlan(
        connect, http, phones, seed, at, drawer, profile, framing, timeout, api_key, codes, secured
    )
    progress, console = Progress(), screen.console_of(stderr=as_json)
    with Journal(journal) as book:
        run(watched(console, progress, play_wallets(people, plan, book, progress)), drawer)
    if as_json:
        sys.stdout.write(msgspec.json.encode(report.summary(progress)).decode() + "\n")
    else:
        console.print(report.table(progress.lines), report.closing(progress), sep="\n")
    raise typer.Exit(GOOD if progress.good() else DIFFERENCES)


async def watched(console: Console, progress: Progress, work: Awaitable[None]) -> None:
    """Do the work; on a terminal say meanwhile how far it is."""
    task = asyncio.ensure_future(work)
    try:
        with console.status("phones") as status:
            while not task.done():
                await asyncio.wait([task], timeout=REFRESH_S)
                wrong = sum(not line.as_expected for line in progress.lines)
                status.update(
                    f"{progress.done} of {progress.people} people, {len(progress.lines)} steps,"
                    f" {wrong} not as expected"
                )
    finally:
        task.cancel()
    await task


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"an instant has a zone, as 2026-11-24T12:30:00+01:00, not {text!r}")
    return at
