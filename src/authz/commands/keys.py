"""`millesime keys file new`: the key file of an installation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from authz.keys import new_key_file

app = typer.Typer(help="The key file.", no_args_is_help=True, add_completion=False)
file = typer.Typer(help="The key file (TOML, mode 600).", no_args_is_help=True)
app.add_typer(file, name="file")


@app.callback()
def _keys() -> None:
    """Keys are kept in a file that only its owner may read."""


@file.callback()
def _file() -> None:
    """The file that `serve --keys` and `world load --keys` read."""


@file.command("new", epilog="Example: millesime keys file new /etc/millesime/keys.toml")
def new(path: Annotated[Path, typer.Argument(help="A file that is not there yet.")]) -> None:
    """Write a key file with a fresh PAN-digest key. A file that is there is never overwritten."""
    keys = new_key_file(path)
    said = f"{path}: key {keys.pan_digest.key_id}, check value {keys.digester().check_value()}"
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"{said}; keep a copy in a safe place")
