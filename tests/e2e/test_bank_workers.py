"""Two workers tell the bank what it must hear; one is killed, and what it had begun is settled."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from simulators.bank import BankHost, Manners
from simulators.bank_books import BankBooks, deed_of
from simulators.wire import Fields
from tests.agreement import disagreements, nothing_open
from tests.database.roads import prove
from tests.e2e.engines import ask_books, engine_on, populate
from tests.e2e.test_bank_leg import until
from tests.e2e.test_workers import workers_of
from tests.e2e.town import LINKED, Town

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="workers are found in /proc"),
]
PEOPLE = 40
UNDONE = "select count(*) from bank_leg_moves where event = 'ACKNOWLEDGE_REVERSAL'"


class Bank(BankHost):
    """Knows over which connection it was told what: each worker has its own."""

    def __init__(self) -> None:
        super().__init__(BankBooks())
        self.told: Counter[tuple[str, int]] = Counter()

    def _take(self, asked: Fields, writer: asyncio.StreamWriter) -> None:
        self.told[deed_of(asked), id(writer)] += 1
        super()._take(asked, writer)

    def peers(self, deed: str) -> int:
        return len({peer for what, peer in self.told if what == deed})


async def pay(town: Town) -> None:
    """Everybody pays 40.00, over a connection of their own; who is not answered undoes it."""

    async def one(person: int) -> None:
        asked = town.purchase(person, 4000)
        if await town.pay(asked) is None:
            await town.undo(asked)

    await asyncio.gather(*(one(person) for person in range(1, PEOPLE + 1)))


async def test_the_bank_is_told_by_all_workers_and_a_killed_one_leaves_nothing_open(
    database_url: str, tmp_path: Path
) -> None:
    await populate(database_url, [(n, LINKED) for n in range(1, PEOPLE + 1)], tmp_path)
    bank, town = Bank(), Town(seed=8)
    flags = ("--workers", "2", "--bank", await bank.open())
    async with engine_on(database_url, tmp_path, *flags) as engine:
        town.address = engine.iso
        await until(lambda: bank.signed_on == 2)
        bank.manners = Manners(drop=1.0)  # it books, and says nothing: all is unknown
        async with asyncio.timeout(90):
            while bank.peers("reverse") < 2:
                await pay(town)
        bank.manners = Manners(delay_ms=1_000)
        await nothing_open(database_url, 60)
        paying = asyncio.create_task(pay(town))
        await until(lambda: bank.books.messages["020"] > 0 and bank.peers("pay") > 0)
        os.kill(min(workers_of(engine.pid)), signal.SIGKILL)  # the first, which runs all jobs
        await paying
        bank.manners = Manners()
        await nothing_open(database_url, 60)
        assert (await ask_books(database_url, UNDONE))[0][0] > 0
    assert await disagreements(database_url, dict(bank.books.summary())) == []
    await prove(database_url)
    await bank.close()
