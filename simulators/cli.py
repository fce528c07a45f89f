"""The commands under `simulate`: strangers at the engine's door."""

import typer

from simulators import bank_command, rush_command, terminal_command
from simulators.phones import command as wallet_command

app = typer.Typer(
    name="simulate",
    help="Simulators: terminals, phones and acquirers that talk to a running engine, and a bank.",
    epilog=terminal_command.EXAMPLE,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

app.command(epilog=terminal_command.EXAMPLE)(terminal_command.terminal)
app.command(epilog=rush_command.EXAMPLE)(rush_command.rush)
app.command(epilog=wallet_command.EXAMPLE)(wallet_command.wallet)
app.command(epilog=bank_command.EXAMPLE)(bank_command.bank)
