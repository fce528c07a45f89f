"""`millesime export`: the books as files for accountants, tax inspectors and notaries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from authz.commands.files import new_or_stdout
from authz.commands.options import Config, DatabaseUrl, DataDir, Output, day_of_text
from authz.commands.saying import aside
from authz.commands.store import settings_of, snapshot, url_of
from authz.settlement.payables import ZONE
from authz.usage import UsageError
from ledger import exports, rollup
from ledger.seal import last_head

app = typer.Typer(
    help="The books as files.",
    epilog="Example: millesime export trial-balance --until 2026-11-30",
    no_args_is_help=True,
    add_completion=False,
)

Lines = Callable[[asyncpg.Connection], AsyncIterator[str]]


@app.callback()
def _export() -> None:
    """Read from one snapshot, beside a live engine if need be."""


@app.command("trial-balance", epilog="Example: millesime export trial-balance --until 2026-11-30")
def trial_balance(
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Last day, included.")] = None,
    output: Output = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Debits and credits by line of the chart, as rolled up (`millesime jobs run roll-up`)."""
    last = None if until is None else day_of_text(until)

    async def lines(sql: asyncpg.Connection) -> AsyncIterator[str]:
        holders, movements = await rollup.behind(sql)
        if holders:
            aside(f"{movements:,} movements of {holders:,} holders are not rolled up yet")
        for line in exports.trial_lines(await rollup.trial_balance(sql, last)):
            yield line

    _write(lines, output, database_url, data_dir, config)


@app.command(
    epilog="Example: millesime export journal --from 2026-11-01 --to 2026-11-30 -o nov.csv"
)
def journal(
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First day, in Paris.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, included.")],
    output: Output = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Every movement as CSV, in the order of booking, holds and releases too."""
    days = day_of_text(first), day_of_text(last)
    if days[1] < days[0]:
        raise UsageError(f"--to {last} is before --from {first}")
    _write(lambda sql: exports.journal(sql, *days, ZONE), output, database_url, data_dir, config)


@app.command(epilog="Example: millesime export fec --year 2026 -o 732829320FEC20261231.txt")
def fec(
    year: Annotated[int, typer.Option(min=2014, max=9998, help="The fiscal year, a civil one.")],
    output: Output = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """The accounting entries of a year (A.47 A-1 LPF). Its name is SIREN, FEC and the last day."""
    days = date(year, 1, 1), date(year, 12, 31)
    _write(lambda sql: exports.entries(sql, *days, ZONE), output, database_url, data_dir, config)


@app.command("seal-head", epilog="Example: millesime export seal-head >> heads.txt")
def seal_head(
    database_url: DatabaseUrl = None, data_dir: DataDir = None, config: Config = None
) -> None:
    """The last head of the seals, NO:DIGEST: kept elsewhere, `audit --seal-head` proves it."""

    async def lines(sql: asyncpg.Connection) -> AsyncIterator[str]:
        head = await last_head(sql)
        if head is None:
            raise UsageError("nothing is sealed yet: millesime jobs run seal")
        yield f"{head.head_no}:{head.digest.hex()}\n"

    _write(lines, None, database_url, data_dir, config)


def _write(
    lines: Lines,
    output: Path | None,
    database_url: str | None,
    data_dir: Path | None,
    config: Path | None,
) -> None:
    settings = settings_of(database_url, data_dir, config)
    asyncio.run(_copy(url_of(settings), lines, output))


async def _copy(url: str, lines: Lines, output: Path | None) -> None:
    """A file that is there is never overwritten: an export is a document."""
    async with snapshot(url) as sql:
        with new_or_stdout(output) as file:
            async for line in lines(sql):
                file.write(line)
