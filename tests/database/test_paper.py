"""Vouchers of the card as paper: only for who works outside, oldest first, outside the cap."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from authz.commands.loads import app
from authz.holders.paper import Converted, Titles, convert
from authz.loads.lines import Bad
from authz.loads.paper_files import PaperRun, Wish, convert_file
from authz.refusal import Refused, Unknown
from tests.database.town import Town, town
from tests.road.people import Setting, as_world

TWO_YEARS = Setting(lots={2026: 4230, 2027: 6000})


@asynccontextmanager
async def depot(
    url: str, tmp_path: Path, *, employer: bool = True, account: bool = True
) -> AsyncIterator[Town]:
    world = as_world((1, TWO_YEARS))
    async with town(url, tmp_path, {1: TWO_YEARS}) as t:
        await t.put("employer", world["employers"][0] | {"paper": employer})
        await t.put("account", world["accounts"][0] | {"works_outside": account})
        await t.at("2027-01-15T12:30:00+01:00")
        yield t


async def test_by_hand_it_is_an_act_and_a_dry_run_is_none(
    calendar_url: str, tmp_path: Path
) -> None:
    async with depot(calendar_url, tmp_path) as t:
        file = tmp_path / "depot.csv"
        file.write_text("compte;montant\nacc-1;10,00\n")
        words = ["paper", str(file), "--database-url", calendar_url]
        for more in (["--dry-run"], []):
            done = await asyncio.to_thread(CliRunner().invoke, app, [*words, *more])
            assert done.exit_code == 0, done.output
        rows = await t.pool.fetch("select action, object, outcome from acts order by act_id")
        assert [tuple(row) for row in rows] == [("loads paper", "depot.csv", "DONE")]


async def as_paper(t: Town, amount_minor: int, account: str = "acc-1") -> Converted:
    async with t.pool.acquire() as sql, sql.transaction():
        return await convert(sql, account, amount_minor, t.books)


async def test_paper_is_taken_from_the_oldest_and_does_not_count_for_the_day(
    calendar_url: str, tmp_path: Path
) -> None:
    async with depot(calendar_url, tmp_path) as t:
        done = await as_paper(t, 5000)
        assert [(each.vintage, each.amount_minor) for each in done.titles] == [
            (2026, 4230), (2027, 770),
        ]  # fmt: skip
        assert [each.usable_until.isoformat() for each in done.titles] == [
            "2027-01-31", "2028-01-31",
        ]  # fmt: skip
        assert done.balance_minor == 5230
        assert await t.lots() == [(2026, None, 0, 0, 0), (2027, None, 5230, 0, 0)]
        assert (await t.pay(2500)).approved
        paper = "select sum(amount_minor) from transfers where credit_account = 320"
        assert await t.pool.fetchval(paper) == 5000


@pytest.mark.parametrize(("employer", "account"), [(True, False), (False, True), (False, False)])
async def test_employer_and_account_both_have_to_say_so(
    calendar_url: str, tmp_path: Path, employer: bool, account: bool
) -> None:
    async with depot(calendar_url, tmp_path, employer=employer, account=account) as t:
        with pytest.raises(Refused) as refused:
            await as_paper(t, 100)
        assert refused.value.code == "PAPER_NOT_ALLOWED"
        assert (await t.lots())[0] == (2026, None, 4230, 0, 0)


@pytest.mark.parametrize(
    ("instant", "amount_minor", "code"),
    [
        ("2027-01-31T23:59:59+01:00", 10_231, "INSUFFICIENT_BALANCE"),
        ("2027-02-01T00:00:00+01:00", 1, "PAPER_ENDED"),
    ],
)
async def test_what_cannot_be_paper_stays_on_the_card(
    calendar_url: str, tmp_path: Path, instant: str, amount_minor: int, code: str
) -> None:
    async with depot(calendar_url, tmp_path) as t:
        await t.at(instant)
        with pytest.raises(Refused) as refused:
            await as_paper(t, amount_minor)
        assert refused.value.code == code
        with pytest.raises(Unknown):
            await as_paper(t, 1, "acc-9")
        assert await t.pool.fetchval("select count(*) from paper_conversions") == 0


async def test_the_last_day_of_paper_is_a_day_of_it(calendar_url: str, tmp_path: Path) -> None:
    async with depot(calendar_url, tmp_path) as t:
        await t.at("2027-01-31T23:59:59+01:00")
        assert (await as_paper(t, 100)).balance_minor == 10_130


async def test_on_1_march_the_exchanged_year_can_be_paper_again(
    calendar_url: str, tmp_path: Path
) -> None:
    async with depot(calendar_url, tmp_path) as t:
        await t.at("2027-03-01T12:00:00+01:00")
        (titles,) = (await as_paper(t, 1000)).titles
        assert titles == Titles(2027, 1000, titles.usable_until)
        assert titles.usable_until.isoformat() == "2028-01-31"


FILE = "Compte;Montant\nacc-1;12,50\nacc-9;1,00\nacc-1;zéro\nacc-1;1\u202f000,00\n".encode()
GOOD = (Wish(2, "acc-1", 1250),)
BAD = (
    Bad(3, "account", "there is no such account"),
    Bad(4, "amount", "is no amount in euros, as 12,50"),
    Bad(5, "account", "there are not so many vouchers left"),
)


async def test_a_file_of_paper_is_worked_through_once(calendar_url: str, tmp_path: Path) -> None:
    async with depot(calendar_url, tmp_path) as t, t.pool.acquire() as sql:
        assert await convert_file(sql, FILE, t.books) == PaperRun(GOOD, BAD, kept=False)
        assert await sql.fetchval("select count(*) from paper_conversions") == 0
        first = await convert_file(sql, FILE, t.books, only_good=True)
        assert first == PaperRun(GOOD, BAD)
        again = await convert_file(sql, FILE, t.books, only_good=True)
        assert again == PaperRun(GOOD, BAD, repeated=True)
        assert await sql.fetchval("select sum(amount_minor) from paper_conversions") == 1250
