"""Paying merchants over real books: each cent once, from the right money, and the books hold."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from authz.requests import Kind, Original
from authz.settlement.payables import Owed, Payables
from authz.settlement.payment_file import as_csv, run_of
from authz.settlement.remit import NOTHING, Paid, remit
from authz.settlement.rollup import roll_up
from authz.storage import schema
from ledger.accounts import House
from tests.database.test_refund_reversals import undo
from tests.database.town import Town, town
from tests.road.people import Setting

SUNDAY, WEDNESDAY = date(2026, 11, 29), date(2026, 12, 2)


@pytest.fixture
async def settled(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Three people, each with a restaurant of their own; proved afterwards, payables too."""
    await schema.upgrade(database_url)
    async with town(database_url, tmp_path, dict.fromkeys((1, 2, 3), Setting())) as made:
        yield made
        await roll_up(made.pool, made.book)
        await made.prove()
        assert await differences(made) == []


async def differences(town: Town) -> list[object]:
    """Merchants whose payables less payments are not the balance that the books give."""
    return [
        tuple(row)
        for row in await town.pool.fetch(
            """
            with booked as (
                select -account as merchant_no, sum(minor) as minor from (
                    select credit_account as account, amount_minor as minor from transfers
                    where kind in ('direct', 'post') and credit_account < 0
                    union all
                    select debit_account, -amount_minor from transfers
                    where kind in ('direct', 'post') and debit_account < 0
                ) as sides group by account
            ), owed as (
                select merchant_no, sum(minor) as minor from (
                    select merchant_no, minor from payable_days
                    union all
                    select merchant_no, -voucher_minor - bank_minor - loss_minor
                    from remittances
                ) as parts group by merchant_no
            )
            select merchant_no, b.minor, o.minor from booked b full join owed o using (merchant_no)
            where b.minor is distinct from o.minor
            """
        )
    ]


async def pay(town: Town, execute_on: date = WEDNESDAY, last_day: date = SUNDAY) -> Paid:
    return await remit(town.pool, town.book, execute_on, last_day, town.now)


async def owed(town: Town, until: date) -> list[Owed]:
    await roll_up(town.pool, town.book)
    async with town.pool.acquire() as sql:
        return await Payables(town.book).owed(sql, until)


async def paid_from(town: Town, house: House) -> int:
    minor: int = await town.pool.fetchval(
        "select coalesce(sum(amount_minor), 0)::bigint from transfers"
        " where kind = 'direct' and debit_account < 0 and credit_account = $1",
        int(house),
    )
    return minor


async def test_a_week_is_paid_once_from_the_voucher_account(settled: Town) -> None:
    bought = await settled.pay(1000)
    await settled.about(Kind.REFUND, bought, 250)
    held = await settled.pay(700, 2, Kind.HOLD)
    await settled.about(Kind.CAPTURE, held, 600)
    await settled.pay(300, 3, Kind.HOLD)
    assert await pay(settled) == Paid(2, 1350, 0, 0)
    assert await pay(settled) == NOTHING
    assert await paid_from(settled, House.TRUST_CASH) == 1350
    async with settled.pool.acquire() as sql:
        run = await run_of(sql, SUNDAY)
    assert run is not None
    lines = list(csv.DictReader(io.StringIO("".join(as_csv(run)))))
    assert sorted((line["mid"], line["total_minor"]) for line in lines) == [
        ("MERCH0000000001", "750"), ("MERCH0000000002", "600"),
    ]  # fmt: skip
    assert {(line["execute_on"], line["last_day"], line["currency"]) for line in lines} == {
        ("2026-12-02", "2026-11-29", "EUR")
    }


async def test_the_next_week_is_for_what_came_after(settled: Town) -> None:
    await settled.pay(1000)
    await settled.at("2026-11-30T12:30:00+01:00")
    await settled.pay(400)
    assert (await pay(settled)).paid_minor == 1000
    assert (await pay(settled, date(2026, 12, 9), date(2026, 12, 6))).paid_minor == 400
    assert (await pay(settled, date(2026, 12, 10), SUNDAY)).merchants == 0


async def test_who_owes_more_than_they_are_owed_waits_for_the_next_sales(settled: Town) -> None:
    bought = await settled.pay(1000)
    await pay(settled)
    await settled.at("2026-12-01T12:30:00+01:00")
    await settled.about(Kind.REFUND, bought, 600)
    assert await pay(settled, date(2026, 12, 9), date(2026, 12, 6)) == Paid(0, 0, 0, 1)
    await settled.at("2026-12-08T12:30:00+01:00")
    await settled.pay(900)
    assert (await pay(settled, date(2026, 12, 16), date(2026, 12, 13))).paid_minor == 300


async def test_what_is_presented_after_april_is_not_payable(settled: Town) -> None:
    await settled.at("2027-02-20T12:30:00+01:00")
    in_time, late = [await settled.pay(700, 1, Kind.HOLD) for _ in range(2)]
    await settled.at("2027-04-30T12:30:00+02:00")
    await settled.about(Kind.CAPTURE, in_time, 500)
    await settled.at("2027-05-01T12:30:00+02:00")
    captured = await settled.about(Kind.CAPTURE, late, 600)
    assert captured.approved
    (found,) = await owed(settled, date(2027, 5, 2))
    assert (found.voucher_minor, found.withheld_minor) == (500, 600)
    assert await pay(settled, date(2027, 5, 5), date(2027, 5, 2)) == Paid(1, 500, 600, 0)


async def test_what_comes_back_of_a_sale_in_time_is_taken_off_beside_a_late_one(
    settled: Town,
) -> None:
    await settled.at("2027-02-20T12:30:00+01:00")
    in_time, late = [await settled.pay(700, 1, Kind.HOLD) for _ in range(2)]
    await settled.at("2027-04-30T12:30:00+02:00")
    await settled.about(Kind.CAPTURE, in_time, 500)
    await settled.at("2027-05-01T12:30:00+02:00")
    await settled.about(Kind.CAPTURE, late, 600)
    await settled.about(Kind.REFUND, in_time, 500)
    (found,) = await owed(settled, date(2027, 5, 2))
    assert (found.voucher_minor, found.withheld_minor) == (0, 600)
    await settled.about(Kind.REFUND, late, 200)
    (found,) = await owed(settled, date(2027, 5, 2))
    assert (found.voucher_minor, found.withheld_minor) == (0, 400)


async def test_a_refund_that_is_undone_after_april_leaves_the_sale_as_it_was_presented(
    settled: Town,
) -> None:
    await settled.at("2027-02-20T12:30:00+01:00")
    bought = await settled.pay(1800)
    assert (await pay(settled, date(2027, 3, 3), date(2027, 2, 28))).paid_minor == 1800
    await settled.at("2027-03-03T12:30:00+01:00")
    await settled.run("exchange-vintages")
    await settled.at("2027-05-07T12:30:00+02:00")
    there = replace(settled.request(Kind.PURCHASE, 2500, 2), mid="MERCH0000000001")
    assert (await settled._ask(there)).approved
    await settled.at("2027-05-09T23:59:40+02:00")
    back = await settled.about(Kind.REFUND, bought, 1800)
    await settled.at("2027-05-10T00:00:10+02:00")
    assert (await undo(settled, back)).approved
    assert await pay(settled, date(2027, 5, 12), date(2027, 5, 9)) == Paid(1, 700, 0, 0)
    assert await pay(settled, date(2027, 5, 19), date(2027, 5, 16)) == Paid(1, 1800, 0, 0)


async def test_a_loss_is_paid_by_the_issuer_and_not_with_vouchers(settled: Town) -> None:
    await settled.pay(2000)
    # An advice of more than the person has left: the rest is the issuer's loss (ADV-01).
    request = settled.request(Kind.ADVICE, 9000, 1)
    outcome = await settled._ask(replace(request, about=Original()))
    assert outcome.approved_minor == 9000
    (found,) = await owed(settled, SUNDAY)
    assert (found.voucher_minor, found.loss_minor) == (10_000, 1000)
    await pay(settled)
    assert await paid_from(settled, House.TRUST_CASH) == 10_000
    assert await paid_from(settled, House.OWN_CASH) == 1000
