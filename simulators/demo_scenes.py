"""What the demo shows of a running engine, scene by scene; each tells whether all was well."""

import asyncio
from datetime import date, datetime
from functools import partial
from typing import Final

import httpx
from msgspec import Struct
from rich.console import Console
from rich.markup import escape

from simulators import codes, screen
from simulators.auditor import audit_books, audit_journals, read_books
from simulators.chips.drawer import Drawer
from simulators.door import authorization_id, client_of, set_clock
from simulators.engine_process import Engine, output_of
from simulators.journal import Journal
from simulators.link import Link
from simulators.messages import TerminalData
from simulators.phones import report
from simulators.phones.cast import CastError
from simulators.phones.play import Progress, WalletPlan, play_wallets
from simulators.rush import Plan, play
from simulators.story import hero, table, tell
from simulators.tally import Tally
from simulators.terminal import Terminal
from simulators.traffic import lunch_rush
from simulators.world_file import World

LUNCH: Final = date(2026, 11, 24)
LUNCH_CLOCK: Final = "2026-11-24T11:30:00Z"
TILL: Final = "STORY001"
PHONES_EXPLAINED: Final = ("82", "62")
"""Of the answers to phones, the first that there is is explained."""


class Setting(Struct, frozen=True):
    """Where it all takes place. `store` are the options by which commands find the engine's data.

    `chips` are of cards and phones.
    """

    console: Console
    world: World
    doors: Engine
    journal: Journal
    store: tuple[str, ...]
    seed: int
    chips: Drawer | None


async def cards_into_phones(on: Setting) -> bool:
    """Put cards into Apple Pay and Pluxee Pay over HTTP, and pay with them."""
    progress = Progress()
    at = datetime.fromisoformat(LUNCH_CLOCK)
    plan = WalletPlan(on.doors.iso, on.doors.http, seed=on.seed, at=at, chips=on.chips)
    try:
        with on.console.status("people put their cards into phones, and try them out"):
            await play_wallets(on.world, plan, on.journal, progress)
    except CastError as empty:
        on.console.print(str(empty))
        return True
    on.console.print(report.digest(progress.lines), report.closing(progress), sep="\n")
    wanted = next((code for code in PHONES_EXPLAINED if code in progress.examples), None)
    if wanted is not None:
        async with client_of(on.doors.http) as client:
            await _trace(on, client, *progress.examples[wanted])
    return progress.good()


async def lunch(on: Setting, payments: int, rate: float) -> bool:
    """Play the rush: plastic, Pluxee Pay and Apple Pay at hundreds of tills."""
    drawn = lunch_rush(on.world, payments, on.seed, LUNCH)
    tally, plan = Tally(len(drawn)), Plan(on.doors.iso, rate=rate, chips=on.chips)
    await screen.watched(on.console, "Lunch rush", tally, play(drawn, plan, on.journal, tally))
    on.console.print(screen.decision_table(tally), screen.closing(tally), sep="\n")
    return tally.good()


async def week(on: Setting) -> bool:
    """Tell one person's week, and explain its first decline."""
    who, place = hero(on.world), table(on.world)
    if who is None or place is None:
        on.console.print("this world has nobody whom the story fits")
        return True
    till = TerminalData(place.acquirer, TILL, place.mid, place.mcc, place.name)
    async with Link(on.doors.iso) as link, client_of(on.doors.http) as client:
        scenes = await tell(who, till, Terminal(link, on.journal), partial(set_clock, client))
        on.console.print(screen.story(scenes))
        declined = (told for told in scenes if told.reply.code not in codes.APPROVALS)
        if (first := next(declined, None)) is not None:
            await _explain(on, client, TILL, first.question["37"])
    return all(told.as_expected for told in scenes)


async def books(on: Setting) -> bool:
    """Hold the terminals' journals against the law and against the engine's books."""
    async with client_of(on.doors.http) as client:
        booked = await read_books(client)
    entries = on.journal.entries()
    topped_up = {who.person for who in on.world.people if who.top_up}
    findings = audit_journals(entries, topped_up) + audit_books(entries, booked)
    for finding in findings:
        on.console.print(f"[red]{finding.law}[/]: broken at {finding.where}")
    if not findings:
        on.console.print(
            f"[green]{len(entries)} payments in the terminals' own journals and"
            f" {len(booked)} decisions in the books agree, both ways[/]"
        )
    return not findings


async def _trace(on: Setting, client: httpx.AsyncClient, terminal: str, rrn: str) -> None:
    """Ask the engine over HTTP why, and show each rule that it looked at."""
    number = await authorization_id(client, rrn, terminal)
    if number is None:
        return
    path = f"/v1/authorizations/{number}/trace"
    told = (await client.get(path)).raise_for_status().json()
    on.console.print(f"[bold]GET {path}[/]: {told['reason']}", highlight=False)
    for step in told["steps"]:
        verdict = "[green]holds[/]" if step["held"] else "[red]FAILS[/]"
        words = escape(f"{step['rule']}: {step['words']}  ({step['source']})")
        on.console.print(f"  {verdict}  {words}", highlight=False)


async def _explain(on: Setting, client: httpx.AsyncClient, terminal: str, rrn: str) -> None:
    """Let the engine's own command say why."""
    number = await authorization_id(client, rrn, terminal)
    if number is None:
        return
    words = ("explain", number, *on.store)
    on.console.print(f"[bold]millesime {' '.join(words)}[/]", highlight=False)
    said = await asyncio.to_thread(output_of, *words, width=on.console.width)
    on.console.print(said, highlight=False, markup=False)
