"""The commands under `simulate`: strangers at the engine's door."""

import asyncio
import sys
from collections.abc import Coroutine
from datetime import date
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
import typer
from rich.console import Console

from simulators import screen
from simulators.bank_command import bank
from simulators.journal import Journal
from simulators.link import Link, LinkDownError, UnansweredError
from simulators.messages import CardData, TerminalData, balance_inquiry, purchase, repeat
from simulators.rush import AcquirerError, Plan, play
from simulators.tally import Tally
from simulators.terminal import Reply, Stamps, Terminal, panel
from simulators.traffic import lunch_rush
from simulators.wire import Fields, WireError
from simulators.world_file import read_world

GOOD: Final = 0
DIFFERENCES: Final = 1
USAGE: Final = 2
MISSED: Final = 3
INTERRUPTED: Final = 130

T = TypeVar("T")

app = typer.Typer(
    name="simulate",
    help="Simulators: terminals and acquirers that talk to a running engine, and a bank.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

app.command(epilog=bank.epilog)(bank)  # type: ignore[attr-defined]

Connect = Annotated[str, typer.Option(metavar="HOST:PORT", help="The engine's ISO 8583 door.")]
Profile = Annotated[str, typer.Option(help="How to write: ascii, ascii-binary or bcd.")]
FramingName = Annotated[
    str | None, typer.Option(help="2b or 4a, then -incl, then -tpdu; by default the profile's.")
]
JournalFile = Annotated[
    Path | None, typer.Option(help="Write down what is sent and answered (JSON lines).")
]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for an answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON line instead.")]


@app.command(
    epilog="Example: millesime simulate terminal --connect 127.0.0.1:8583"
    " --pan 9999670000000012 --expiry 2912 --amount 12.50"
)
def terminal(
    connect: Connect = "127.0.0.1:8583",
    pan: Annotated[str, typer.Option(help="Card or token number, of the test ranges.")] = "",
    expiry: Annotated[str, typer.Option(help="YYMM.")] = "2912",
    amount: Annotated[str, typer.Option(help="Euros, as 12.50.")] = "0.00",
    eligible: Annotated[str | None, typer.Option(help="Euros of it that are food.")] = None,
    merchant: Annotated[
        str, typer.Option(help="The merchant's number (DE42).")
    ] = "MERCH0000000001",
    acquirer: Annotated[str, typer.Option(help="The acquirer (DE32).")] = "12345",
    terminal_id: Annotated[str, typer.Option("--terminal", help="The till (DE41).")] = "TERM0001",
    mcc: Annotated[str, typer.Option(help="Kind of merchant (DE18).")] = "5812",
    partial: Annotated[bool, typer.Option(help="Take a part of the amount too.")] = False,
    hold: Annotated[bool, typer.Option(help="Only hold (0100), to capture later.")] = False,
    balance: Annotated[bool, typer.Option(help="Only ask for the balance.")] = False,
    repeats: Annotated[int, typer.Option("--repeat", help="Send each so many times again.")] = 0,
    echo: Annotated[bool, typer.Option(help="First ask whether anybody is there.")] = False,
    count: Annotated[int, typer.Option(help="Pay so many times.")] = 1,
    stan: Annotated[int | None, typer.Option(help="First STAN, to send a known one.")] = None,
    profile: Profile = "ascii",
    framing: FramingName = None,
    timeout: Timeout = 5.0,
    journal: JournalFile = None,
) -> None:
    """Pay at one till and show the answer."""
    stamps = Stamps(None if stan is None else stan - 1)
    card = CardData(pan, expiry)
    till = TerminalData(acquirer, terminal_id, merchant, mcc)
    asked, food = cents(amount), None if eligible is None else cents(eligible)

    def question() -> Fields:
        if balance:
            return balance_inquiry(card, till, stamps.next())
        return purchase(
            card, till, stamps.next(), asked, eligible_minor=food, partial=partial, hold=hold
        )

    async def run() -> list[Reply]:
        replies = []
        async with Link(connect, profile, framing) as link:
            with Journal(journal) as book:
                till_at_work = Terminal(link, book, timeout)
                if echo and not await till_at_work.echo(acquirer, stamps.next()):
                    raise AcquirerError("the echo was answered, but not with 00")
                for _ in range(count if pan else 0):
                    first = question()
                    for message in (first, *(repeat(first) for _ in range(repeats))):
                        replies.append(await till_at_work.pay(message))
                        Console().print(panel(message, replies[-1]))
        return replies

    if not pan and not echo:
        raise refusal("nothing to do: give --pan and --amount, or --echo")
    replies = _run(run())
    if echo and not pan:
        Console().print("[green]echo answered[/]")
    answered = all(reply.answer is not None for reply in replies)
    raise typer.Exit(GOOD if answered else DIFFERENCES)


@app.command(
    epilog="Example: millesime simulate rush --connect 127.0.0.1:8583 --world world.json"
    " --payments 5000 --connections 4 --in-flight 64 --seed 1"
)
def rush(
    world: Annotated[Path, typer.Option(exists=True, help="The world file that was loaded.")],
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
    profile: Profile = "ascii",
    framing: FramingName = None,
    timeout: Timeout = 5.0,
    journal: JournalFile = None,
    as_json: AsJson = False,
) -> None:
    """Play a seeded lunch rush and show it live."""
    try:
        drawn = lunch_rush(read_world(world), payments, seed, date.fromisoformat(day))
    except ValueError as wrong:
        raise refusal(str(wrong)) from None
    plan = Plan(
        connect, profile, framing, connections, in_flight, rate, timeout_s=timeout, tries=tries
    )
    tally, console = Tally(len(drawn)), Console(stderr=as_json)
    with Journal(journal) as book:
        playing = play(drawn, plan, book, tally)
        _run(playing if as_json else screen.watched(console, "Lunch rush", tally, playing))
    if as_json:
        sys.stdout.write(msgspec.json.encode(tally.summary()).decode() + "\n")
    else:
        console.print(screen.decision_table(tally), screen.closing(tally), sep="\n")
    missed = p99_max_ms is not None and tally.latencies.quantile_us(0.99) > p99_max_ms * 1_000
    raise typer.Exit(MISSED if missed else GOOD if tally.good() else DIFFERENCES)


def cents(euros: str) -> int:
    """Read an amount as people write it: 12, 12.5, 12.50 or 12,50."""
    whole, _, part = euros.replace(",", ".").partition(".")
    if not (whole.isdecimal() and whole.isascii() and (not part or part.isdecimal())):
        raise refusal(f"an amount is written as 12.50, not {euros!r}")
    if len(part) > 2:
        raise refusal(f"nothing is smaller than a cent: {euros!r}")
    return int(whole) * 100 + int(f"{part:0<2}")


def refusal(words: str) -> typer.Exit:
    """Say what was wrong in one line; the exit to raise."""
    Console(stderr=True, highlight=False).print(f"[red]error:[/] {words}")
    return typer.Exit(USAGE)


def _run(work: Coroutine[None, None, T]) -> T:
    """Run to the end; what the peer or the user got wrong becomes one line and exit 2."""
    try:
        return asyncio.run(work)
    except (LinkDownError, UnansweredError, AcquirerError, WireError, ValueError) as wrong:
        raise refusal(str(wrong)) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
