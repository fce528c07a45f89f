"""Transfers to merchants that the bank gave back: booked once, owed again, paid by the next run."""

import asyncio
from datetime import date

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from authz.audit.prove import prove_all
from authz.commands.settle import app
from authz.refusal import Refused, Unknown
from authz.requests import Kind, Original
from authz.settlement.bounced import Bounced, take_back
from authz.settlement.remit import NOTHING, Paid
from authz.settlement.rollup import roll_up
from ledger.accounts import House
from tests.database.test_payment_files import WEDNESDAY, order_of, pay, run_until, street
from tests.database.town import Town

__all__ = ["street"]

THURSDAY, NEXT_SUNDAY, NEXT_WEDNESDAY = date(2026, 12, 3), date(2026, 12, 6), date(2026, 12, 9)
BACK = "2026-12-03T10:00:00+01:00"


async def id_of(t: Town, letter: str = "V") -> str:
    [paid] = (await run_until(t)).remittances
    return f"MILLESIME{paid.number:012d}{letter}"


async def comes_back(t: Town, end_to_end_id: str) -> Bounced:
    async with t.pool.acquire() as sql, sql.transaction():
        return await take_back(sql, end_to_end_id)


async def standing(t: Town, house: House) -> int:
    """What merchants were paid out of an account, less what came back to it, in cents."""
    minor: int = await t.pool.fetchval(
        "select coalesce(sum(case when credit_account = $1 then amount_minor else -amount_minor"
        " end), 0)::bigint from transfers where kind = 'direct'"
        " and $1 in (credit_account, debit_account) and least(debit_account, credit_account) < 0",
        int(house),
    )
    return minor


async def prove(t: Town) -> None:
    await roll_up(t.pool, t.book)
    await t.prove()


async def test_it_is_owed_again_and_the_next_run_pays_it_under_another_id(street: Town) -> None:
    await street.pay(1000)
    await pay(street)
    first = await order_of(street)
    await street.at(BACK)
    name = ("12345", "MERCH0000000001", 1000, THURSDAY)
    assert await comes_back(street, await id_of(street)) == Bounced(*name, fresh=True)
    assert await standing(street, House.TRUST_CASH) == 0
    await street.pay(250)
    assert await pay(street) == NOTHING and await order_of(street) == first
    await prove(street)
    assert await pay(street, NEXT_SUNDAY, NEXT_WEDNESDAY) == Paid(1, 1250, 0, 0)
    assert await standing(street, House.TRUST_CASH) == 1250
    again = (await run_until(street, NEXT_SUNDAY)).remittances[0].number
    assert again != (await run_until(street)).remittances[0].number
    await prove(street)
    assert await pay(street, date(2026, 12, 13), date(2026, 12, 16)) == NOTHING


async def test_a_transfer_comes_back_once(street: Town) -> None:
    await street.pay(1000)
    await pay(street)
    name = await id_of(street)
    await street.at(BACK)
    assert [(await comes_back(street, name)).fresh for _ in "ab"] == [True, False]
    await street.at("2026-12-05T10:00:00+01:00")
    assert (await comes_back(street, f" {name} ")).returned_on == THURSDAY
    assert await standing(street, House.TRUST_CASH) == 0
    await prove(street)


async def test_each_transfer_of_a_payment_comes_back_by_itself(street: Town) -> None:
    request = street.request(Kind.ADVICE, 12_000, 1)  # of more than the person has left (ADV-01)
    await street._ask(replace(request, about=Original()))
    await pay(street)
    await street.at(BACK)
    back = await comes_back(street, await id_of(street, "O"))
    assert (back.minor, back.fresh) == (2000, True)
    assert await standing(street, House.OWN_CASH) == 0
    assert await standing(street, House.TRUST_CASH) == 10_000
    await prove(street)
    assert await pay(street, NEXT_SUNDAY, NEXT_WEDNESDAY) == Paid(1, 2000, 0, 0)
    await prove(street)


async def test_what_was_not_paid_cannot_come_back(street: Town) -> None:
    await street.pay(1000)
    await pay(street)
    name = await id_of(street)
    with pytest.raises(Refused) as early:
        await comes_back(street, name)
    assert early.value.code == "NOT_PAID_YET" and f"{WEDNESDAY}" in str(early.value)
    await street.at(BACK)
    for stranger in (name[:-1] + "B", name[:-1] + "O", name[:-2] + "9V", "MILLESIME", ""):
        with pytest.raises(Unknown):
            await comes_back(street, stranger)
    await prove(street)


async def test_it_is_booked_from_a_command(street: Town, database_url: str) -> None:
    await street.pay(1000)
    await pay(street)
    await street.at(BACK)
    words = ("returned", await id_of(street), "--database-url", database_url)
    said = [await asyncio.to_thread(CliRunner().invoke, app, words) for _ in "ab"]
    assert [each.exit_code for each in said] == [0, 0], [each.output for each in said]
    assert "12345/MERCH0000000001: 1,000 cents, is owed again" in said[0].output
    assert "came back on 2026-12-03, booked then" in said[1].output
    await prove(street)


CAME_BACK = (
    "insert into transfers (holder_id, seq, kind, debit_account, credit_account, amount_minor,"
    " day, at) select holder_id, max(seq) + 1, 'direct', 100, -1, {minor}, '2026-12-03', now()"
    " from transfers where debit_account = -1 group by holder_id"
)
FORGERIES = {
    "never booked": "insert into remittance_returns select remittance_no, 'VOUCHER', 1000,"
    " '2026-12-03', now() from remittances",
    "not as it was paid": "insert into remittance_returns select remittance_no, 'VOUCHER', 1,"
    f" '2026-12-03', now() from remittances; {CAME_BACK.format(minor=1)}",
    "nothing came back": CAME_BACK.format(minor=1000),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_a_return_that_is_not_in_the_books_breaks_a_law(street: Town, forgery: str) -> None:
    await street.pay(1000)
    await pay(street)
    async with street.pool.acquire() as sql:
        forging = sql.transaction(isolation="repeatable_read")
        await forging.start()
        await sql.execute(forgery)
        report = await prove_all(sql, {book.version: book for book in street.books.values()})
        await forging.rollback()
    assert "returns_of_payments_are_booked" in report.broken
