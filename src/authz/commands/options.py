"""Options that several commands share, each described once, and how a day is read."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from authz.instants import day_within_reach
from authz.usage import UsageError

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
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: standard output.")
]


def day_of_text(text: str) -> date:
    """A date, as in 2026-11-30, of years that calendars know. Raises UsageError."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date, as in 2026-11-30") from None
    try:
        return day_within_reach(day)
    except ValueError as error:
        raise UsageError(f"{text}: {error}") from None
