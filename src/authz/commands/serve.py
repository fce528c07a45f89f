"""`millesime serve`: from flags to settings to the service."""

from pathlib import Path
from typing import Annotated

import typer

from authz.commands.bank_options import Bank, BankTlsCa, BankTlsCert, BankTlsKey, BankTlsName
from authz.commands.door_options import (
    HttpAllow,
    HttpClientCa,
    IsoAllow,
    IsoClientCa,
    Listen,
    TlsCert,
    TlsDoors,
    TlsKey,
)
from authz.commands.options import Config, DatabaseUrl, DataDir, Keys, RulebookFiles
from authz.settings import load


def serve(
    iso_port: Annotated[
        int | None, typer.Option(help="ISO 8583 port (default: 8583); 0 lets the system choose.")
    ] = None,
    listen: Listen = None,
    http_port: Annotated[int | None, typer.Option(help="HTTP port (default: 8080).")] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen (default: 127.0.0.1).")] = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_doors: TlsDoors = None,
    iso_client_ca: IsoClientCa = None,
    http_client_ca: HttpClientCa = None,
    iso_allow: IsoAllow = None,
    http_allow: HttpAllow = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    keys: Keys = None,
    world: Annotated[
        Path | None, typer.Option(metavar="FILE", help="World file to load first.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Dialect of --iso-port (default: ascii).")
    ] = None,
    profiles_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Profiles (TOML) beside the bundled ones.")
    ] = None,
    bank: Bank = None,
    bank_tls_ca: BankTlsCa = None,
    bank_tls_cert: BankTlsCert = None,
    bank_tls_key: BankTlsKey = None,
    bank_tls_name: BankTlsName = None,
    cryptograms: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="Chip data: off, when_present, require (default; when_present with --test-clock).",
        ),
    ] = None,
    rulebook: RulebookFiles = None,
    workers: Annotated[int | None, typer.Option(help="Engine processes (default: 1).")] = None,
    lanes: Annotated[
        int | None, typer.Option(help="Batches at work at a time (default: 2).")
    ] = None,
    test_clock: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Virtual clock that stands still; loopback only."),
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or console.")] = None,
    config: Config = None,
) -> None:
    """Run the engine until SIGTERM, then answer what was taken in and stop.

    Prints one JSON line on standard output when its ports answer; logs go to standard error.
    """
    settings = load(locals())
    from authz.service.starting import serve as run

    raise typer.Exit(run(settings))


serve.epilog = (  # type: ignore[attr-defined]
    "Example: millesime serve --iso-port 8583 --world world.json"
    " --test-clock 2026-11-24T12:30:00+01:00"
)
