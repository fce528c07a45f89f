"""The command `simulate bank`: a bank acquirer for the engine's `--bank`, until it is stopped."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from simulators.bank import BankHost, Manners
from simulators.bank_books import BankBooks, BankRules
from simulators.bank_death import Death, Fatality, parse_death
from simulators.link import split_address
from simulators.options import refusal, run, served_by
from simulators.tls import ServerCert, TlsClientCa, TlsKey

EXAMPLE: Final = (
    "Example: millesime simulate bank --listen 127.0.0.1:8600 --late 0.05 --drop 0.02 --seed 1"
)


def bank(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the engine's --bank finds it.")
    ] = "127.0.0.1:8600",
    control: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where it takes orders, JSON lines.")
    ] = None,
    books: Annotated[
        Path | None, typer.Option(help="Keep its books in this file, and go on from it.")
    ] = None,
    balance: Annotated[int, typer.Option(help="Cents on every card.")] = 100_000_000,
    limit: Annotated[int, typer.Option(help="Cents a payment at most.")] = 1_000_000,
    decline: Annotated[
        list[str] | None, typer.Option(metavar="PAN=CODE", help="Decline this card; repeatable.")
    ] = None,
    delay_ms: Annotated[int, typer.Option(help="Before every answer.")] = 0,
    late: Annotated[
        float, typer.Option(min=0, max=1, help="Share of answers that come late.")
    ] = 0.0,
    late_ms: Annotated[int, typer.Option(help="How late.")] = 2_500,
    drop: Annotated[float, typer.Option(min=0, max=1, help="Share of answers never sent.")] = 0.0,
    lose: Annotated[
        float, typer.Option(min=0, max=1, help="Share of questions never heard.")
    ] = 0.0,
    duplicate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of answers sent twice.")
    ] = 0.0,
    restart_every: Annotated[int, typer.Option(help="Away after so many questions.")] = 0,
    away_ms: Annotated[int, typer.Option(help="For how long.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed, the same faults.")] = 1,
    tls_cert: ServerCert = None,
    tls_key: TlsKey = None,
    tls_client_ca: TlsClientCa = None,
    die: Annotated[
        str | None,
        typer.Option(metavar="STEP:N:DEED", help="Be killed there, as booked:3:reverse."),
    ] = None,
) -> None:
    """Answer as a bank until SIGTERM or Ctrl-C, then print the books as one JSON line.

    Prints `{"event":"ready","bank":ADDRESS}` first.
    """
    rules = BankRules(balance, limit, dict(_declines(decline or ())))
    manners = Manners(
        delay_ms, late, late_ms, drop, lose, duplicate, False, restart_every, away_ms, seed
    )
    secured = served_by(tls_cert, tls_key, tls_client_ca)
    host = BankHost(_books(rules, books), manners, Fatality(_death(die)), secured)
    run(_run(host, listen, control))


def _books(rules: BankRules, path: Path | None) -> BankBooks:
    try:
        return BankBooks(rules, path)
    except OSError as refused:
        raise refusal(f"the books {path} cannot be kept: {refused.strerror}") from None


def _declines(given: Iterable[str]) -> Iterable[tuple[str, str]]:
    for each in given:
        pan, sign, code = each.partition("=")
        if not (sign and pan.isdigit() and len(code) == 2):
            raise typer.BadParameter(
                "a card to decline is written PAN=CODE, as 9999490000000015=51"
            )
        yield pan, code


def _death(given: str | None) -> Death | None:
    try:
        return None if given is None else parse_death(given)
    except ValueError as refused:
        raise typer.BadParameter(str(refused)) from None


async def _run(host: BankHost, listen: str, control: str | None) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready = {"event": "ready", "bank": await _at(host.open, listen)}
    if control is not None:
        ready["control"] = await _at(host.open_control, control)
    _say(ready)
    await stop.wait()
    await host.close()
    _say(host.books.summary())


async def _at(opening: Callable[[str, int], Awaitable[str]], address: str) -> str:
    """Listen there; the address with its port. ValueError where that cannot be."""
    host, port = split_address(address)
    try:
        return await opening(host, port)
    except (OSError, OverflowError) as refused:
        raise ValueError(f"cannot listen at {address}: {refused}") from None


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what, separators=(",", ":")) + "\n")
    sys.stdout.flush()
