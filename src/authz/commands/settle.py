"""`millesime settle`: what merchants are owed, and the files that pay them."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import asyncpg
import typer
from rich.console import Console

from authz import database
from authz.commands.export import Output, day_of_text, text_to
from authz.commands.options import Config, DatabaseUrl, DataDir, RulebookFiles
from authz.commands.store import opened, rulebooks_of, url_of
from authz.jobs import SETTLED, clock
from authz.settings import load
from authz.settlement.business_day import current_day
from authz.settlement.payables import Payables
from authz.settlement.remit import Paid, payment_file, remit
from authz.settlement.rhythm import USUAL
from authz.usage import UsageError
from ledger.exports import csv_line
from rules.rulebook import Rulebook

BUSINESS_DAY: Final = "select business_day from control"
OWED_COLUMNS: Final = ("merchant_no", "voucher_minor", "bank_minor", "loss_minor", "withheld_minor")

app = typer.Typer(help="Paying merchants.", no_args_is_help=True, add_completion=False)


@app.callback()
def _settle() -> None:
    """Every Wednesday for the Monday to Sunday before it, at the latest after 21 days."""


@app.command(epilog="Example: millesime settle owed --until 2026-11-29")
def owed(
    until: Annotated[str, typer.Option(metavar="DATE", help="Last settlement date, included.")],
    output: Output = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """What each merchant is owed and was not paid, as rolled up."""
    flags = {"database_url": database_url, "data_dir": data_dir, "rulebook": rulebook}
    settings = load({**flags, "config": config})
    book = rulebooks_of(settings.rulebook)[SETTLED]
    asyncio.run(_owed(url_of(settings), book, day_of_text(until), output))


@app.command(epilog="Example: millesime settle pay --on 2026-12-02 -o payments.csv")
def pay(
    on: Annotated[str, typer.Option(metavar="DATE", help="The day on which the money leaves.")],
    last_day: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last day paid (default: last Sunday).")
    ] = None,
    output: Output = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """Book what is owed as paid and write the file. Again: the same file, nothing is booked."""
    flags = {"database_url": database_url, "data_dir": data_dir, "rulebook": rulebook}
    settings = load({**flags, "config": config})
    book, execute_on = rulebooks_of(settings.rulebook)[SETTLED], day_of_text(on)
    last = USUAL.last_day(execute_on) if last_day is None else day_of_text(last_day)
    paid = asyncio.run(_pay(url_of(settings), book, execute_on, last, output))
    said = (
        f"{paid.merchants:,} merchants paid {paid.paid_minor:,} cents up to {last.isoformat()};"
        f" {paid.carried:,} carried over; {paid.withheld_minor:,} cents presented too late (VIN-12)"
    )
    Console(stderr=True, highlight=False, soft_wrap=True).print(said)


async def _owed(url: str, book: Rulebook, until: date, output: Path | None) -> None:
    async with opened(url) as sql, sql.transaction(isolation="repeatable_read", readonly=True):
        owed_now = await Payables(book).owed(sql, until)
    rows = (
        (o.merchant_no, o.voucher_minor, o.bank_minor, o.loss_minor, o.withheld_minor)
        for o in owed_now
    )
    text_to(output, [csv_line(OWED_COLUMNS), *map(csv_line, rows)])


async def _pay(
    url: str, book: Rulebook, execute_on: date, last_day: date, output: Path | None
) -> Paid:
    async with opened(url):  # refuses a wrong schema or role, with one line
        pass
    pool = await database.open_pool(url, size=2)
    try:
        await _refuse_open_day(pool, execute_on, last_day)
        paid = await remit(pool, book, execute_on, last_day, await clock(pool))
        async with pool.acquire() as sql:
            text_to(output, await payment_file(sql, execute_on))
    finally:
        await pool.close()
    return paid


async def _refuse_open_day(pool: asyncpg.Pool, execute_on: date, last_day: date) -> None:
    today = current_day(await pool.fetchval(BUSINESS_DAY), await clock(pool))
    if not last_day < min(today, execute_on):
        raise UsageError(f"{last_day} is not over: the settlement date is {today}")
