"""A payment run and its files: what the books paid, once, and the same file for ever."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from authz.commands.export import app as export_app
from authz.commands.settle import app
from authz.requests import Kind, Original
from authz.settlement.credit_transfer import NAMESPACE
from authz.settlement.payment_file import Run, as_credit_transfers, as_csv, find_payment, run_of
from authz.settlement.remit import NOTHING, Paid, Unpaid, remit
from authz.settlement.rollup import roll_up
from authz.storage.schema import upgrade
from authz.usage import UsageError
from ledger.accounts import House
from tests.authz.settlement.test_credit_transfer import schema
from tests.database.town import Town, town
from tests.road.people import Setting, as_world

SUNDAY, WEDNESDAY = date(2026, 11, 29), date(2026, 12, 2)
IBANS = [f"FR769999900001000000000{n}" for n in ("0115", "0212", "0309")]
ISSUER = {"name": "Millésime SA", "vouchers": {"iban": IBANS[0]}, "own": {"iban": IBANS[1]}}
NS = {"p": NAMESPACE}


@pytest.fixture
async def street(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Three restaurants, of which two have an account; the issuer has two."""
    await upgrade(database_url)
    async with town(database_url, tmp_path, dict.fromkeys((1, 2, 3), Setting())) as made:
        await made.put("issuer", ISSUER)
        for person in (1, 2):
            await give_account(made, person, IBANS[2])
        yield made


async def give_account(t: Town, person: int, iban: str) -> None:
    merchant = as_world((person, Setting()))["merchants"][0]
    await t.put("merchant", merchant | {"iban": iban})


async def pay(t: Town, last_day: date = SUNDAY, execute_on: date = WEDNESDAY) -> Paid:
    return await remit(t.pool, t.book, execute_on, last_day, t.now, to_accounts=True)


async def run_until(t: Town, last_day: date = SUNDAY) -> Run:
    async with t.pool.acquire() as sql:
        run = await run_of(sql, last_day)
    assert run is not None
    return run


async def order_of(t: Town, last_day: date = SUNDAY) -> str:
    run = await run_until(t, last_day)
    assert run.payer is not None
    return as_credit_transfers(run, run.payer)


async def left_the_account(t: Town, house: House) -> Decimal:
    return Decimal(
        await t.pool.fetchval(
            "select coalesce(sum(amount_minor), 0) from transfers where debit_account < 0"
            " and credit_account = $1 and about_seq is null",
            int(house),
        )
    )


async def test_the_order_pays_what_the_books_paid_and_names_who_has_no_account(
    street: Town,
) -> None:
    for person, minor in ((1, 1000), (1, 250), (2, 700), (3, 333)):
        await street.pay(minor, person)
    left = Unpaid("12345", "MERCH0000000003", 333)
    assert await pay(street) == Paid(2, 1950, 0, 0, (left,))
    written = await order_of(street)
    schema().validate(written)
    root = fromstring(written)  # noqa: S314 - our own
    sums = [Decimal(node.text or "") for node in root.findall(".//p:CtrlSum", NS)]
    assert [100 * each for each in sums] == [await left_the_account(street, House.TRUST_CASH)] * 2
    debtor = root.find(".//p:DbtrAcct//p:IBAN", NS)
    assert debtor is not None and debtor.text == IBANS[0]


async def test_money_that_may_not_be_mixed_leaves_by_itself(street: Town) -> None:
    request = street.request(Kind.ADVICE, 12_000, 1)  # of more than the person has left (ADV-01)
    assert (await street._ask(replace(request, about=Original()))).approved_minor == 12_000
    await pay(street)
    root = fromstring(await order_of(street))  # noqa: S314 - our own
    batches = [
        (batch.findtext(".//p:DbtrAcct//p:IBAN", "", NS), batch.findtext("p:CtrlSum", "", NS))
        for batch in root.findall(".//p:PmtInf", NS)
    ]
    assert batches == [(IBANS[0], "100.00"), (IBANS[1], "20.00")]
    assert await left_the_account(street, House.OWN_CASH) == 2000


async def test_the_file_of_a_run_never_changes(street: Town) -> None:
    await street.pay(1000)
    await pay(street)
    first = await order_of(street), "".join(as_csv(await run_until(street)))
    await give_account(street, 1, IBANS[1])
    await street.put("issuer", ISSUER | {"name": "Other"})
    await street.pay(400)
    assert await pay(street) == NOTHING
    assert (await order_of(street), "".join(as_csv(await run_until(street)))) == first


async def test_who_gets_an_account_later_is_paid_by_the_next_run(street: Town) -> None:
    await street.pay(1000)
    await street.pay(333, 3)
    assert (await pay(street)).paid_minor == 1000
    await give_account(street, 3, IBANS[2])
    assert await pay(street) == NOTHING
    assert await pay(street, date(2026, 12, 6), date(2026, 12, 9)) == Paid(1, 333, 0, 0)


async def test_a_payment_is_found_again_by_its_end_to_end_id(street: Town) -> None:
    await street.pay(1000)
    await street.pay(500, 2)
    await pay(street)
    root = fromstring(await order_of(street))  # noqa: S314 - our own
    ids = [node.text or "" for node in root.findall(".//p:EndToEndId", NS)]
    assert len(set(ids)) == len(ids) == 2
    async with street.pool.acquire() as sql:
        found = [await find_payment(sql, each) for each in ids]
        assert [run and run.remittances[0].payee.mid for run in found] == [
            "MERCH0000000001", "MERCH0000000002",
        ]  # fmt: skip
        strangers = ("MILLESIME000000000099V", ids[0][:-1] + "X", "MILLESIME", "", "RF18")
        assert [await find_payment(sql, each) for each in strangers] == [None] * 5


async def test_what_is_settled_is_not_read_again(street: Town) -> None:
    await street.pay(1000)
    await street.pay(500, 2)
    await pay(street)
    open_days = "select count(*) from payable_days where minor <> settled_minor"
    assert await street.pool.fetchval(open_days) == 0


def settle(url: str, *words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--database-url", url])


async def test_what_cannot_be_written_is_said_before_anything_is_booked(
    street: Town, database_url: str, tmp_path: Path
) -> None:
    await street.pay(1000)
    await street.at("2026-12-02T09:00:00+01:00")
    for place in (tmp_path, tmp_path / "nowhere" / "a.csv"):
        words = ("pay", "--on", "2026-12-02", "-o", str(place))
        refused = await asyncio.to_thread(settle, database_url, *words)
        assert isinstance(refused.exception, UsageError)
    assert await street.pool.fetchval("select count(*) from payment_runs") == 0


def test_a_journal_that_ends_before_it_begins_is_refused() -> None:
    words = ["journal", "--from", "2026-11-30", "--to", "2026-11-01"]
    refused = CliRunner().invoke(export_app, words)
    assert isinstance(refused.exception, UsageError)


async def test_the_command_writes_the_order_and_refuses_what_cannot_be(
    street: Town, database_url: str, tmp_path: Path
) -> None:
    await street.pay(1000)
    await street.pay(333, 3)
    await street.at("2026-12-02T09:00:00+01:00")
    file, again = tmp_path / "a.xml", tmp_path / "b.xml"
    words = ("pay", "--on", "2026-12-02", "--format", "pain.001", "-o")
    done = await asyncio.to_thread(settle, database_url, *words, str(file))
    assert done.exit_code == 0, done.output
    assert "MERCH0000000003 stays owed 333 cents" in done.stderr
    assert "MILLESIME000000000001V" in file.read_text(encoding="utf-8")
    taken = await asyncio.to_thread(settle, database_url, *words, str(file))
    assert isinstance(taken.exception, UsageError)
    await asyncio.to_thread(settle, database_url, *words, str(again))
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(("day", "unusual"), [("2026-12-02", False), ("2026-12-03", True)])
async def test_a_day_on_which_nobody_expects_money_is_said(
    street: Town, database_url: str, tmp_path: Path, day: str, unusual: bool
) -> None:
    await street.pay(1000)
    await street.at(f"{day}T09:00:00+01:00")
    words = ("pay", "--on", day, "-o", str(tmp_path / "a.csv"))
    done = await asyncio.to_thread(settle, database_url, *words)
    assert done.exit_code == 0, done.output
    said = f"{day} is a Thursday; merchants expect it on a Wednesday"
    assert (said in done.stderr) == unusual


async def test_what_is_owed_is_told_by_the_names_of_the_merchant(
    street: Town, database_url: str
) -> None:
    await street.pay(1000)
    await street.at("2026-12-02T09:00:00+01:00")
    await roll_up(street.pool, street.book)
    told = await asyncio.to_thread(settle, database_url, "owed", "--until", "2026-12-01")
    assert told.exit_code == 0, told.output
    head, row = csv.reader(told.stdout.splitlines())
    assert head[:4] == ["acquirer", "mid", "name", "voucher_minor"]
    known = await street.pool.fetchrow(
        "select record::jsonb ->> 'acquirer', record::jsonb ->> 'mid', record::jsonb ->> 'name'"
        " from merchants where merchant_no = (select min(merchant_no) from payable_days)"
    )
    assert known is not None
    assert row == [known[0], known[1], known[2] or "", "1000", "0", "0", "0"]
