"""Every law twice: what the code cannot say the tables refuse, and the engine changes no row."""

from typing import TYPE_CHECKING

import asyncpg
import pytest

from ledger.accounts import House, kind_of
from tests.database.books import a_small_world, books_url, tx

if TYPE_CHECKING:
    from ledger.journal import Tx

__all__ = ["books_url", "tx"]

# (constraint, statement): rows of a world of one holder, whose lots are 4097 and 4098.
REFUSED = (
    ("transfers_amount_minor_check", "1, 16, 'direct', 4097, -7, 0, null, null"),
    ("transfers_amount_minor_check", "1, 16, 'direct', 4097, -7, -5, null, null"),
    ("transfers_seq_check", "1, 0, 'direct', 4097, -7, 5, null, null"),
    ("transfers_holder_id_check", "0, 16, 'direct', 200, -7, 5, null, null"),
    ("transfers_kind_check", "1, 16, 'gift', 4097, -7, 5, null, 5"),
    ("two_accounts", "1, 16, 'direct', 4097, 4097, 5, null, null"),
    ("debit_own_lot", "2, 1, 'direct', 4097, -7, 5, null, null"),
    ("credit_own_lot", "2, 1, 'direct', 200, 4097, 5, null, null"),
    ("settles_a_hold", "1, 16, 'post', 4097, -7, 5, null, null"),
    ("settles_a_hold", "1, 16, 'void', 4097, -7, 5, null, null"),
    ("a_hold_names_nothing", "1, 16, 'hold', 4097, -7, 5, null, 5"),
    ("looks_back", "1, 16, 'void', 4097, -7, 5, null, 16"),
    ("looks_back", "1, 16, 'direct', -7, 4097, 5, null, 17"),
    ("transfers_settle_once", "1, 16, 'post', 4097, -7, 5, null, 7"),
    ("transfers_settle_once", "1, 16, 'void', 4097, -7, 300, null, 6"),
    ("transfers_pkey", "1, 15, 'direct', 4097, -7, 5, null, null"),
)

HOLDER_REFUSED = (
    ("lots_never_below_zero", "lot_available[1] = -1"),
    ("lots_never_below_zero", "lot_held[2] = -1"),
    ("lots_in_step", "lot_held = '{0}'"),
    ("usage_never_below_zero", "usage_minor[1] = -1"),
    ("usage_in_step", "usage_minor = '{1}'"),
    ("usage_in_step", "usage_accounts = '{1}'"),
    ("holders_last_seq_check", "last_seq = -1"),
    ("holders_holder_id_check", "holder_id = 0"),
)

ACCOUNT_REFUSED = (
    ("lots_have_a_vintage", "1, 4099, 'HOLDER_LOT', null"),
    ("lots_have_a_vintage", "0, 300, 'EXPIRED', 2026"),
    ("lots_live_under_their_holder", "2, 4099, 'HOLDER_LOT', 2026"),
    ("lots_live_under_their_holder", "0, 4099, 'EXPIRED', null"),
    ("lots_live_under_their_holder", "1, 300, 'HOLDER_LOT', 2026"),
    ("house_lives_under_nobody", "1, 300, 'EXPIRED', null"),
    ("ledger_accounts_pkey", "1, 4097, 'HOLDER_LOT', 2026"),
)


def named(cases: tuple[tuple[str, str], ...]) -> list[str]:
    """A name for each case: its constraint and its place."""
    return [f"{constraint}-{number}" for number, (constraint, _) in enumerate(cases)]


async def refused(tx: "Tx", constraint: str, statement: str) -> None:
    """Hold PostgreSQL to refusing a statement for this very constraint."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        async with tx.transaction():
            await tx.execute(statement)
    assert caught.value.constraint_name == constraint


@pytest.mark.parametrize(("constraint", "row"), REFUSED, ids=named(REFUSED))
async def test_a_movement_that_breaks_a_law_is_refused(tx: "Tx", constraint: str, row: str) -> None:
    await a_small_world(tx, holders=1)
    await refused(tx, constraint, f"insert into transfers values ({row}, '2026-11-22', now())")


@pytest.mark.parametrize(("constraint", "change"), HOLDER_REFUSED, ids=named(HOLDER_REFUSED))
async def test_a_holder_that_breaks_a_law_is_refused(
    tx: "Tx", constraint: str, change: str
) -> None:
    await a_small_world(tx, holders=1)
    await refused(tx, constraint, f"update holders set {change}")


@pytest.mark.parametrize(("constraint", "row"), ACCOUNT_REFUSED, ids=named(ACCOUNT_REFUSED))
async def test_an_account_that_breaks_a_law_is_refused(tx: "Tx", constraint: str, row: str) -> None:
    await a_small_world(tx, holders=1)
    values = f"insert into ledger_accounts values ({row}, null, null, null, now())"
    await refused(tx, constraint, values)


async def test_every_named_law_of_the_books_is_seen_refusing(tx: "Tx") -> None:
    rows = await tx.fetch(
        "select conname from pg_constraint where contype in ('c', 'p') and conrelid = any"
        " (array['transfers', 'holders', 'ledger_accounts']::regclass[])"
    )
    seen = {constraint for constraint, _ in REFUSED + HOLDER_REFUSED + ACCOUNT_REFUSED}
    elsewhere = {
        "holders_pkey",
        "ledger_accounts_holder_id_check",
        "ledger_accounts_origin_check",
    }
    assert {row["conname"] for row in rows} - elsewhere == seen - {"transfers_settle_once"}


async def test_an_origin_is_a_load_an_exchange_or_an_opening(tx: "Tx") -> None:
    await refused(
        tx,
        "ledger_accounts_origin_check",
        "insert into ledger_accounts values"
        " (1, 4099, 'HOLDER_LOT', 2026, 'GIFT', null, null, now())",
    )


async def test_the_database_draws_the_line_between_house_and_lots_where_the_code_does(
    tx: "Tx",
) -> None:
    for house in House:
        await tx.execute(
            "insert into ledger_accounts values (0, $1, $2, null, null, null, null, now())",
            int(house),
            kind_of(house).value,
        )
    assert await tx.fetchval("select count(*) from ledger_accounts") == len(House)


BOOKS = ("transfers", "authorizations", "ledger_accounts", "request_keys")

TRIES = {
    "update": {
        "transfers": "update transfers set amount_minor = 1",
        "authorizations": "update authorizations set approved_minor = 0",
        "ledger_accounts": "update ledger_accounts set vintage = 2027",
        "request_keys": "update request_keys set holder_id = 2",
    },
    "delete": {table: f"delete from {table}" for table in BOOKS},
    "truncate": {table: f"truncate {table}" for table in BOOKS},
}


@pytest.mark.parametrize("table", BOOKS)
@pytest.mark.parametrize("attempt", TRIES)
async def test_the_engine_can_neither_change_nor_remove_what_is_booked(
    tx: "Tx", attempt: str, table: str
) -> None:
    await a_small_world(tx, holders=1)
    await tx.execute("set local role millesime_engine")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=table):
        async with tx.transaction():
            await tx.execute(TRIES[attempt][table])
    assert await tx.fetchval("select count(*) from transfers") == 15


async def test_the_engine_can_write_and_read_books(tx: "Tx") -> None:
    await tx.execute("set local role millesime_engine")
    await a_small_world(tx, holders=1)
    assert await tx.fetchval("select count(*) from transfers") == 15
