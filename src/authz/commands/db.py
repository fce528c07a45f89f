"""`millesime db upgrade`: bring the schema forward."""

import asyncio

import typer

from authz.commands.options import Config, DatabaseUrl, DataDir
from authz.commands.saying import aside
from authz.commands.store import settings_of, url_of
from authz.storage.schema import upgrade as bring_forward

app = typer.Typer(
    help="The database schema.",
    epilog="Example: millesime db upgrade",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _db() -> None:
    """The schema grows by migrations only, and never back."""


@app.command(epilog="Example: millesime db upgrade --database-url postgresql://me@db/millesime")
def upgrade(
    database_url: DatabaseUrl = None, data_dir: DataDir = None, config: Config = None
) -> None:
    """Bring the schema to the version of this program."""
    settings = settings_of(database_url, data_dir, config)
    before, after = asyncio.run(bring_forward(url_of(settings, new=True)))
    said = f"schema {after}, as it was" if before == after else f"schema {before} -> {after}"
    aside(said)
