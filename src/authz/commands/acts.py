"""`millesime acts`: the log of administrative acts."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from authz.access.acts import Row, page
from authz.commands.options import Config, DatabaseUrl, DataDir
from authz.commands.store import opened, settings_of, url_of

LIMIT_MAX: Final = 100_000


def acts(
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="How many.")] = 50,
    who: Annotated[
        str | None, typer.Option(help="Id of an API key (mk_ID or ID), or a user.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line an act.")] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show who did what, newest first: writes over HTTP but payments, and commands."""
    settings = settings_of(database_url, data_dir, config)
    rows = asyncio.run(_read(url_of(settings), limit, who))
    if as_json:
        sys.stdout.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)
    else:
        Console(highlight=False, markup=False).print(_table(rows))


acts.epilog = "Example: millesime acts --who 3f2a9c0b12de --limit 20"  # type: ignore[attr-defined]


async def _read(url: str, limit: int, who: str | None) -> Sequence[Row]:
    async with opened(url) as sql:
        return await page(sql, limit, None, who)


def _table(rows: Sequence[Row]) -> Table:
    table = Table(show_edge=False)
    for title in ("at", "who", "through", "action", "object", "outcome"):
        # Who it was can be asked for again, so it is never cut.
        table.add_column(
            title, no_wrap=title == "who", min_width=12 if title == "who" else None, overflow="fold"
        )
    for row in rows:
        at = f"{row.at:%Y-%m-%d %H:%M:%S}Z"
        table.add_row(at, row.who, row.through, row.action, row.object, row.outcome)
    return table
