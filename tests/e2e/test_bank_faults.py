"""A bank that is late, silent, double or away, and an engine that is killed: nothing is lost.

After each run the bank's books and ours agree to the cent, every answer has its legs, and every
approval that a terminal saw is in the books. `BANK_PAYMENTS=10000` makes a long run of it.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from authz.postgres import ensure_running
from simulators.bank import BankHost, Manners
from simulators.bank_books import BankBooks
from simulators.engine_process import Engine, running
from tests.agreement import nothing_open
from tests.e2e.engines import ask_books
from tests.e2e.test_bank_leg import until
from tests.e2e.town import LINKED, NOON, PEOPLE, Seen, Town, prove
from tests.road.people import as_world

PAYMENTS = int(os.environ.get("BANK_PAYMENTS", "240"))
pytestmark = pytest.mark.timeout(240 + PAYMENTS // 5)


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
        await prove(self.url, self.bank.books.summary(), seen, "--data-dir", str(self.data))


@asynccontextmanager
async def a_place(folder: Path) -> AsyncIterator[Place]:
    place = Place(folder, folder / "bank.jsonl")
    place.bank_address = await place.bank.open()
    try:
        yield place
    finally:
        await place.bank.close()


async def tell(place: Place, town: Town) -> None:
    """The figures of a long run, for who runs it with `-s`."""
    legs = await ask_books(place.url, "select state, count(*) from bank_legs group by state")
    figures = {
        "payments": PAYMENTS,
        "answers": town.seen.codes,
        "undone": len(town.seen.undone),
        "legs": dict(map(tuple, legs)),
        "bank": {**place.bank.books.summary(), "legs": len(place.bank.books.legs)},
        "restarts": place.bank.restarts,
    }
    sys.stdout.write(json.dumps(figures, sort_keys=True) + "\n")


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
        await tell(place, town)


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
