"""Plays the stories: many people at a time, those that move the engine's clock one by one."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx

from simulators.auditor import Finding, audit_books, audit_journals, read_books
from simulators.chips.drawer import Drawer
from simulators.door import client_of, set_clock
from simulators.journal import Journal
from simulators.link import ANSWER_TIMEOUT_S, Link
from simulators.messages import LOCAL
from simulators.phones.cast import CastError, cast, place_of
from simulators.phones.day import Day
from simulators.phones.issuer import Issuer
from simulators.phones.mail import FileMail, ShownMail
from simulators.phones.stage import Line, Stage
from simulators.phones.stories import STORIES, Story
from simulators.terminal import Stamps, Terminal
from simulators.world_file import Person, World

SUNDAY: Final = 7
PHONES_AT_A_TIME: Final = 8


@dataclass(frozen=True, slots=True)
class WalletPlan:
    """What to play and where. `at` is set on the engine's virtual clock; None: it has none."""

    connect: str
    http: str
    phones: int = len(STORIES)
    seed: int = 1
    at: datetime | None = None
    chips: Drawer | None = None
    profile: str = "ascii"
    framing: str | None = None
    timeout_s: float = ANSWER_TIMEOUT_S
    api_key: str | None = None
    codes: Path | None = None
    """The file into which the engine writes codes; None: it shows them itself."""
    tls: ssl.SSLContext | None = None


@dataclass
class Progress:
    """What has been told so far; may be watched meanwhile."""

    people: int = 0
    done: int = 0
    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Terminal and reference of the first payment that met each response code."""

    def add(self, day: Day) -> None:
        """A story is over."""
        self.done += 1
        self.lines += day.lines
        for code, rrn in day.met.items():
            self.examples.setdefault(code, (day.stage.place.terminal, rrn))

    def good(self) -> bool:
        """Whether everything came as expected, and the books agree with the tills' journal."""
        return not self.findings and all(line.as_expected for line in self.lines)


class _Clock:
    """The simulated time: the engine's virtual clock, moved by us alone, or the world's."""

    def __init__(self, client: httpx.AsyncClient, at: datetime | None) -> None:
        self._client, self._at, self._started = client, at, at

    def now(self) -> datetime:
        return self._at or datetime.now(UTC)

    async def wait(self, time_to_pass: timedelta) -> None:
        """Let time pass for the engine too, if its clock is ours to move."""
        if self._at is not None:
            self._at += time_to_pass
            await set_clock(self._client, self._at)

    async def restore(self) -> None:
        """Leave the engine's clock where it was found."""
        if self._started is not None:
            await set_clock(self._client, self._started)


async def play_wallets(
    world: World, plan: WalletPlan, journal: Journal, progress: Progress
) -> None:
    """Play, then hold the tills' journal against the engine's books.

    CastError: the world has nobody for this, or it is Sunday. LinkDownError, httpx.HTTPError: the
    engine is not there, or is none.
    """
    terminal = f"W{time.time_ns() // 1_000_000 % 0x1000_0000:07X}"
    place, parts = place_of(world, terminal), _parts(world, plan)
    if (plan.at or datetime.now(UTC)).astimezone(LOCAL).isoweekday() == SUNDAY:
        raise CastError("nobody eats on meal vouchers on a Sunday")
    progress.people = len(parts)
    link = Link(plan.connect, plan.profile, plan.framing, plan.tls)
    async with client_of(plan.http, plan.api_key, plan.tls) as client, link:
        (await client.get("/healthz")).raise_for_status()
        clock = _Clock(client, plan.at)
        await clock.wait(timedelta())
        till = Terminal(link, journal, plan.timeout_s)
        mail = ShownMail(client) if plan.codes is None else FileMail(plan.codes)
        issuer = Issuer(client, mail)
        stage = Stage(issuer, till, place, Stamps(), plan.chips, plan.profile, clock.now)
        await _tell_all(parts, stage, clock, plan.seed, progress)
        await clock.restore()
        progress.findings = await _audited(client, journal, terminal, world)


def _parts(world: World, plan: WalletPlan) -> list[tuple[Story, Person]]:
    told = [each for each in STORIES if plan.chips is not None or not each.chips]
    if plan.at is None:
        told = [each for each in told if not each.clock]
    return list(cast(world, told, plan.phones, plan.seed))


async def _tell_all(
    parts: Sequence[tuple[Story, Person]],
    stage: Stage,
    clock: _Clock,
    seed: int,
    progress: Progress,
) -> None:
    """Tell everything that needs no waiting, let the time pass, tell what comes after it."""
    days = [(story, Day(story.name, who, stage, seed)) for story, who in parts]
    queue = iter(days)

    async def worker() -> None:
        for story, day in queue:
            await story.tell(day)
            if story.wait is None:
                progress.add(day)

    async with asyncio.TaskGroup() as group:
        for _ in range(PHONES_AT_A_TIME):
            group.create_task(worker())
    patient = [(story, day) for story, day in days if story.wait is not None]
    if patient:
        await clock.wait(max(story.wait for story, _ in patient if story.wait))
    for story, day in patient:
        assert story.afterwards is not None
        await story.afterwards(day)
        progress.add(day)
    places = {story.name: place for place, story in enumerate(STORIES)}
    progress.lines.sort(key=lambda line: places[line.story])


async def _audited(
    client: httpx.AsyncClient, journal: Journal, terminal: str, world: World
) -> list[Finding]:
    """Hold our till's journal against the law and against what is booked under its name."""
    entries = [entry for entry in journal.entries() if entry.key.terminal == terminal]
    books = [line for line in await read_books(client) if line.terminal == terminal]
    topped_up = {who.person for who in world.people if who.top_up}
    return audit_journals(entries, topped_up) + audit_books(entries, books)
