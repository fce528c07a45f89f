"""A database with one linked person, an engine without a batcher, a bank, and a line to it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import cast

import asyncpg
import msgspec
from msgspec.structs import replace

from authz.bank.asking import mark_asked
from authz.bank.enrolment import unlink
from authz.bank.forwarding import settle_left_behind, tell_the_bank
from authz.bank.gauges import BankGauges
from authz.bank.kept import Wallet
from authz.bank.link import BankLink
from authz.bank.stans import Stans
from authz.bank.teller import BankDesk, finish_of
from authz.bank.words import Place, question, reference_of
from authz.batch.directory import Directory
from authz.batch.engine import Engine
from authz.decide.topup import BankWord
from authz.door.addresses import Address
from authz.ids import AuthorizationIds
from authz.jobs.timers import JOBS, Counts, Work
from authz.metrics import Metrics
from authz.outcomes import Outcome, Reserved
from authz.requests import Kind, Request
from authz.storage import database
from authz.storage.store import Store
from authz.world.load import load_world
from simulators.bank import BankHost
from simulators.bank_books import BankBooks, BankRules
from tests.agreement import disagreements
from tests.authz.builders import BOOKS
from tests.authz.hsm.keys import VAULT, some_safe
from tests.database.roads import buys, prove
from tests.road.people import DIGESTER, Setting, as_world, bank_pan

LINKED = Setting(top_up=True)
OPEN = "select count(*) from bank_notices where acknowledged_at is null"
NAME_ONE = "select holder_id from directory where kind = 'account' and name = 'acc-1'"


class Branch:
    """A database with one linked person, an engine, a bank and a line to it."""

    def __init__(self, url: str, pool: asyncpg.Pool, bank: BankHost, link: BankLink) -> None:
        """Made by `a_branch`."""
        self.url, self.pool, self.bank = url, pool, bank
        self.now: datetime | None = None
        ids = AuthorizationIds(1, lambda: 1_795_000_000_000)
        self.store = Store(pool, Directory(known_max=0), answer_timeout_s=8)
        self.engine = Engine(self.store, BOOKS, ids, Metrics(), bank_open=lambda: True)
        self.desk = BankDesk(pool, link, VAULT, Stans(pool, "99"), "99", 1.5, BankGauges(link))

    async def run(self, *requests: Request) -> list[Outcome | None]:
        """The road, without waiting for the bank."""
        return await self.engine.run(requests, {})

    async def unlink(self, wallet: Wallet) -> None:
        """The holder removes the bank card that is linked."""
        async with self.pool.acquire() as sql, sql.transaction():
            assert await unlink(sql, wallet)

    async def reserve(self, asked: Request) -> Reserved:
        """The first batch: vouchers are held."""
        (answer,) = await self.run(asked)
        assert isinstance(answer, Reserved)
        return answer

    async def mark(self, reserved: Reserved) -> bool:
        """Whether the leg may be asked for, and is now marked."""
        name = reserved.holder_id, reserved.authorization_id
        return name in await mark_asked(self.pool, VAULT, self.desk.stans, [name])

    async def ask(self, asked: Request, reserved: Reserved) -> None:
        """Mark, and let the bank book it; the answer is lost with the process."""
        name = reserved.holder_id, reserved.authorization_id
        marked = await mark_asked(self.pool, VAULT, self.desk.stans, [name])
        card, stamp, at = marked[name].card, marked[name].stamp, marked[name].at
        place = Place("99", reference_of(name[1]), asked.terminal, asked.mid, at)
        hold = asked.kind is Kind.HOLD
        message = question(card, place, stamp, reserved.bank_minor, hold=hold)
        assert (await self.desk.link.ask(message, 2.0)).fields[39] == "00"

    async def reserve_and_ask(self, asked: Request) -> Reserved:
        """As far as the bank has booked it and nobody has settled it yet."""
        reserved = await self.reserve(asked)
        await self.ask(asked, reserved)
        return reserved

    async def finish(self, asked: Request, reserved: Reserved, word: BankWord) -> Outcome:
        """The last batch: the bank has said this."""
        name = reserved.holder_id, reserved.authorization_id
        (outcome,) = await self.run(finish_of(asked, name, word))
        assert outcome is not None
        return outcome

    async def recover(self) -> int:
        """What the next process does, once the owner's time is over."""
        await self.pool.execute("update pending_payments set settle_after = now()")
        settled = await settle_left_behind(self.pool, self._decide)
        await self.recover_notices(self.desk)
        return settled

    async def recover_notices(self, desk: BankDesk) -> None:
        """Tell the bank until it has heard everything."""
        async with asyncio.timeout(20):
            while await self.pool.fetchval(OPEN):
                await tell_the_bank(desk)
                await asyncio.sleep(0.02)

    async def _decide(self, asked: Sequence[Request]) -> Sequence[Outcome | None]:
        return await self.engine.run(asked, {})

    async def state(self) -> tuple[str, int]:
        """The only leg's state, and what the bank charges."""
        state = await self.pool.fetchval("select state from bank_legs")
        return state, self.bank.books.spent_minor(bank_pan(1))

    async def pay(self, asked: Request) -> Outcome:
        """Down the whole road: the bank approves."""
        reserved = await self.reserve(asked)
        await self.ask(asked, reserved)
        return await self.finish(asked, reserved, BankWord.APPROVED)

    async def at(self, instant: str) -> None:
        """Set the clock of everything civil."""
        self.now = datetime.fromisoformat(instant).astimezone(UTC)
        await self.pool.execute("update control set test_clock = $1", self.now)

    async def job(self, name: str) -> Counts:
        """Run a job by the branch's clock."""
        now = self.now or datetime.now(UTC)
        return await JOBS[name].run(Work(self.pool, self._decide, BOOKS, now, bank=self.desk))

    async def available(self) -> int:
        minor: int = await self.pool.fetchval(
            "select lot_available[1] from holders where holder_id = (" + NAME_ONE + ")"
        )
        return minor


@asynccontextmanager
async def a_branch(
    url: str, tmp_path: Path, setting: Setting = LINKED, rules: BankRules | None = None
) -> AsyncIterator[Branch]:
    """Everything is up; in the end both books agree and every law holds."""
    file = tmp_path / "world.json"
    file.write_bytes(msgspec.json.encode(as_world((1, setting))))
    pool = await database.open_pool(url, size=4)
    bank = BankHost(BankBooks(rules))
    _, _, port = (await bank.open()).rpartition(":")
    link = BankLink(Address("127.0.0.1", int(port)), "99")
    running = asyncio.create_task(link.run())
    try:
        async with pool.acquire() as sql:
            await load_world(cast("asyncpg.Connection", sql), file, DIGESTER, safe=some_safe())
        async with asyncio.timeout(5):
            while not link.is_open:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)
        yield Branch(url, pool, bank, link)
        assert await disagreements(url, bank.books.summary()) == []
        await prove(url)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await bank.close()
        await pool.close()


def forty(amount_minor: int = 4000, **changes: object) -> Request:
    """25 of vouchers and 15 of the bank."""
    return replace(buys(amount_minor, deadline_s=monotonic() + 60), **changes)
