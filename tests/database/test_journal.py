"""The writer and the reader of the books over PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ledger import journal, queries
from ledger.accounts import AccountRow, House, lot_account
from ledger.audit import AuditReport, audit_books
from ledger.journal import Change, Locked
from ledger.running import Running
from ledger.transfers import Transfer
from tests.database import full_scan
from tests.database.books import (
    AT,
    BEFORE,
    DAY,
    LOADED,
    a_small_world,
    books_url,
    buying,
    first_figures,
    first_lots,
    first_movements,
    tx,
)
from tests.ledger.books import Books

if TYPE_CHECKING:
    from ledger.journal import Tx
    from tests.database.conftest import MakeDatabase

__all__ = ["books_url", "tx"]


class Counter:
    """Counts the statements that a handle sends.

    The driver asks of its own how a type looks when it first meets it: what is counted is done
    once before.
    """

    def __init__(self, handle: "Tx") -> None:
        self.sent: list[str] = []
        self.add: Callable[[Any], None] = lambda record: self.sent.append(record.query)
        handle.add_query_logger(self.add)

    async def take(self) -> int:
        """How many statements were sent since the last time; the driver tells a turn later."""
        await asyncio.sleep(0)
        count = len(self.sent)
        self.sent.clear()
        return count


def loads(first: int, count: int) -> list[Transfer]:
    """So many loads of the first lot of holder 1, numbered on from `first`."""
    return [
        Transfer.direct(1, seq, House.EMPLOYER_PREPAID, lot_account(1, 1), 5, None, DAY, AT)
        for seq in range(first, first + count)
    ]


async def test_what_is_posted_is_read_back_as_it_was(tx: "Tx") -> None:
    await journal.post(tx, first_movements(5))
    rows = await tx.fetch("select * from transfers order by seq")
    assert [Transfer.from_row(row) for row in rows] == first_movements(5)


async def test_one_movement_and_256_take_one_statement_each(tx: "Tx") -> None:
    await journal.post(tx, loads(1, 1))
    counter = Counter(tx)
    await journal.post(tx, loads(2, 1))
    assert await counter.take() == 1
    await journal.post(tx, loads(3, 256))
    assert await counter.take() == 1
    assert await tx.fetchval("select count(*) from transfers") == 258


async def test_changing_one_holder_and_many_takes_the_same_statements(tx: "Tx") -> None:
    await a_small_world(tx, holders=60)
    await journal.post_for_holder(tx, 1, buying(10))
    counter = Counter(tx)
    await journal.post_for_holder(tx, 1, buying(10))
    for_one = await counter.take()
    await journal.post_many(tx, range(1, 61), buying(10))
    assert await counter.take() == for_one == 5
    assert (await audit_books(tx)).broken == ()


async def test_a_new_world_takes_the_same_statements_for_any_number_of_holders(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    counter = Counter(tx)
    await a_small_world(tx, first=2, holders=300)
    assert await counter.take() == 3
    report = await audit_books(tx)
    assert report.broken == ()
    assert (report.holders, report.transfers) == (301, 301 * 15)


async def test_changing_a_holder_keeps_its_row_in_step_with_the_books(tx: "Tx") -> None:
    await a_small_world(tx, holders=2)
    before = first_figures(1)
    running = await journal.post_for_holder(tx, 1, buying(250))
    row = await tx.fetchrow("select * from holders where holder_id = 1")
    assert row is not None
    assert Running.from_row(row) == running
    assert (running.version, running.last_seq) == (before.version + 1, before.last_seq + 1)
    assert running.lot_available[0] == before.lot_available[0] - 250
    assert running.usage_minor[1] == before.usage_minor[1] + 250
    assert row["profile"] == b"profile"
    assert (await audit_books(tx)).broken == ()


async def test_a_hold_placed_earlier_is_settled_with_its_own_amount(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    held = first_movements(1)[-1]
    assert (held.seq, held.amount_minor) == (15, 600)

    def capture(locked: Locked) -> Change:
        post = Transfer.post(held, locked.running.last_seq + 1, 450, None, AT)
        return Change(transfers=[post], account_of={1: 1})

    running = await journal.post_for_holder(tx, 1, capture)
    before = first_figures(1)
    assert running.lot_held == (0, 0)
    assert running.lot_available[0] == before.lot_available[0] + 150
    assert (await audit_books(tx)).broken == ()


async def test_a_change_opens_the_lots_that_it_needs(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)

    def load(locked: Locked) -> Change:
        seq = locked.running.last_seq + 1
        lot = lot_account(1, 3)
        booked = Transfer.direct(1, seq, House.EMPLOYER_PREPAID, lot, 900, None, DAY, AT)
        opened = [AccountRow.lot(1, 3, 2027, LOADED, AT)]
        return Change(transfers=[booked], accounts=opened, profile=b"new")

    running = await journal.post_for_holder(tx, 1, load)
    assert running.lot_available[2] == 900
    assert await tx.fetchval("select profile from holders where holder_id = 1") == b"new"
    assert [lot.lot_no for lot in await queries.lots_of(tx, 1)] == [1, 2, 3]
    assert (await audit_books(tx)).broken == ()


async def test_a_change_of_the_profile_alone_moves_the_version(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    running = await journal.post_for_holder(tx, 1, lambda locked: Change(profile=b"blocked"))
    assert (running.version, running.last_seq) == (2, 15)
    assert await tx.fetchval("select profile from holders where holder_id = 1") == b"blocked"


async def test_a_holder_without_a_change_is_left_alone(tx: "Tx") -> None:
    await a_small_world(tx, holders=2)

    def only_the_second(locked: Locked) -> Change | None:
        return buying(10)(locked) if locked.running.holder_id == 2 else None

    figures = await journal.post_many(tx, [2, 1], only_the_second)
    assert figures[1] == first_figures(1)
    versions = await tx.fetch("select version from holders order by holder_id")
    assert [row["version"] for row in versions] == [1, 2]


async def test_an_unknown_holder_is_named_and_nothing_is_written(tx: "Tx") -> None:
    await a_small_world(tx, holders=2)
    with pytest.raises(LookupError, match="no such holder: 3"):
        await journal.post_many(tx, [1, 2, 3, 4], buying(10))
    assert await tx.fetchval("select count(*) from transfers") == 30


async def test_a_number_is_taken_once(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    with pytest.raises(asyncpg.UniqueViolationError, match="transfers_pkey"):
        await journal.post(tx, loads(15, 1))


async def a_world_that_stays(url: str) -> None:
    """Commit a small world of eight holders."""
    handle = await asyncpg.connect(url)
    try:
        async with handle.transaction():
            await a_small_world(handle, holders=8)
    finally:
        await handle.close()


@pytest.fixture
def committed(
    books_url: str, make_database: "MakeDatabase", drop_database: Callable[[str], None]
) -> Iterator[str]:
    """The URL of a database where a small world stays, for tests with several writers."""
    url = make_database(template=books_url.split("@/")[1].split("?")[0])
    with asyncio.Runner() as runner:
        runner.run(a_world_that_stays(url))
    yield url
    drop_database(url)


async def test_writers_of_overlapping_holders_wait_for_each_other_and_lose_nothing(
    committed: str,
) -> None:
    orders = [[1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1], [4, 1, 8, 2], [5, 6, 1, 7]]

    async def write(order: list[int]) -> None:
        handle = await asyncpg.connect(committed, server_settings={"deadlock_timeout": "50ms"})
        try:
            for _ in range(10):
                async with handle.transaction():
                    await journal.post_many(handle, order, buying(1))
        finally:
            await handle.close()

    async def prove() -> AuditReport:
        handle = await asyncpg.connect(committed)
        try:
            async with handle.transaction(isolation="repeatable_read", readonly=True):
                return await audit_books(handle)
        finally:
            await handle.close()

    async with asyncio.TaskGroup() as group:
        for order in orders:
            group.create_task(write(order))
        meanwhile = group.create_task(prove())
    assert meanwhile.result().broken == (), "a proof beside writers sees one state, whole"
    afterwards = await prove()
    assert afterwards.broken == ()
    assert afterwards.transfers == 8 * 15 + 10 * sum(map(len, orders))


async def test_the_trial_balance_has_the_same_sums_on_both_sides(tx: "Tx") -> None:
    await a_small_world(tx, holders=3)
    lines = await full_scan.trial_balance(tx)
    assert sum(line.debits_posted for line in lines.values()) == sum(
        line.credits_posted for line in lines.values()
    )
    assert lines["HOLDER_LOT"].debits_pending == 3 * 600
    assert lines["MERCHANT_PAYABLE"].credits_pending == 3 * 600
    assert lines["EMPLOYER_PREPAID"].debits_posted == 3 * 8000
    assert lines["OPENING_SPEND"].credits_posted == 3 * 700
    assert lines["BANK_RECEIVABLE"].debits_posted == 3 * 1500
    assert "TRUST_CASH" not in lines


async def test_the_trial_balance_is_what_books_in_memory_give(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    books = Books()
    assert [books.post(transfer) for transfer in first_movements(1)] == [None] * 15
    lots = [books.balance(lot_account(1, n)) for n in (1, 2)]
    line = (await full_scan.trial_balance(tx))["HOLDER_LOT"]
    assert line.debits_pending == sum(lot.debits_pending for lot in lots)
    assert line.debits_posted == sum(lot.debits_posted for lot in lots)
    assert line.credits_posted == sum(lot.credits_posted for lot in lots)
    assert [(lot.available_minor, lot.held_minor) for lot in lots] == [
        (lot.available_minor, lot.held_minor) for lot in await queries.lots_of(tx, 1)
    ]


async def test_the_use_of_days_comes_from_the_books_by_lot(tx: "Tx") -> None:
    await a_small_world(tx, holders=2)
    used = await queries.usage_of(tx, [1, 2], BEFORE, DAY)
    assert [(row.holder_id, row.lot_no, row.day, row.used_minor) for row in used] == [
        (holder_id, 1, day, minor)
        for holder_id in (1, 2)
        for day, minor in ((BEFORE, 700), (DAY, 900 + 400 + 600 - 250 - 100))
    ]
    assert await queries.usage_of(tx, [1], date(2026, 1, 1), BEFORE - timedelta(days=1)) == []
    assert {row.holder_id for row in await queries.usage_of(tx, [2], BEFORE, DAY)} == {2}


async def test_the_movements_of_authorizations_are_found(tx: "Tx") -> None:
    await a_small_world(tx, holders=2)
    assert await queries.transfers_of_authorizations(tx, [2], [80]) == [first_movements(2)[7]]
    many = await queries.transfers_of_authorizations(tx, [1, 2], [10, 50])
    assert [(t.holder_id, t.seq) for t in many] == [(1, 1), (1, 5), (2, 1), (2, 5)]


async def test_a_lot_is_read_with_what_never_changes_of_it(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    first, second = await queries.lots_of(tx, 1)
    assert (first.vintage, first.origin, first.loaded_on) == (2026, "LOAD", LOADED)
    assert (first.available_minor, first.held_minor) == (1750, 600)
    assert (second.available_minor, second.held_minor) == (3700, 0)


async def test_the_same_lot_is_opened_once(tx: "Tx") -> None:
    await journal.open_accounts(tx, first_lots(1))
    with pytest.raises(asyncpg.UniqueViolationError, match="ledger_accounts_pkey"):
        await journal.open_accounts(tx, first_lots(1))
