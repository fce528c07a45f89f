"""The bank, and the engine, are killed at each of their steps: the books agree when both are back.

The bank is a process with books on disk. The engine dies by SIGKILL at the moment that a proxy
sees certain bytes pass, to or from the database, the bank, or the terminal.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count, product
from pathlib import Path
from random import Random

import pytest

from simulators.bank_death import DEEDS, Step
from simulators.engine_process import Engine, running
from simulators.faults import PASS, Cut, Proxy, Rule, Verdict, Way
from simulators.messages import repeat
from tests.agreement import disagreements, nothing_open
from tests.between import Between
from tests.e2e.banks import BankProcess
from tests.e2e.engines import ask_books, key_file, populate
from tests.e2e.town import LINKED, NOON, Town, prove

pytestmark = pytest.mark.timeout(400)

PEOPLE = 100
OPEN_S = 20


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[BankProcess]:
    """A bank that runs."""
    it = BankProcess(tmp_path)
    await it.start()
    yield it
    await it.stop()


@asynccontextmanager
async def engine(
    url: str, folder: Path, bank: BankProcess, at: str, name: str
) -> AsyncIterator[Engine]:
    """An engine with a line to the bank, which it reaches at `at`."""
    arguments = (
        "--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat(),
        "--database-url", url, "--keys", str(key_file(folder)), "--bank", at,
    )  # fmt: skip
    child = running(arguments, folder / f"{name}.log")
    it = await asyncio.to_thread(child.__enter__)
    try:
        await signed_on(bank)
        yield it
    finally:
        await asyncio.to_thread(child.__exit__, None, None, None)


async def signed_on(bank: BankProcess, times: int = 1) -> None:
    """Wait until an engine has said to this process of the bank that it is there."""
    async with asyncio.timeout(OPEN_S):
        while (await bank.ask(do="count"))["signed_on"] < times:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.02)


async def pay(town: Town, person: int) -> None:
    """25 of vouchers, 15 of the bank."""
    asked = town.purchase(person, 4000)
    if await town.pay(asked) is None:
        await town.undo(asked)


async def hold(town: Town, person: int) -> None:
    """The same, held."""
    asked = town.purchase(person, 4000, hold=True)
    if await town.pay(asked) is None:
        await town.undo(asked)


async def reverse(town: Town, person: int) -> None:
    """Paid, and undone: first a part of the bank's, then all."""
    asked = town.purchase(person, 4000)
    await town.pay(asked)
    await town.undo(asked, kept_minor=3200)
    await town.undo(asked)


async def capture(town: Town, person: int) -> None:
    """Held, and taken for less."""
    asked = town.purchase(person, 4000, hold=True)
    answer = await town.pay(asked)
    if answer is None:
        await town.undo(asked)
    elif answer["39"] == "00":
        await town.capture(asked, 3300, answer["38"])


async def refund(town: Town, person: int) -> None:
    """Paid, and given back in two parts."""
    asked = town.purchase(person, 4000)
    answer = await town.pay(asked)
    if answer is None:
        await town.undo(asked)
    elif answer["39"] == "00":
        await town.refund(asked, 700)
        await town.refund(asked, 900)


Deed = Callable[[Town, int], Awaitable[None]]
ACTS: dict[str, Deed] = {
    "pay": pay, "hold": hold, "reverse": reverse, "capture": capture, "refund": refund
}  # fmt: skip


async def test_a_bank_that_is_killed_at_any_of_its_steps_keeps_what_it_said(
    database_url: str, tmp_path: Path, bank: BankProcess
) -> None:
    """Twenty deaths in a seeded order, each while a few payments are on their way."""
    await populate(database_url, [(n, LINKED) for n in range(1, PEOPLE + 1)], tmp_path)
    chance, town = Random(11), Town(seed=11)
    deaths = list(product(Step, DEEDS))
    chance.shuffle(deaths)
    async with engine(database_url, tmp_path, bank, bank.address, "engine") as it:
        town.address = it.iso
        for number, (step, deed) in enumerate(deaths):
            await signed_on(bank)
            first = number * 3 % (PEOPLE - 3) + 1
            where = f"{step.value}:{chance.randint(1, 2)}:{deed}"
            assert (await bank.ask(do="die", at=where))["done"]
            acts = [ACTS[deed](town, first + place) for place in range(3)]
            await asyncio.gather(bank.killed(), *acts)
            await nothing_open(database_url)
            assert await disagreements(database_url, await bank.ask(do="books")) == [], where
    where_from = ("--database-url", database_url)
    await prove(database_url, await bank.ask(do="books"), town.seen, *where_from)


class Killer:
    """Kills the engine when the bytes of a step pass, before or after they are let through."""

    def __init__(self, victim: int) -> None:
        self._victim = victim
        self._fired = asyncio.Event()

    async def killed(self) -> None:
        async with asyncio.timeout(OPEN_S):
            await self._fired.wait()

    def on(self, way: Way, *needles: bytes, through: bool) -> Rule:
        """A rule that fires once, when it has seen the needles in turn."""
        wanted, tail = list(needles), b""

        def rule(this_way: Way, data: bytes) -> Verdict:
            nonlocal tail
            if this_way is not way or not wanted:
                return PASS
            seen = tail + data
            while wanted and wanted[0] in seen:
                seen = seen.partition(wanted.pop(0))[2]
            tail = seen[-64:]
            if wanted:
                return PASS
            os.kill(self._victim, signal.SIGKILL)
            self._fired.set()
            return Cut(None if through else 0)

        return rule


SERVER, CLIENT = Way.TO_SERVER, Way.TO_CLIENT
Moment = tuple[str, Way, tuple[bytes, ...], bool]
"""Which proxy sees it, which way, what, and whether it gets through."""
MOMENTS: dict[str, Moment] = {
    "before the reservation": ("database", SERVER, (b"vouchers are held",), False),
    "reserved": ("database", SERVER, (b"vouchers are held",), True),
    "before the mark": ("database", SERVER, (b"the question leaves",), False),
    "before the mark is committed": ("database", SERVER, (b"the question leaves",), True),
    "marked": ("database", SERVER, (b"the question leaves", b"COMMIT"), True),
    "the question leaves and does not arrive": ("bank", SERVER, (b"0200",), False),
    "the question arrives": ("bank", SERVER, (b"0200",), True),
    "the answer does not arrive": ("bank", CLIENT, (b"0210",), False),
    "the answer arrives": ("bank", CLIENT, (b"0210",), True),
    "before the settlement": ("database", SERVER, (b"the bank approves",), False),
    "settled": ("database", SERVER, (b"the bank approves",), True),
    "the terminal is not told": ("terminal", CLIENT, (b"0210",), False),
    "the reversal leaves and does not arrive": ("bank", SERVER, (b"0420",), False),
    "the reversal arrives": ("bank", SERVER, (b"0420",), True),
    "the reversal's answer does not arrive": ("bank", CLIENT, (b"0430",), False),
    "before the acknowledgement": ("database", SERVER, (b"the bank answered 00",), False),
    "acknowledged": ("database", SERVER, (b"the bank answered 00", b"COMMIT"), True),
}


class Mortal:
    """An engine between three proxies, which is started again whenever it was killed."""

    def __init__(self, url: str, folder: Path, bank: BankProcess, between: Between) -> None:
        self._url, self._folder, self._bank, self._between = url, folder, bank, between
        self._line = Proxy(bank.address)
        self._running = AsyncExitStack()
        self._starts = count(1)

    async def __aenter__(self) -> "Mortal":
        await self._line.__aenter__()
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()
        await self._line.close()

    async def _start(self) -> None:
        name, at = f"engine{next(self._starts)}", self._line.address
        run = engine(self._between.url, self._folder, self._bank, at, name)
        it = await self._running.enter_async_context(run)
        self._door = await self._running.enter_async_context(Proxy(it.iso))
        self.address, self._pid = self._door.address, it.pid

    def dies_at(self, moment: Moment) -> Killer:
        """Arm the proxy that will see it."""
        where, way, needles, through = moment
        killer = Killer(self._pid)
        proxies = {"database": self._between.proxy, "bank": self._line, "terminal": self._door}
        proxies[where].rule = killer.on(way, *needles, through=through)
        return killer

    async def comes_back(self) -> None:
        """Start it again; who reserved what waits is dead, nobody needs to give it more time."""
        for proxy in (self._between.proxy, self._line):
            proxy.rule = None
        await self._running.aclose()
        await ask_books(self._url, "update pending_payments set settle_after = now()")
        await self._start()


async def test_an_engine_that_is_killed_at_any_of_its_steps_leaves_nothing_half_done(
    database_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, bank: BankProcess
) -> None:
    """The terminal repeats, or undoes what it had no answer to, in turn."""
    await populate(database_url, [(n, LINKED) for n in range(1, PEOPLE + 1)], tmp_path)
    town = Town(seed=3)
    async with (
        Between(database_url, tmp_path_factory.mktemp("p")) as between,
        Mortal(database_url, tmp_path, bank, between) as mortal,
    ):
        for person, (what, moment) in enumerate(MOMENTS.items(), 1):
            town.address, killer = mortal.address, mortal.dies_at(moment)
            asked = town.purchase(person, 4000)
            answer = await town.pay(asked)
            undoing = None if answer is None else asyncio.create_task(town.undo(asked))
            await killer.killed()
            await mortal.comes_back()
            town.address = mortal.address
            if undoing is not None:  # the step is one of its reversal
                await undoing
            elif person % 2 or await town.pay(repeat(asked)) is None:
                await town.undo(asked)
            await nothing_open(database_url)
            assert await disagreements(database_url, await bank.ask(do="books")) == [], what
    where_from = ("--database-url", database_url)
    await prove(database_url, await bank.ask(do="books"), town.seen, *where_from)
