"""The command `simulate rush`: a seeded lunch rush against a running engine."""

import sys
from datetime import date
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from simulators import screen
from simulators.journal import Journal
from simulators.options import (
    DIFFERENCES,
    GOOD,
    MISSED,
    AsJson,
    ChipMemory,
    Connect,
    FramingName,
    JournalFile,
    KeyFile,
    Profile,
    Timeout,
    WorldFile,
    drawer_of,
    refusing,
    run,
    secured_by,
)
from simulators.rush import Plan, play
from simulators.tally import Tally
from simulators.tls import Tls, TlsCa, TlsCert, TlsKey
from simulators.traffic import lunch_rush
from simulators.world_file import read_world

EXAMPLE: Final = (
    "Example: millesime simulate rush --connect 127.0.0.1:8583 --world world.json"
    " --payments 5000 --connections 4 --in-flight 64 --seed 1"
)


def rush(
    world: WorldFile,
    connect: Connect = "127.0.0.1:8583",
    payments: Annotated[int, typer.Option(min=1, help="How many to play.")] = 1_000,
    connections: Annotated[int, typer.Option(min=1, help="Acquirer connections in all.")] = 4,
    in_flight: Annotated[int, typer.Option(min=1, help="Payments under way at a time.")] = 64,
    seed: Annotated[int, typer.Option(help="The same seed makes the same rush again.")] = 1,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Due per second (open loop); else flat out.")
    ] = None,
    day: Annotated[str, typer.Option(help="The civil day it is played on.")] = "2026-11-24",
    tries: Annotated[int, typer.Option(min=1, help="Sendings before a silence is believed.")] = 1,
    p99_max_ms: Annotated[
        float | None, typer.Option(help="Exit 3 when the 99th percentile is above.")
    ] = None,
    keys: KeyFile = None,
    chips: ChipMemory = None,
    profile: Profile = "ascii",
    framing: FramingName = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    journal: JournalFile = None,
    as_json: AsJson = False,
) -> None:
    """Play a seeded lunch rush and show it live.

    With the engine's key file cards and phones pay with the cryptograms of their chips.
    """
    with refusing():
        drawn = lunch_rush(read_world(world), payments, seed, date.fromisoformat(day))
    drawer, secured = drawer_of(keys, chips), secured_by(tls, tls_ca, tls_cert, tls_key)
    plan = Plan(
        connect,
        profile,
        framing,
        secured,
        connections,
        in_flight,
        rate,
        timeout,
        tries,
        chips=drawer,
    )
    tally, console = Tally(len(drawn)), Console(stderr=as_json)
    with Journal(journal) as book:
        playing = play(drawn, plan, book, tally)
        run(playing if as_json else screen.watched(console, "Lunch rush", tally, playing), drawer)
    if as_json:
        sys.stdout.write(msgspec.json.encode(tally.summary()).decode() + "\n")
    else:
        console.print(screen.decision_table(tally), screen.closing(tally), sep="\n")
    missed = p99_max_ms is not None and tally.latencies.quantile_us(0.99) > p99_max_ms * 1_000
    raise typer.Exit(MISSED if missed else GOOD if tally.good() else DIFFERENCES)
