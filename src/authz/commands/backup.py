"""`millesime backup`: dump, copy, restore, and the drill that proves that a backup is one."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from authz import backup
from authz.audit.prove import Report, prove_all
from authz.commands.audit import BROKEN, show
from authz.commands.options import Config, DatabaseUrl, DataDir, Keys, RulebookFiles
from authz.commands.saying import aside
from authz.commands.store import seal_key_of, settings_of, snapshot, url_of
from authz.sources import rulebooks
from ledger.seal import SealKey
from rules.rulebook import Rulebook

app = typer.Typer(
    help="Backups, and their proof.",
    epilog="Example: millesime backup drill",
    no_args_is_help=True,
    add_completion=False,
)
KEYS_APART: Final = "keep the key file by itself: no backup holds it"


@app.callback()
def _backup() -> None:
    """By PostgreSQL's own programs, beside a live engine."""


@app.command(epilog="Example: millesime backup dump books.dump")
def dump(
    path: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """One snapshot as a file that any PostgreSQL of this version or newer can take."""
    settings = settings_of(database_url, data_dir, config)
    backup.dump(url_of(settings), path)
    aside(f"{path}: {path.stat().st_size:,} bytes; {KEYS_APART}")


@app.command(epilog="Example: millesime backup base copy-of-tuesday")
def base(
    directory: Annotated[Path, typer.Argument(help="A data directory that is not there yet.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """The whole cluster as a new data directory, to be run with `--data-dir`."""
    settings = settings_of(database_url, data_dir, config)
    backup.base(url_of(settings), directory)
    aside(f"{directory}: millesime audit --data-dir {directory} proves it; {KEYS_APART}")


@app.command(epilog="Example: millesime backup restore books.dump --database-url postgresql://…")
def restore(
    path: Annotated[Path, typer.Argument(help="A dump.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Put a dump into an empty database. `millesime audit` then proves it."""
    settings = settings_of(database_url, data_dir, config)
    asyncio.run(backup.restore(path, url_of(settings, new=True)))
    aside("restored; prove it: millesime audit")


@app.command(epilog="Example: millesime backup drill")
def drill(
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    keys: Keys = None,
    config: Config = None,
) -> None:
    """Dump, restore into a scratch database beside, prove its books, throw it away.

    Ends with exit code 4 when the books of the backup do not hold.
    """
    settings = settings_of(database_url, data_dir, config, rulebook=rulebook, keys=keys)
    books = {book.version: book for book in rulebooks(settings.rulebook).values()}
    report = asyncio.run(run_drill(url_of(settings), books, seal_key_of(settings)))
    show(report)
    raise typer.Exit(0 if report.holds else BROKEN)


async def run_drill(url: str, books: dict[str, Rulebook], key: SealKey | None) -> Report:
    """The report on the books as they came back from a dump."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drill.dump"
        backup.dump(url, path)
        scratch = await backup.scratch_database(url)
        try:
            await backup.restore(path, scratch)
            async with snapshot(scratch) as sql:
                return await prove_all(sql, books, seal_key=key)
        finally:
            await backup.drop_scratch(scratch, url)
