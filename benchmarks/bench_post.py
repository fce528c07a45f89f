"""Question: how many movements a second do the books take, committed, by the size of a batch?

One writer, one SQL transaction a batch, fsync on, in an embedded PostgreSQL of its own. The books
are proved afterwards: a figure of broken books is worth nothing.
"""

import asyncio
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING

import asyncpg
from rich.console import Console

from authz.postgres import ensure_running, remove
from authz.storage.schema import upgrade
from benchmarks.timing import Timing, report
from ledger import journal
from ledger.accounts import AccountRow, House, lot_account, payable_account
from ledger.audit import audit_books
from ledger.journal import Change, Locked
from ledger.running import Running, after
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

HOLDERS = range(101, 1_101)
BATCHES = (1, 8, 32, 128, 512)
SECONDS = 2.0
DAY, AT = date(2026, 11, 22), datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SHOP = payable_account(7)


def a_purchase(holder_id: int, seq: int) -> Transfer:
    """One cent, from the holder's only lot."""
    return Transfer.direct(holder_id, seq, lot_account(holder_id, 1), SHOP, 1, None, DAY, AT)


def buy(locked: Locked) -> Change:
    """The next purchase of a holder."""
    running = locked.running
    purchase = a_purchase(running.holder_id, running.last_seq + 1)
    return Change(transfers=[purchase], account_of={1: 1})


async def load(handle: "Tx") -> None:
    """Give every holder one lot with more money than can be spent here."""
    prepaid = House.EMPLOYER_PREPAID
    loads = [
        Transfer.direct(n, 1, prepaid, lot_account(n, 1), 10_000_000, None, DAY, AT)
        for n in HOLDERS
    ]
    figures = [after(Running(t.holder_id, 0, 0, DAY), [t], {}, {1: 1}) for t in loads]
    async with handle.transaction():
        await journal.open_holders(handle, [Locked(running, b"") for running in figures])
        lots = [AccountRow.lot(n, 1, 2026, DAY, AT) for n in HOLDERS]
        await journal.open_accounts(handle, lots)
        await journal.post(handle, loads)


async def batches(handle: "Tx", size: int) -> Timing:
    """Change `size` holders in each SQL transaction, as long as the time lasts."""
    took: list[float] = []
    first, until = 0, perf_counter_ns() + int(SECONDS * 1e9)
    while perf_counter_ns() < until:
        holder_ids = [HOLDERS[(first + n) % len(HOLDERS)] for n in range(size)]
        start = perf_counter_ns()
        async with handle.transaction():
            await journal.post_many(handle, holder_ids, buy)
        took.append((perf_counter_ns() - start) / 1_000 / size)
        first += size
    took.sort()
    mean = sum(took) / len(took)
    return Timing(f"batches of {size}", len(took), mean, took[len(took) // 2],
                  took[len(took) * 99 // 100])  # fmt: skip


async def measure(url: str) -> None:
    """Measure every batch size, then prove the books."""
    await upgrade(url)
    handle = await asyncpg.connect(url)
    try:
        await load(handle)
        timings = [await batches(handle, size) for size in BATCHES]
        async with handle.transaction(isolation="repeatable_read", readonly=True):
            start = perf_counter_ns()
            proof = await audit_books(handle)
            seconds = (perf_counter_ns() - start) / 1e9
    finally:
        await handle.close()
    report("movements written, holders kept in step, committed", *timings)
    verdict = "hold" if proof.holds else f"are broken: {proof.broken}"
    words = f"the books {verdict}: {proof.transfers:,} movements proved in {seconds:.2f} s"
    Console(width=100).print(words)


def main() -> None:
    """Run it in a server of its own."""
    directory = Path(tempfile.mkdtemp(prefix="millesime-bench-"))
    directory.chmod(0o755)
    try:
        server = ensure_running(directory)
        try:
            asyncio.run(measure(server.url_of("postgres")))
        finally:
            server.stop()
    finally:
        remove(directory)


if __name__ == "__main__":
    main()
