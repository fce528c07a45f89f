"""The laws of loads and vintages: a superuser forges, and the broken law is named, by a slice too.

All is forged in one office: paid, corrected, bounced, frozen, left, exchanged, expired and lost.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from authz.audit.prove import prove_all, prove_slice
from authz.audit.replay import LOTS_AS_OPENED
from authz.holders.leaving import close_account
from authz.loads.laws import LAWS_OF_ALL, LAWS_OF_HOLDERS
from authz.loads.lines import Line
from authz.loads.payments import bounce
from authz.loads.returns import return_to
from authz.requests import Kind
from authz.vintages.laws import MOVES_ARE_NOTED
from tests.database.conftest import MakeDatabase
from tests.database.test_exchange_requests import ask
from tests.database.test_exchange_requests import order as order_exchange
from tests.database.test_loads import order, paid
from tests.database.test_vintages import ON_REQUEST
from tests.database.town import Town, town
from tests.road.people import Setting

PEOPLE = {
    1: Setting(lots={}),
    2: Setting(lots={2026: 5000}, used={"2026-11-23": 700}),
    3: Setting(lots={}),
}
VERSIONS = {ON_REQUEST.version: ON_REQUEST}
WHOLE, MADE_GOOD, FROZEN, PENDING = 1, 2, 3, 5
"""The orders by number; the fourth is a correction of the first."""


async def a_year(t: Town) -> None:
    """Everything that can become of a load, by three people."""
    await paid(t, await order(t, Line(1, "acc-1", 8, 1250, 700, "2026-11")))
    good, frozen = [
        await order(t, Line(1, "acc-3", 4, 1000, 500, "2026-11"), employer="emp-3") for _ in "ab"
    ]
    await order(t, Line(1, "acc-1", -1, 1250, 700, "2026-11"))
    await order(t)
    await paid(t, good)
    async with t.pool.acquire() as sql, sql.transaction():
        await bounce(sql, good.load_no, "AM04")
    await t.at("2026-11-25T12:30:00+01:00")
    await paid(t, good)
    async with t.pool.acquire() as sql, sql.transaction():
        await close_account(sql, "acc-3", "left", t.books)
    await paid(t, frozen)
    async with t.pool.acquire() as sql, sql.transaction():
        assert await return_to(sql, "emp-3", 8000, "SCT 1")
    await t.at("2027-02-26T12:30:00+01:00")
    bought = await t.pay(1800, 2)
    await t.at("2027-03-10T12:00:00+01:00")
    await t.about(Kind.REFUND, bought)
    await t.run("exchange-vintages")
    await ask(t, amount_minor=1000)
    await order_exchange(t)
    await t.at("2027-04-01T12:00:00+02:00")
    await t.run("exchange-vintages")


@pytest.fixture(scope="module")
def office(
    migrated_name: str, make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of a database in which all of it has happened, and every law holds."""
    url = make_database(migrated_name)

    async def live(path: Path) -> None:
        async with town(url, path, PEOPLE, ON_REQUEST) as t:
            await a_year(t)
            said = await t.pool.fetch("select distinct reason from vintage_moves")
            reasons = {"EXCHANGED", "EXPIRED", "REQUESTED", "LOST", "RETURNED"}
            assert {row["reason"] for row in said} == reasons

    with asyncio.Runner() as runner:
        runner.run(live(tmp_path_factory.mktemp("office")))
    return url


@pytest.fixture
async def forger(office: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's snapshot of it, which is rolled back."""
    sql = await asyncpg.connect(office)
    work = sql.transaction(isolation="repeatable_read")
    await work.start()
    yield sql
    await work.rollback()
    await sql.close()


def moves(debit: str, credit: str, amount: str = "5", holder: int = 2) -> str:
    """One movement more of a holder (person 1 is holder 2), as his last."""
    return (
        "insert into transfers select holder_id, last_seq + 1, 'direct',"
        f" {debit}, {credit}, {amount}, null, null, '2026-11-24', '2026-11-24T11:31Z'"
        f" from holders where holder_id = {holder}"
    )


class Forgery(NamedTuple):
    """What somebody writes by hand, and the law that names it."""

    law: str
    sql: str


FORGERIES = (
    Forgery("orders_add_up", f"update loads set total_minor = 10001 where load_no = {WHOLE}"),
    Forgery("orders_add_up", "update load_payments set amount_minor = 1 where load_no = 1"),
    Forgery("orders_add_up", f"delete from load_lines where load_no = {PENDING}"),
    Forgery("orders_add_up", "insert into load_payments values (99, 5, now())"),
    Forgery("orders_add_up", f"insert into load_bounces values ({PENDING}, 1, now(), '')"),
    Forgery("orders_add_up", f"insert into load_bounces_settled values ({WHOLE}, 1, now())"),
    Forgery(
        "lines_are_booked",
        "update load_bookings set booked_at = booked_at + interval '1 s' where load_no = 1",
    ),
    Forgery("lines_are_booked", f"delete from load_bookings where load_no = {FROZEN}"),
    Forgery("lines_are_booked", "update load_bookings set amount_minor = 1 where lot_no is null"),
    Forgery(
        "lines_are_booked", "update load_bookings set amount_minor = -1251 where amount_minor < 0"
    ),
    Forgery(
        "lines_are_booked",
        "insert into load_bookings select holder_id, load_no, line_no, null, 0, now()"
        f" from load_lines where load_no = {PENDING}",
    ),
    Forgery("lines_are_booked", "insert into load_bookings values (2, 99, 1, 1, 5, now())"),
    Forgery("lots_are_ordered", moves("200", "2 << 12 | 1")),
    Forgery("lots_are_ordered", moves("200", "3 << 12 | 1", holder=3)),
    Forgery(
        "lots_are_ordered",
        moves("200", "2 << 12 | 9")
        + "; insert into ledger_accounts select holder_id, account_id + 8, kind, vintage, origin,"
        " from_vintage, loaded_on, opened_at from ledger_accounts where account_id = 2 << 12 | 1",
    ),
    Forgery(
        "lots_are_ordered",
        "update transfers set amount_minor = amount_minor + 1"
        " where holder_id = 2 and debit_account = 200",
    ),
    Forgery(
        "lots_are_ordered",
        "update transfers set day = day - 1 where holder_id = 2 and debit_account = 200",
    ),
    Forgery(
        "lots_are_ordered",
        "update transfers set at = at + interval '1 s' where holder_id = 3 and debit_account = 200"
        " and amount_minor = 700",
    ),
    Forgery(
        "lots_are_ordered",
        "insert into load_lines select holder_id, load_no, 2, account_no, count, face_minor,"
        " share_minor, period, flags from load_lines where load_no = 1;"
        "insert into load_bookings select holder_id, load_no, 2, lot_no, amount_minor, booked_at"
        " from load_bookings where load_no = 1",
    ),
    Forgery("lots_are_ordered", "update ledger_accounts set vintage = 2027 where origin = 'LOAD'"),
    Forgery(
        "lots_are_ordered",
        "delete from transfers where holder_id = 4 and debit_account = 200"
        " and credit_account >= 4096",
    ),
    Forgery(LOTS_AS_OPENED, f"update load_lines set account_no = 2 where load_no = {WHOLE}"),
    Forgery(LOTS_AS_OPENED, f"update loads set employer_no = 2 where load_no = {WHOLE}"),
    Forgery("prepayments_are_explained", moves("100", "200")),
    Forgery("prepayments_are_explained", moves("200", "210")),
    Forgery("prepayments_are_explained", moves("200", "600", holder=1)),
    Forgery(
        "prepayments_are_explained",
        "update transfers set kind = 'hold' where holder_id = 2 and credit_account = 200",
    ),
    Forgery("prepayments_are_explained", "delete from load_bounces_settled"),
    Forgery(
        "prepayments_are_explained",
        "delete from transfers where holder_id = 1 and debit_account = 200",
    ),
    Forgery(
        "prepayments_are_explained",
        "delete from transfers where holder_id = 4 and (debit_account, credit_account)"
        " = (200, 210)",
    ),
    Forgery("corrections_are_booked", moves("2 << 12 | 1", "210")),
    Forgery(
        "corrections_are_booked",
        "update load_bookings set amount_minor = -1249 where amount_minor < 0",
    ),
    Forgery("returns_are_booked", "delete from employer_returns"),
    Forgery("returns_are_booked", moves("210", "100", holder=1)),
    Forgery(
        "returns_are_booked",
        "update transfers set credit_account = 600 where debit_account = 210",
    ),
    Forgery("returns_are_owed", "update employer_returns set amount_minor = 8001"),
    Forgery("returns_are_owed", "update employer_returns set employer_no = 1"),
    Forgery("moves_are_noted", moves("2 << 12 | 1", "2 << 12 | 2")),
    Forgery("moves_are_noted", moves("2 << 12 | 1", "300")),
    Forgery("moves_are_noted", moves("300", "310")),
    Forgery("moves_are_noted", moves("310", "600")),
    *(
        Forgery("moves_are_noted", f"delete from vintage_moves where reason = '{reason}'")
        for reason in ("EXCHANGED", "EXPIRED", "REQUESTED", "LOST")
    ),
    *(
        Forgery("moves_are_noted", f"update vintage_moves set {change}")
        for change in (
            "amount_minor = amount_minor + 1 where reason = 'REQUESTED'",
            "lot_no = 2 where reason = 'LOST'",
            "vintage = 2027 where reason = 'EXPIRED'",
            "day = day + 1 where reason = 'RETURNED'",
            "reason = 'LOST' where reason = 'EXPIRED'",
            "reason = 'EXCHANGED_LATE' where reason = 'REQUESTED'",
        )
    ),
    Forgery(
        "moves_are_noted",
        "insert into vintage_moves select holder_id, seq, 1, 1, 1, 2026, 'EXPIRED', amount_minor,"
        " day from transfers where (holder_id, seq) = (2, 1)",
    ),
    Forgery(
        "moves_are_noted", "update ledger_accounts set vintage = 2029 where origin = 'EXCHANGE'"
    ),
    Forgery("corrections_are_booked", "delete from vintage_moves where reason = 'RETURNED'"),
)


@pytest.mark.parametrize(
    "forgery", FORGERIES, ids=[f"{each.law}-{n}" for n, each in enumerate(FORGERIES)]
)
async def test_what_nothing_explains_is_named(forger: asyncpg.Connection, forgery: Forgery) -> None:
    assert not (await forger.execute(forgery.sql)).endswith(" 0"), "nothing was forged"
    report = await prove_all(forger, VERSIONS)
    [law] = [law for law in report.laws if law.name == forgery.law]
    assert law.violations and all(law.violations)
    if forgery.law not in {law.name for law in LAWS_OF_ALL}:
        proved = await prove_slice(forger, VERSIONS, 0, 500)
        assert forgery.law in {law.name for law in proved.broken}


async def test_a_slice_without_the_house_has_nothing_of_the_house(
    forger: asyncpg.Connection,
) -> None:
    """Bounces are booked under it: no other holder's slice misses them."""
    for after in (0, 1, 2):
        assert (await prove_slice(forger, VERSIONS, after, 1)).broken == ()


async def test_every_law_looks_at_something(forger: asyncpg.Connection) -> None:
    ours = {law.name for law in (*LAWS_OF_HOLDERS, *LAWS_OF_ALL, MOVES_ARE_NOTED)}
    report = await prove_all(forger, VERSIONS)
    assert report.holds
    assert {law.name for law in report.laws if law.checked_rows} >= ours


def test_every_law_is_broken_here_once() -> None:
    ours = {law.name for law in (*LAWS_OF_HOLDERS, *LAWS_OF_ALL, MOVES_ARE_NOTED)}
    assert {forgery.law for forgery in FORGERIES} == ours | {LOTS_AS_OPENED}
