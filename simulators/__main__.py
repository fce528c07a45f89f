"""`python -m simulators`: the simulators without the engine's own command."""

import typer

from simulators.cli import app as simulate
from simulators.demo import demo

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.add_typer(simulate)
app.command()(demo)

if __name__ == "__main__":
    app()
