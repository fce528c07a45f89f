"""`millesime audit`: prove the books, and say which law is broken where."""

import asyncio
import sys
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from authz.audit import Report
from authz.audit import audit as prove
from authz.commands.options import Config, DatabaseUrl, DataDir, RulebookFiles
from authz.commands.store import opened, rulebooks_of, url_of
from authz.settings import load
from rules.rulebook import Rulebook

BROKEN: Final = 4


def audit(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """Prove the books and every answer, in one snapshot, beside a live engine if need be.

    Ends with exit code 4 when a law is broken.
    """
    flags = {"database_url": database_url, "data_dir": data_dir, "rulebook": rulebook}
    settings = load({**flags, "config": config})
    books = {book.version: book for book in rulebooks_of(settings.rulebook).values()}
    report = asyncio.run(_audit(url_of(settings), books))
    if as_json:
        said = {"holds": report.holds, "broken": report.broken, "report": report}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        show(report, Console())
    raise typer.Exit(0 if report.holds else BROKEN)


audit.epilog = "Example: millesime audit --json"  # type: ignore[attr-defined]


async def _audit(url: str, books: dict[str, Rulebook]) -> Report:
    async with opened(url) as sql:
        await sql.execute("set statement_timeout = 0")
        async with sql.transaction(isolation="repeatable_read", readonly=True):
            return await prove(sql, books)


def show(report: Report, console: Console) -> None:
    """Every law with the rows it was held against, and the first that break it."""
    laws = Table("law", "what must hold", "rows", "", show_edge=False, highlight=False)
    for law in (*report.books.laws, *report.laws):
        verdict = "BROKEN" if law.violations else "holds"
        laws.add_row(law.name, law.words, str(law.checked_rows), verdict)
    console.print(laws)
    for law in (*report.books.laws, *report.laws):
        for violation in law.violations:
            console.print(f"{law.name}: {violation}", highlight=False, soft_wrap=True)
    for version in report.unread_rulebooks:
        console.print(f"not decided again, rulebook {version} is not loaded", highlight=False)
    books = report.books
    console.print(
        f"{books.holders} holders, {books.transfers} movements, {report.decisions} decisions made"
        f" again; loaded {books.loaded_minor} = balance {books.balance_minor} + held"
        f" {books.held_minor} + spent {books.spent_minor} + expired {books.expired_minor} + lost"
        f" {books.lost_minor} + returned {books.returned_minor} (cents)",
        highlight=False,
        soft_wrap=True,
    )
    broken = ", ".join(report.broken)
    console.print("the books hold" if report.holds else f"BROKEN: {broken}", highlight=False)
