"""What the commands under `simulate` have in common: their options, their errors, their exits."""

import asyncio
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, TypeVar

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from simulators.chips.chip import WornOutError
from simulators.chips.drawer import MEMORY, Drawer
from simulators.chips.keyring import read_keyring
from simulators.link import LinkDownError, UnansweredError
from simulators.rush import AcquirerError
from simulators.tls import context_of, serving_context_of
from simulators.wire import WireError

GOOD: Final = 0
DIFFERENCES: Final = 1
USAGE: Final = 2
MISSED: Final = 3
INTERRUPTED: Final = 130

FOR_THE_USER: Final = (
    LinkDownError,
    UnansweredError,
    AcquirerError,
    WireError,
    WornOutError,
    httpx.HTTPError,
    ValueError,
)
"""What is no fault of the simulators: said in a line."""

T = TypeVar("T")

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
WorldFile = Annotated[Path, typer.Option(exists=True, help="The world file that was loaded.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        exists=True,
        help="The engine's key file: chips of the test ranges get their keys from it, and send"
        " cryptograms.",
    ),
]
ChipMemory = Annotated[
    Path | None,
    typer.Option("--chips", help=f"Where chips keep their counters; else {MEMORY} by the keys."),
]


def drawer_of(keys: Path | None, memory: Path | None, *, forged: bool = False) -> Drawer | None:
    """The chips of a key file; None without one. Exits 2 where it cannot be read."""
    if keys is None:
        return None
    with refusing():
        keyring = read_keyring(keys)
        return Drawer(keyring.forged() if forged else keyring, memory or keys.with_name(MEMORY))


def secured_by(
    tls: bool, ca: Path | None, cert: Path | None, key: Path | None
) -> ssl.SSLContext | None:
    """What connections are secured with. Exits 2 where it cannot be used."""
    with refusing():
        return context_of(tls, ca, cert, key)


def served_by(cert: Path | None, key: Path | None, client_ca: Path | None) -> ssl.SSLContext | None:
    """What whoever calls is answered with. Exits 2 where it cannot be used."""
    with refusing():
        return serving_context_of(cert, key, client_ca)


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
    Console(stderr=True, highlight=False).print(f"[red]error:[/] {escape(words)}")
    return typer.Exit(USAGE)


@contextmanager
def refusing() -> Iterator[None]:
    """A ValueError of the block is the user's: one line and exit 2."""
    try:
        yield
    except ValueError as wrong:
        raise refusal(str(wrong)) from None


def run(work: Coroutine[None, None, T], chips: Drawer | None = None) -> T:
    """Run to the end; what the peer or the user got wrong becomes one line and exit 2.

    However it ends, `chips` remember how often they were used.
    """
    try:
        return asyncio.run(work)
    except FOR_THE_USER as wrong:
        raise refusal(str(wrong) or type(wrong).__name__) from None
    except ExceptionGroup as several:
        theirs, ours = several.split(FOR_THE_USER)
        if theirs is None or ours is not None:
            raise
        raise refusal(str(_first(theirs))) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    finally:
        if chips is not None:
            chips.save()


def _first(several: ExceptionGroup[Exception]) -> Exception:
    """What went wrong first where many were at work."""
    first = several.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
