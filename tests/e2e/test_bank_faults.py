"""A bank that is late, silent, double or away, and an engine that is killed: nothing is lost.

After each run the bank's books and ours agree to the cent, every answer has its legs, and every
approval that a terminal saw is in the books. `BANK_PAYMENTS=10000` makes a long run of it.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random

import asyncpg
import pytest

from authz.postgres import ensure_running
from simulators.bank import BankHost, Manners
from simulators.bank_books import BankBooks
from simulators.engine_process import Engine, command, running
from simulators.link import Link, LinkDownError, UnansweredError
from simulators.messages import Stamp, purchase, reversal
from simulators.wire import Fields
from tests.agreement import disagreements, nothing_open
from tests.e2e.test_bank_leg import until
from tests.road.people import Setting, as_world, card, terminal

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
LINKED = Setting(top_up=True, lots={2026: 100_000})
PEOPLE = 40
PAYMENTS = int(os.environ.get("BANK_PAYMENTS", "240"))
AT_ONCE = 16
pytestmark = pytest.mark.timeout(240 + PAYMENTS // 5)
ANSWER_S = 4.0
APPROVALS = ("00", "10")


@dataclass
class Seen:
    """What terminals saw: approved amounts by reference, and what they undid."""

    approved: dict[str, int] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    codes: dict[str, int] = field(default_factory=dict)


class Town:
    """Terminals that pay, and undo what they had no answer to, as acquirers must."""

    def __init__(self, seed: int) -> None:
        self.seen = Seen()
        self.address = ""
        self._chance = Random(seed)
        self._stans = count(1)

    def stamp(self) -> Stamp:
        number = next(self._stans)
        return Stamp(f"{number:06d}", NOON, f"{number:012d}")

    async def run(self, payments: int) -> None:
        """So many payments, some at a time."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with room:
                await self._pay()

        await asyncio.gather(*(one() for _ in range(payments)))

    async def _pay(self) -> None:
        person = self._chance.randint(1, PEOPLE)
        amount_minor = self._chance.choice((900, 2600, 3100, 4000, 5500))
        partial, hold = self._chance.random() < 0.5, self._chance.random() < 0.2
        asked = purchase(
            card(LINKED, person), terminal(person), self.stamp(), amount_minor,
            partial=partial, hold=hold,
        )  # fmt: skip
        undo = self._chance.random() < 0.1
        try:
            async with Link(self.address) as link:
                answer = await link.ask(asked, ANSWER_S)
        except (LinkDownError, UnansweredError):
            undo = True
        else:
            code = answer["39"]
            self.seen.codes[code] = self.seen.codes.get(code, 0) + 1
            if code in APPROVALS:
                self.seen.approved[asked["37"]] = int(answer["4"])
        if undo:
            await self._undo(asked)

    async def _undo(self, asked: Fields) -> None:
        """0420 until it is answered."""
        undo = reversal(asked, self.stamp())
        async with asyncio.timeout(60):
            while True:
                with suppress(LinkDownError, UnansweredError):
                    async with Link(self.address) as link:
                        answer = await link.ask(undo, ANSWER_S)
                    assert answer["39"] == "00", answer
                    self.seen.undone.add(asked["37"])
                    return
                await asyncio.sleep(0.2)
                undo = undo | {"t": "0421"}


class Place:
    """A store, a bank and an engine that may be killed."""

    def __init__(self, folder: Path, bank_books: Path) -> None:
        folder.chmod(0o755)
        self.folder, self.data = folder, folder / "data"
        self.bank = BankHost(BankBooks(path=bank_books))
        self.bank_address = ""
        self.url = ensure_running(self.data).url
        self._starts = count(1)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """An engine process for the length of a block, whatever becomes of it."""
        world = self.folder / "world.json"
        world.write_text(json.dumps(as_world(*((n, LINKED) for n in range(1, PEOPLE + 1)))))
        arguments = (
            "--iso-port", "0", "--http-port", "0", "--test-clock", NOON.isoformat(),
            "--data-dir", str(self.data), "--world", str(world), "--bank", self.bank_address,
        )  # fmt: skip
        child = running(arguments, self.folder / f"engine{next(self._starts)}.log")
        signed_on = self.bank.signed_on
        engine = await asyncio.to_thread(child.__enter__)
        try:
            await until(lambda: self.bank.signed_on > signed_on)
            yield engine
        finally:
            await asyncio.to_thread(child.__exit__, None, None, None)

    async def prove(self, seen: Seen) -> None:
        """Both books agree, the audit holds, and what terminals saw is what stands."""
        await nothing_open(self.url)
        assert await disagreements(self.url, self.bank.books.summary()) == []
        audit = await asyncio.to_thread(command, "audit", "--data-dir", str(self.data))
        assert audit.returncode == 0, audit.stdout
        sql = await asyncpg.connect(self.url)
        try:
            rows = await sql.fetch(
                "select rrn, approved_minor from authorizations"
                " where kind in ('PURCHASE', 'HOLD') and approved_minor > 0"
            )
        finally:
            await sql.close()
        booked = {row["rrn"]: row["approved_minor"] for row in rows}
        for rrn, amount_minor in seen.approved.items():
            assert booked.get(rrn) == amount_minor, rrn
        assert booked.keys() <= seen.approved.keys() | seen.undone


@asynccontextmanager
async def a_place(folder: Path) -> AsyncIterator[Place]:
    place = Place(folder, folder / "bank.jsonl")
    place.bank_address = await place.bank.open()
    try:
        yield place
    finally:
        await place.bank.close()


async def test_both_books_agree_after_a_run_with_a_bad_bank(tmp_path: Path) -> None:
    town = Town(seed=5)
    async with a_place(tmp_path) as place:
        async with place.engine() as engine:
            town.address = engine.iso
            place.bank.manners = Manners(
                late=0.05, late_ms=1_900, drop=0.02, duplicate=0.01, restart_every=70, seed=5
            )
            await town.run(PAYMENTS)
            place.bank.manners = Manners()
            await nothing_open(place.url)
        await place.prove(town.seen)
        assert place.bank.restarts > 0
        charged = place.bank.books.summary()["charged"]
        assert isinstance(charged, int) and charged > 0, town.seen.codes


async def test_both_books_agree_after_the_engine_was_killed(tmp_path: Path) -> None:
    town = Town(seed=7)
    async with a_place(tmp_path) as place:
        place.bank.manners = Manners(delay_ms=120, late=0.1, late_ms=900, drop=0.03, seed=7)
        paying: asyncio.Task[None] | None = None
        for wait_s in (0.5, 0.25, 0.7):
            async with place.engine() as engine:
                town.address = engine.iso
                paying = paying or asyncio.create_task(town.run(PAYMENTS))
                await asyncio.sleep(wait_s)
                os.kill(engine.pid, signal.SIGKILL)
        async with place.engine() as engine:
            town.address = engine.iso
            assert paying is not None
            await paying
            place.bank.manners = Manners()
            await nothing_open(place.url)
        await place.prove(town.seen)
