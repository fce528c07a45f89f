"""`millesime keys file`: the key file of an installation, and the rotation of its number keys."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from authz.commands.options import Config, DatabaseUrl, DataDir
from authz.commands.saying import aside, say
from authz.commands.store import opened, settings_of, url_of
from authz.custody.keys import new_key_file, rotate_pan_key
from authz.custody.sealed_numbers import numbers_by_key

app = typer.Typer(
    help="The key file (TOML, mode 600).",
    epilog="Example: millesime keys file new /etc/millesime/keys.toml",
    no_args_is_help=True,
)


@app.callback()
def _file() -> None:
    """The file that `serve --keys` and `world load --keys` read."""


@app.command("new", epilog="Example: millesime keys file new /etc/millesime/keys.toml")
def new(path: Annotated[Path, typer.Argument(help="A file that is not there yet.")]) -> None:
    """Write a key file with fresh keys. A file that is there is never overwritten."""
    keys = new_key_file(path)
    said = f"{path}: key {keys.pan_digest.key_id}, check value {keys.digester().check_value()}"
    aside(f"{said}; keep a copy in a safe place")


@app.command("rotate", epilog="Example: millesime keys file rotate /etc/millesime/keys.toml")
def rotate(path: Annotated[Path, typer.Argument(help="The key file.")]) -> None:
    """Put a fresh key for numbers in front; the others go on reading.

    Give the file to every engine of the database and start them again: they move everything over
    (or run the job re-encrypt). When `keys file used` does not name the old key, take it out.
    """
    key = rotate_pan_key(path)
    aside(f"{path}: numbers are encrypted under {key.key_id} from the next start on")


@app.command("used", epilog="Example: millesime keys file used --data-dir /srv/millesime")
def used(database_url: DatabaseUrl = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Under which keys how many numbers are kept: none of these may leave the file."""
    settings = settings_of(database_url, data_dir, config)
    for key_id, count in asyncio.run(_used(url_of(settings))):
        say(f"{key_id:40} {count:>14,}")


async def _used(url: str) -> list[tuple[str, int]]:
    async with opened(url) as sql:
        return await numbers_by_key(sql)
