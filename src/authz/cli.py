"""The command tree: what there is, where it lives, and how an error ends it.

A command's module is imported when the command runs, so that `--help` answers at once.
"""

import importlib
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from authz.usage import UsageError

USAGE: Final = 2
INTERRUPTED: Final = 130

COMMANDS: Final = {
    "serve": ("authz.commands.serve:serve", "Run the engine until SIGTERM, then drain."),
    "demo": ("authz.commands.simulators:demo", "Play a lunch rush and prove the books."),
    "simulate": ("authz.commands.simulators:simulate", "Terminals, rushes, phones; and a bank."),
    "world": ("authz.commands.world:app", "Load people, cards and money; generate worlds."),
    "loads": ("authz.commands.loads:app", "Employers' orders and their payments."),
    "jobs": ("authz.commands.jobs:app", "What is due at a date, done by hand."),
    "audit": ("authz.commands.audit:audit", "Prove the books."),
    "settle": ("authz.commands.settle:app", "What merchants are owed, and paying them."),
    "export": ("authz.commands.export:app", "The books as files: journal, entries, balance."),
    "acts": ("authz.commands.acts:acts", "Who did what, as it was written down."),
    "explain": ("authz.commands.explain:explain", "Tell why a payment was decided so."),
    "backup": ("authz.commands.backup:app", "Backups, and the drill that proves them."),
    "db": ("authz.commands.db:app", "The database schema."),
    "keys": ("authz.commands.keys:app", "API keys, and the key file."),
    "settings": ("authz.commands.settings:show", "Print the effective settings."),
}
"""Name to where it is and its line of help, in the order of `--help`."""


class _Later(TyperCommand):
    """A command that is imported when it is about to run."""

    def __init__(self, name: str, place: str, words: str) -> None:
        super().__init__(name, help=words)
        self._place = place

    def make_context(self, *args: Any, **options: Any) -> Any:
        from authz.logs import configure_logs

        configure_logs("info", "json")  # standard output is for what a command was asked for
        return load_command(self._place).make_context(*args, **options)


class _Commands(TyperGroup):
    """All commands by name, none of them imported yet."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else _Later(cmd_name, *entry)


app = typer.Typer(
    name="millesime",
    cls=_Commands,
    help="Millésime: issuer-side authorization of French meal vouchers.",
    epilog="Example: millesime serve --test-clock 2026-11-24T12:30:00+01:00",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    """Which release this is, as it was installed."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"millesime {version('millesime')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which release this is.", callback=_tell_version),
    ] = False,
) -> None:
    """Options that belong to no command."""


def load_command(place: str) -> Any:
    """The command or group at `module:name`, a Typer or a plain function."""
    module, _, name = place.partition(":")
    found = getattr(importlib.import_module(module), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    alone.command(epilog=getattr(found, "epilog", None))(found)
    return typer.main.get_command(alone)


def main() -> None:
    """Run the command line. What a person did wrong ends with one line and exit code 2."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (UsageError, OSError) as error:
        refuse(error)


def refuse(error: Exception) -> None:
    """One line on standard error, exit code 2."""
    words = " ".join(_said(error).split()) or type(error).__name__
    sys.stderr.write(f"millesime: {words}\n")
    sys.exit(USAGE)


def _said(error: Exception) -> str:
    """Its text; what the system refuses without its number, the file in front."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
