"""Options that say where the bank acquirer is and how the line to it is secured."""

from pathlib import Path
from typing import Annotated

import typer

Bank = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Bank acquirer for the top-up.")
]
BankTlsCa = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Speak TLS to the bank; trust these authorities (PEM)."),
]
BankTlsCert = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Our certificates (PEM) for the bank.")
]
BankTlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="Their private key (PEM).")]
BankTlsName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name in the bank's certificate (default: its host)."),
]
