"""`millesime settle`: what merchants are owed, and the files that pay them."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import asyncpg
import typer
from msgspec import Struct
from msgspec.structs import astuple

from authz.commands.files import refuse_taken, text_to
from authz.commands.options import (
    Config,
    DatabaseUrl,
    DataDir,
    Output,
    RulebookFiles,
    day_of_text,
)
from authz.commands.saying import aside, say
from authz.commands.store import (
    as_act,
    at_the_office,
    opened,
    pooled,
    settings_of,
    snapshot,
    url_of,
)
from authz.jobs.timers import SETTLED
from authz.settlement.bounced import Bounced, take_back
from authz.settlement.closing import settlement_date
from authz.settlement.payables import Owed, Payables
from authz.settlement.payment_file import (
    COLUMNS,
    Payee,
    Run,
    as_credit_transfers,
    as_csv,
    find_payment,
    run_of,
)
from authz.settlement.remit import NOTHING, PAID_UNTIL, Paid, payees_of, remit
from authz.settlement.unregistered import strangers
from authz.sources import rulebooks
from authz.storage.clock_row import civil_instant
from authz.usage import UsageError
from ledger.exports import csv_line
from rules.rulebook import Rulebook

ISSUER: Final = "select 1 from issuer"
NO_ISSUER: Final = (
    "an order for the bank names the issuer's accounts: load a world with `issuers`, or PUT"
    " /v1/issuer"
)
OWED_COLUMNS: Final = (
    "acquirer",
    "mid",
    "name",
    "voucher_minor",
    "bank_minor",
    "loss_minor",
    "withheld_minor",
)
UNREGISTERED_COLUMNS: Final = ("acquirer", "mid", "since", "minor", "registered")


AHEAD_MAX: Final = timedelta(days=31)
"""How long before the money leaves a run may be made: what is booked for a wrong year stays so."""


class Form(StrEnum):
    """What a run is written as."""

    CSV = "csv"
    PAIN_001 = "pain.001"


class Order(Struct, frozen=True):
    """What is to be paid, and where the file goes."""

    execute_on: date
    last_day: date
    form: Form
    output: Path | None


app = typer.Typer(
    help="Paying merchants.",
    epilog="Example: millesime settle owed --until 2026-11-29",
    no_args_is_help=True,
    add_completion=False,
)


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
    settings = settings_of(database_url, data_dir, config, rulebook=rulebook)
    book = rulebooks(settings.rulebook)[SETTLED]
    asyncio.run(_owed(url_of(settings), book, day_of_text(until), output))


@app.command(epilog="Example: millesime settle pay --on 2026-12-02 --format pain.001 -o pay.xml")
def pay(
    on: Annotated[str, typer.Option(metavar="DATE", help="The day on which the money leaves.")],
    last_day: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last day paid (default: by the rhythm).")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="pain.001: the order for the bank, IBANs only.")
    ] = Form.CSV,
    output: Output = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """Book what is owed as paid and write the file. Again: the same file, nothing is booked."""
    settings = settings_of(database_url, data_dir, config, rulebook=rulebook)
    book, execute_on = rulebooks(settings.rulebook)[SETTLED], day_of_text(on)
    last = settings.rhythm.last_day(execute_on) if last_day is None else day_of_text(last_day)
    order = Order(execute_on, last, form, output)
    refuse_taken(output)
    url = url_of(settings)
    work = _pay(url, book, order)
    paid, run = asyncio.run(as_act(url, "settle pay", order.last_day.isoformat(), work))
    for line in _said(paid, run, order):
        aside(line)
    if not settings.rhythm.pays(execute_on):
        usual = settings.settlement_pays_on.value.capitalize()
        aside(f"{execute_on} is a {execute_on:%A}; merchants expect it on a {usual}")


@app.command(epilog="Example: millesime settle find MILLESIME000000000012V")
def find(
    end_to_end_id: Annotated[str, typer.Argument(help="As the payee's statement shows it.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Whom a transfer paid, and for which days."""
    settings = settings_of(database_url, data_dir, config)
    run = asyncio.run(_find(url_of(settings), end_to_end_id))
    if run is None:
        raise UsageError("no payment of ours has this end-to-end id")
    text_to(None, as_csv(run))


@app.command(epilog="Example: millesime settle returned MILLESIME000000000012V")
def returned(
    end_to_end_id: Annotated[str, typer.Argument(help="As the bank's message or statement shows.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Book that the bank gave a transfer back: the merchant is owed it again. Once."""
    settings = settings_of(database_url, data_dir, config)
    url = url_of(settings)
    work = _returned(url, end_to_end_id)
    back = asyncio.run(as_act(url, "settle returned", end_to_end_id.strip(), work))
    when = "is owed again" if back.fresh else f"came back on {back.returned_on}, booked then"
    say(f"{back.acquirer}/{back.mid}: {back.minor:,} cents, {when}")


@app.command(epilog="Example: millesime settle unregistered")
def unregistered(
    output: Output = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """What was spent at merchants that nobody registered, by what the advices name."""
    settings = settings_of(database_url, data_dir, config)
    asyncio.run(_unregistered(url_of(settings), output))


async def _unregistered(url: str, output: Path | None) -> None:
    async with snapshot(url) as sql:
        found = await strangers(sql)
    text_to(output, [csv_line(UNREGISTERED_COLUMNS), *(csv_line(astuple(s)) for s in found)])


async def _owed(url: str, book: Rulebook, until: date, output: Path | None) -> None:
    async with snapshot(url) as sql:
        owed_now = await Payables(book).owed(sql, until)
        payees = await payees_of(sql, owed_now)
    rows = (_owed_row(payees[each.merchant_no], each) for each in owed_now)
    text_to(output, [csv_line(OWED_COLUMNS), *map(csv_line, sorted(rows))])


def _owed_row(payee: Payee, owed: Owed) -> tuple[str | int, ...]:
    who = payee.acquirer, payee.mid, payee.name
    return *who, owed.voucher_minor, owed.bank_minor, owed.loss_minor, owed.withheld_minor


async def _pay(url: str, book: Rulebook, order: Order) -> tuple[Paid, Run | None]:
    to_accounts = order.form is Form.PAIN_001
    async with pooled(url) as pool:
        await refuse_wrong_day(pool, order.execute_on, order.last_day)
        async with pool.acquire() as sql:
            if to_accounts and await sql.fetchval(ISSUER) is None:
                raise UsageError(NO_ISSUER)
        days = order.execute_on, order.last_day
        now = await civil_instant(pool, datetime.now(UTC))
        paid = await remit(pool, book, *days, now, to_accounts=to_accounts)
        async with pool.acquire() as sql:
            run = await run_of(sql, order.last_day)
            if run is None and paid == NOTHING:
                raise UsageError(await _why_no_run(sql, order.last_day))
        text_to(order.output, _file(run, order.form))
    return paid, run


def _file(run: Run | None, form: Form) -> Iterable[str]:
    if form is Form.CSV:
        return as_csv(run) if run is not None else [csv_line(COLUMNS)]
    if run is None or len(run.without_account) == len(run.remittances):
        raise UsageError("nobody who has an IBAN is owed anything: there is no file")
    if run.payer is None:
        raise UsageError("this run was made before the issuer had accounts: it has a CSV only")
    return [as_credit_transfers(run, run.payer)]


async def _why_no_run(sql: asyncpg.pool.PoolConnectionProxy, last_day: date) -> str:
    until = await sql.fetchval(PAID_UNTIL)
    if until is None or until < last_day:
        return f"nothing is owed for days up to {last_day}"
    return f"days up to {until} are paid; no run ended on {last_day}"


def _said(paid: Paid, run: Run | None, order: Order) -> Iterator[str]:
    """What became of whom; who is not in the file is named."""
    if paid.merchants == 0 and run is not None:
        yield f"run {run.number} of {run.execute_on} paid these days: the same file again"
    else:
        yield (
            f"{paid.merchants:,} merchants paid {paid.paid_minor:,} cents up to {order.last_day};"
            f" {paid.carried:,} carried over;"
            f" {paid.withheld_minor:,} cents presented too late (VIN-12)"
        )
    for each in paid.unpaid:
        yield f"no IBAN: {each.acquirer}/{each.mid} stays owed {each.owed_minor:,} cents"
    if order.form is Form.PAIN_001 and run is not None:
        for left in run.without_account:
            payee = left.payee
            yield f"no IBAN: {payee.acquirer}/{payee.mid} is in the CSV of this run only"


async def _find(url: str, end_to_end_id: str) -> Run | None:
    async with opened(url) as sql:
        return await find_payment(sql, end_to_end_id)


async def _returned(url: str, end_to_end_id: str) -> Bounced:
    async with at_the_office(url) as sql:
        return await take_back(sql, end_to_end_id)


async def refuse_wrong_day(pool: asyncpg.Pool, execute_on: date, last_day: date) -> None:
    """A run pays days that are over, and leaves soon: the books keep both. Raises UsageError."""
    today = await settlement_date(pool, await civil_instant(pool, datetime.now(UTC)))
    if not last_day < min(today, execute_on):
        raise UsageError(f"{last_day} is not over: the settlement date is {today}")
    if execute_on > today + AHEAD_MAX:
        raise UsageError(f"{execute_on} is more than {AHEAD_MAX.days} days ahead of {today}")
