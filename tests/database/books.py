"""A database with books in it, for the tests of the writer, the reader and the proof.

The `tx` of a test is a SQL transaction in a migrated database; it is rolled back afterwards, and it
is one snapshot, so that a test may prove the books in it.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from authz.storage.schema import upgrade
from ledger import journal
from ledger.accounts import AccountRow, House, lot_account, payable_account
from ledger.journal import Change, Locked
from ledger.running import Running, after
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx
    from tests.database.conftest import MakeDatabase

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = date(2026, 11, 22)
BEFORE = DAY - timedelta(days=1)
LOADED = date(2026, 1, 5)
SHOP, DELI = payable_account(7), payable_account(8)


@pytest.fixture(scope="session")
def books_url(make_database: "MakeDatabase") -> str:
    """The URL of a migrated database without any holder, for tests that leave none behind."""
    url = make_database()
    with asyncio.Runner() as runner:
        runner.run(empty_books(url))
    return url


async def empty_books(url: str) -> None:
    """Migrate, and take away the house's own row: tests number their holders from 1."""
    await upgrade(url)
    handle = await asyncpg.connect(url)
    try:
        await handle.execute("delete from holders")
    finally:
        await handle.close()


@pytest.fixture
async def tx(books_url: str) -> AsyncIterator["Tx"]:
    """One snapshot of empty books, as the superuser; all is rolled back."""
    handle = await asyncpg.connect(books_url)
    work = handle.transaction(isolation="repeatable_read")
    await work.start()
    yield handle
    await work.rollback()
    await handle.close()


def first_movements(holder_id: int) -> list[Transfer]:
    """A life of a holder in which every kind of movement happens once, two lots and two days."""
    first, second = lot_account(holder_id, 1), lot_account(holder_id, 2)
    prepaid, bank = House.EMPLOYER_PREPAID, House.BANK_RECEIVABLE

    def direct(seq: int, debit: int, credit: int, amount_minor: int, day: date = DAY) -> Transfer:
        return Transfer.direct(holder_id, seq, debit, credit, amount_minor, seq * 10, day, AT)

    def hold(seq: int, amount_minor: int) -> Transfer:
        return Transfer.hold(holder_id, seq, first, SHOP, amount_minor, seq * 10, DAY, AT)

    purchase, posted, voided = direct(5, first, DELI, 900), hold(6, 500), hold(7, 300)
    capture = Transfer.post(posted, 8, 400, 80, AT)
    return [
        direct(1, prepaid, first, 5000),
        direct(2, prepaid, second, 3000),
        direct(3, first, House.OPENING_SPEND, 700, BEFORE),
        direct(4, bank, DELI, 1500),
        purchase,
        posted,
        voided,
        capture,
        Transfer.void(voided, 9, 90, AT),
        Transfer.give_back(purchase, 10, 250, 100, AT),
        Transfer.give_back(capture, 11, 100, 110, AT),
        direct(12, second, House.RETURNED_TO_EMPLOYER, 200),
        direct(13, second, House.EXPIRED, 100),
        direct(14, first, second, 1000),
        hold(15, 600),
    ]


def first_lots(holder_id: int) -> list[AccountRow]:
    """The two lots that these movements touch."""
    return [AccountRow.lot(holder_id, lot_no, 2026, LOADED, AT) for lot_no in (1, 2)]


def first_figures(holder_id: int) -> Running:
    """The figures of a holder after these movements; both lots are of account 1."""
    before = Running(holder_id, 0, 0, BEFORE)
    return after(before, first_movements(holder_id), {}, {1: 1, 2: 1})


async def a_small_world(tx: "Tx", holders: int = 3, first: int = 1) -> None:
    """So many holders from the first on, each with the same life, in three statements."""
    holder_ids = range(first, first + holders)
    new = [Locked(first_figures(holder_id), b"profile") for holder_id in holder_ids]
    await journal.open_holders(tx, new)
    await journal.open_accounts(tx, [row for n in holder_ids for row in first_lots(n)])
    await journal.post(tx, [row for n in holder_ids for row in first_movements(n)])


def buying(amount_minor: int, lot_no: int = 1) -> journal.Build:
    """A change that buys at the shop from one lot."""

    def build(locked: Locked) -> Change:
        running = locked.running
        lot = lot_account(running.holder_id, lot_no)
        seq = running.last_seq + 1
        purchase = Transfer.direct(running.holder_id, seq, lot, SHOP, amount_minor, None, DAY, AT)
        return Change(transfers=[purchase], account_of={1: 1, 2: 1})

    return build
