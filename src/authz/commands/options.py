"""Options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Settings in TOML (default: millesime.toml).")
]
DatabaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="PostgreSQL 15 or newer (default: embedded).")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the embedded PostgreSQL keeps its data.")
]
Keys = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Key file (default: development keys).")
]
RulebookFiles = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Rulebook that replaces the bundled one; repeatable."),
]
