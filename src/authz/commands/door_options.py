"""Options of `serve` that say who may come in at its doors, each described once."""

from pathlib import Path
from typing import Annotated

import typer

Listen = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST:PORT,profile=NAME,...",
        help="One more ISO door, with framing=, mac=, cryptogram=, tls=, client_ca=, allow=, "
        "acquirers=.",
    ),
]
TlsCert = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Our certificates (PEM): doors speak TLS.")
]
TlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="Their private key (PEM).")]
TlsDoors = Annotated[
    str | None, typer.Option(help="Doors that speak TLS: all (default), iso or http.")
]
IsoClientCa = Annotated[
    Path | None, typer.Option(metavar="FILE", help="ISO clients need a certificate of these.")
]
HttpClientCa = Annotated[
    Path | None, typer.Option(metavar="FILE", help="HTTP clients need a certificate of these.")
]
IsoAllow = Annotated[
    list[str] | None,
    typer.Option(metavar="CIDR", help="Network that reaches ISO doors; repeatable."),
]
HttpAllow = Annotated[
    list[str] | None,
    typer.Option(metavar="CIDR", help="Network that reaches the HTTP door; repeatable."),
]
