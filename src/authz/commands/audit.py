"""`millesime audit`: prove the books, and say which law is broken where."""

import asyncio
import sys
from typing import Annotated, Final

import msgspec
import typer

from authz.audit.prove import Report, prove_all
from authz.commands.options import Config, DatabaseUrl, DataDir, Keys, RulebookFiles
from authz.commands.saying import say
from authz.commands.store import seal_key_of, settings_of, snapshot, url_of
from authz.sources import rulebooks
from authz.usage import UsageError
from ledger.seal import Head, SealKey
from rules.rulebook import Rulebook

BROKEN: Final = 4


def audit(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    keys: Keys = None,
    seal_head: Annotated[
        str | None,
        typer.Option(metavar="NO:DIGEST", help="A head that `millesime export seal-head` told."),
    ] = None,
    config: Config = None,
) -> None:
    """Prove the books and every answer, in one snapshot, beside a live engine if need be.

    Ends with exit code 4 when a law is broken.
    """
    settings = settings_of(database_url, data_dir, config, rulebook=rulebook, keys=keys)
    books = {book.version: book for book in rulebooks(settings.rulebook).values()}
    key, published = seal_key_of(settings), head_of(seal_head)
    if published is not None and key is None:
        raise UsageError("a seal head can only be proved with the key that made it: --keys FILE")
    report = asyncio.run(_audit(url_of(settings), books, key, published))
    if as_json:
        said = {"holds": report.holds, "broken": report.broken, "report": report}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        show(report)
    raise typer.Exit(0 if report.holds else BROKEN)


audit.epilog = "Example: millesime audit --json"  # type: ignore[attr-defined]


def head_of(text: str | None) -> Head | None:
    """A published head, NO:DIGEST in hex. Raises UsageError."""
    if text is None:
        return None
    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise UsageError(f"--seal-head {text!r} is not NO:DIGEST") from None


async def _audit(
    url: str, books: dict[str, Rulebook], key: SealKey | None, published: Head | None
) -> Report:
    async with snapshot(url) as sql:
        return await prove_all(sql, books, seal_key=key, published=published)


def show(report: Report) -> None:
    """Every law with the rows it was held against, and the first that break it."""
    for law in (*report.books.laws, *report.laws):
        verdict = "BROKEN" if law.violations else "holds "
        say(f"{verdict} {law.checked_rows:>9,} rows  {law.name}: {law.words}")
        for violation in law.violations:
            say(f"       {violation}")
    for version in report.unread_rulebooks:
        say(f"not decided again: rulebook {version} is not loaded")
    if report.forgotten:
        say(f"not decided again: {report.forgotten:,} whose facts were forgotten (retention)")
    if not report.seals_verified:
        say("seals not verified: there is no seal key here (--keys FILE)")
    books = report.books
    say(
        f"{books.holders:,} holders, {books.transfers:,} movements, {report.decisions:,} decisions"
        f" made again; loaded {books.loaded_minor:,} = balance {books.balance_minor:,} + held"
        f" {books.held_minor:,} + spent {books.spent_minor:,} + expired {books.expired_minor:,}"
        f" + lost {books.lost_minor:,} + returned {books.returned_minor:,} (cents)"
    )
    broken = ", ".join(report.broken)
    say("the books hold" if report.holds else f"BROKEN: {broken}")
