"""`millesime world`: load a world file, or generate one."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from authz.commands.options import Config, DatabaseUrl, DataDir, Keys, RulebookFiles
from authz.commands.store import as_act, keys_of, opened, settings_of, url_of
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import refuse_missing_keys
from authz.settings import Settings
from authz.sources import rulebooks
from authz.storage import schema
from authz.world.generate import LINES_FROM, as_json, as_lines, generate
from authz.world.load import WorldReport, load_world
from authz.world.records import KINDS

app = typer.Typer(
    help="People, cards, merchants and money.",
    epilog="Example: millesime world generate --accounts 1000 --seed 1 > world.json",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _world() -> None:
    """World files say what an installation begins with."""


@app.command("load", epilog="Example: millesime world load world.json --data-dir /srv/millesime")
def load(
    file: Annotated[Path, typer.Argument(help="JSON, or JSON Lines.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    keys: Keys = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """Load a world file: all of it, or nothing. Loading it twice changes nothing."""
    settings = settings_of(database_url, data_dir, config, keys=keys, rulebook=rulebook)
    console = Console(stderr=True, highlight=False)
    report = asyncio.run(_load(settings, url_of(settings, new=True), file, console))
    console.print(_summary(report))
    console.print(_sums(report), soft_wrap=True)


@app.command("generate", epilog="Example: millesime world generate --accounts 1000 --seed 7")
def make(
    accounts: Annotated[int, typer.Option(min=1, max=50_000_000, help="How many accounts.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 1,
    year: Annotated[int, typer.Option(min=2015, max=2098, help="The current vintage.")] = 2026,
) -> None:
    """Print a world: JSON, or JSON Lines when it is large."""
    records = generate(accounts, seed, year)
    chunks = as_lines(records) if accounts >= LINES_FROM else as_json(records)
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.flush()


async def _load(settings: Settings, url: str, file: Path, console: Console) -> WorldReport:
    if settings.database_url is None:
        await schema.upgrade(url)
    return await as_act(url, "world load", file.name, _read(settings, url, file, console))


async def _read(settings: Settings, url: str, file: Path, console: Console) -> WorldReport:
    programmes = frozenset(rulebooks(settings.rulebook))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("reading")

        def tell(what: str, done: int) -> None:
            progress.update(task, description=f"{done:,} {what}")

        async with opened(url) as sql:
            # After the store: a mistake in its address must not leave a new key file behind.
            keys = keys_of(settings)
            digester, safe = keys.digester(), Safe.of(keys)
            await refuse_missing_keys(sql, safe.vault)
            return await load_world(
                sql, file, digester, programmes=programmes, progress=tell, safe=safe
            )


def _summary(report: WorldReport) -> Table:
    table = Table("records", "loaded", "skipped", show_edge=False)
    for kind in KINDS:
        table.add_row(f"{kind}s", *(str(of.get(kind, 0)) for of in (report.loaded, report.skipped)))
    return table


def _sums(report: WorldReport) -> str:
    return (
        f"{report.holders_opened} persons opened, {report.holders_changed} changed,"
        f" {report.movements} movements booked"
    )
