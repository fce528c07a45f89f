"""`millesime loads`: import orders from files, match payments, tell who lost what."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer
from msgspec.structs import astuple
from rich.table import Table

from authz.commands.options import Config, DatabaseUrl, DataDir, RulebookFiles
from authz.commands.saying import say
from authz.commands.store import as_act, at_the_office, opened, settings_of, snapshot, url_of
from authz.loads import statements
from authz.loads.imports import Imported, import_file
from authz.loads.orders import Taken
from authz.loads.paper_files import convert_file
from authz.loads.payments import LoadView, find_load, pay
from authz.loads.reference import normalized
from authz.loads.returns import Owed, owed_to_employers, return_to
from authz.refusal import Refused
from authz.settings import Settings
from authz.sources import rulebooks
from authz.usage import UsageError
from authz.vintages.shares import Share, shares_of
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

REFUSED: Final = 2
TABLE_LINES_MAX: Final = 1_000
REFERENCE_MAX: Final = 35
"""Characters of the reference of a SEPA transfer."""
PARTS: Final = "corrected", "left", "frozen", "returned"
Done = TypeVar("Done")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check only; keep nothing.")]

app = typer.Typer(
    help="Employers' orders: import them, match their payments.",
    epilog="Example: millesime loads import november.csv --dry-run",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _loads() -> None:
    """Orders wait for their payment; then the vouchers are there at once."""


@app.command("import", epilog="Example: millesime loads import november.csv --only-good")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV as Excel writes it, or JSON Lines.")],
    only_good: Annotated[
        bool, typer.Option("--only-good", help="Order the good lines where others are bad.")
    ] = False,
    dry_run: DryRun = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """Order what a file says: one order for each employer. The same file twice is one import.

    With a bad line nothing is ordered, unless only the good ones are asked for.
    """
    settings = settings_of(database_url, data_dir, config, rulebook=rulebook)
    whole = partial(import_file, only_good=only_good, dry_run=dry_run)
    done = _worked_through(file, "loads import", whole, settings, dry_run=dry_run)
    _show_lines(done)
    for line in _summary(done, dry_run=dry_run):
        say(line)
    raise typer.Exit(REFUSED if done.bad and not done.kept else 0)


@app.command("paper", epilog="Example: millesime loads paper depot.csv --dry-run")
def paper(
    file: Annotated[Path, typer.Argument(help="CSV: compte;montant, in euros.")],
    only_good: Annotated[
        bool, typer.Option("--only-good", help="Convert the good lines where others are bad.")
    ] = False,
    dry_run: DryRun = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """Turn vouchers into paper for who works mainly outside. The same file twice is one run."""
    settings = settings_of(database_url, data_dir, config, rulebook=rulebook)
    whole = partial(convert_file, only_good=only_good, dry_run=dry_run)
    run = _worked_through(file, "loads paper", whole, settings, dry_run=dry_run)
    for bad in run.bad:
        say(f"line {bad.line_no}: BAD {bad.place}: {bad.why}")
    minor = sum(each.amount_minor for each in run.converted)
    state = "converted before" if run.repeated else "converted" if run.kept else "not converted"
    say(f"{len(run.converted):,} lines of {minor:,} cents {state}, {len(run.bad):,} are bad")
    raise typer.Exit(REFUSED if run.bad and not run.kept else 0)


@app.command("pay", epilog="Example: millesime loads pay 'RF07 MIL0 0000 0012' 25000")
def pay_(
    reference: Annotated[str, typer.Argument(help="The structured reference of the payment.")],
    amount: Annotated[int, typer.Argument(min=1, help="What was paid, in cents.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Match a payment with its order: the vouchers are there at once."""
    settings = settings_of(database_url, data_dir, config)
    url = url_of(settings)
    work = _pay(url, reference, amount)
    paid = asyncio.run(as_act(url, "loads pay", reference, work))
    say(f"load-{paid.load_no} {paid.state}: {paid.total_minor:,} cents, {len(paid.lines)} lines")


@app.command("owed", epilog="Example: millesime loads owed")
def owed_(
    database_url: DatabaseUrl = None, data_dir: DataDir = None, config: Config = None
) -> None:
    """What is to go back to employers: taken back, left by who left, or paid and never loaded."""
    settings = settings_of(database_url, data_dir, config)
    table = Table("employer", "name", *PARTS, "owed, cents", show_edge=False)
    for each in asyncio.run(_owed(url_of(settings))):
        employer, name, *minors = astuple(each)
        table.add_row(employer, name or "", *(f"{minor:,}" for minor in minors))
    say(table)


@app.command("return", epilog="Example: millesime loads return emp-paris 20000 'SCT 2026-118'")
def return_(
    employer: Annotated[str, typer.Argument(help="The employer that was paid back.")],
    amount: Annotated[int, typer.Argument(min=1, help="What it was paid, in cents.")],
    reference: Annotated[str, typer.Argument(help="The reference of the transfer that paid it.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Book what was paid back to an employer, of what is owed to it; a transfer counts once."""
    settings = settings_of(database_url, data_dir, config)
    url = url_of(settings)
    work = _return(url, employer, amount, reference)
    booked = asyncio.run(as_act(url, "loads return", employer, work))
    say(f"{amount:,} cents went back to {employer}{'' if booked else ', booked before'}")


@app.command("shares", epilog="Example: millesime loads shares 2026")
def shares(
    vintage: Annotated[int, typer.Argument(min=2014, max=2099, help="The vintage that was lost.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """What the works councils of a lost vintage are to share, by employer (R.3262-14)."""
    settings = settings_of(database_url, data_dir, config)
    table = Table("employer", "name", "holders", "lost, cents", show_edge=False)
    for share in asyncio.run(_shares(url_of(settings), vintage)):
        table.add_row(share.employer, share.name or "", str(share.holders), f"{share.lost_minor:,}")
    say(table)


def _worked_through(
    file: Path,
    action: str,
    whole: Callable[["Tx", bytes, dict[str, Rulebook]], Awaitable[Done]],
    settings: Settings,
    *,
    dry_run: bool,
) -> Done:
    """What became of a bulk file; a trial is no act."""
    content = file.read_bytes()
    books = rulebooks(settings.rulebook)
    url = url_of(settings)

    async def work() -> Done:
        async with opened(url) as sql:
            await sql.execute("set statement_timeout = 0")
            return await whole(sql, content, books)

    return asyncio.run(work() if dry_run else as_act(url, action, file.name, work()))


async def _pay(url: str, reference: str, amount_minor: int) -> LoadView:
    async with opened(url) as sql, sql.transaction():
        load_no = await sql.fetchval(statements.BY_REFERENCE, normalized(reference) or "")
        if load_no is None:
            raise UsageError("no load has this reference; are its check digits right?")
        try:
            await pay(sql, load_no, reference, amount_minor)
        except Refused as refused:
            raise UsageError(f"{refused.code}: {refused}") from None
        return await find_load(sql, load_no)


async def _owed(url: str) -> Sequence[Owed]:
    async with snapshot(url) as sql:
        return await owed_to_employers(sql)


async def _return(url: str, employer: str, amount_minor: int, reference: str) -> bool:
    if not 0 < len(reference) <= REFERENCE_MAX:
        raise UsageError(f"a reference has 1 to {REFERENCE_MAX} characters")
    async with at_the_office(url) as sql:
        return await return_to(sql, employer, amount_minor, reference)


async def _shares(url: str, vintage: int) -> Sequence[Share]:
    async with opened(url) as sql:
        return await shares_of(sql, vintage)


def _show_lines(done: Imported) -> None:
    """What became of each line; a table is laid out for people, and they read no long one."""
    rows = [(taken.line.line_no, _taken(taken)) for order in done.orders for taken in order.taken]
    rows += [(bad.line_no, ("", "", "", f"BAD {bad.place}: {bad.why}")) for bad in done.bad]
    rows.sort(key=lambda row: row[0])
    if len(rows) > TABLE_LINES_MAX:
        typer.echo("\n".join("\t".join((str(line_no), *cells)) for line_no, cells in rows))
        return
    table = Table("line", "account", "titles", "cents", "result", show_edge=False)
    for line_no, cells in rows:
        table.add_row(str(line_no), *cells)
    say(table)


def _taken(taken: Taken) -> tuple[str, str, str, str]:
    line = taken.line
    minor = -taken.taken_back_minor if line.count < 0 else line.amount_minor
    flags = " ".join(flag.value for flag in taken.flags)
    return line.account, str(line.count), f"{minor:,}", f"ok {flags}".rstrip()


def _summary(done: Imported, *, dry_run: bool) -> list[str]:
    """What is to be paid under which reference, or why nothing is."""
    lines = [
        f"load-{order.load_no} {order.employer}: {order.total_minor:,} cents to be paid"
        f" under {order.reference}"
        for order in done.orders
        if done.kept
    ]
    if done.repeated:
        lines.append("this file was imported before; nothing was ordered again")
    elif dry_run:
        lines.append(f"checked only: {_count(done)} lines are good, {len(done.bad)} are bad")
    elif not done.kept:
        lines.append(f"nothing was ordered: {len(done.bad)} lines are bad (--only-good?)")
    return lines


def _count(done: Imported) -> int:
    return sum(len(order.taken) for order in done.orders)
