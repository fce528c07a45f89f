"""The command `simulate terminal`: one payment at one till, with or without a chip."""

from enum import Enum
from typing import Annotated, Final

import typer
from msgspec import Struct
from rich.console import Console

from simulators.chips.manner import CONTACT, PHONE, PHONE_ALONE, TOUCH, Manner
from simulators.chips.till import Paid, Purse, Sending, pay
from simulators.journal import Journal
from simulators.link import Link
from simulators.messages import (
    CardData,
    Pin,
    Stamp,
    TerminalData,
    balance_inquiry,
    purchase,
    repeat,
)
from simulators.options import (
    DIFFERENCES,
    GOOD,
    ChipMemory,
    Connect,
    FramingName,
    JournalFile,
    KeyFile,
    Profile,
    Timeout,
    cents,
    drawer_of,
    refusal,
    run,
    secured_by,
)
from simulators.rush import AcquirerError
from simulators.terminal import Stamps, Terminal, panel
from simulators.tls import Tls, TlsCa, TlsCert, TlsKey
from simulators.wire import Fields

EXAMPLE: Final = (
    "Example: millesime simulate terminal --connect 127.0.0.1:8583"
    " --pan 9999670000000012 --expiry 2912 --amount 12.50"
)


class Entry(Enum):
    """How the card or phone meets the till."""

    CHIP = "chip"
    TOUCH = "touch"
    PHONE = "phone"
    LOCKED_PHONE = "locked-phone"


MANNERS: Final = {
    Entry.CHIP: CONTACT,
    Entry.TOUCH: TOUCH,
    Entry.PHONE: PHONE,
    Entry.LOCKED_PHONE: PHONE_ALONE,
}


class _Basket(Struct, frozen=True):
    """What is asked each time; the amounts are cents."""

    card: CardData
    till: TerminalData
    amount_minor: int
    eligible_minor: int | None
    partial: bool
    hold: bool
    balance: bool
    manner: Manner


def terminal(
    connect: Connect = "127.0.0.1:8583",
    pan: Annotated[str, typer.Option(help="Card or token number, of the test ranges.")] = "",
    expiry: Annotated[str, typer.Option(help="YYMM.")] = "2912",
    psn: Annotated[str, typer.Option(help="The card's sequence number (DE23).")] = "",
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
    stan: Annotated[
        int | None, typer.Option(min=1, max=999_999, help="First STAN, to send a known one.")
    ] = None,
    keys: KeyFile = None,
    chips: ChipMemory = None,
    entry: Annotated[Entry, typer.Option(help="How the card meets the till.")] = Entry.TOUCH,
    pin: Annotated[str, typer.Option(help="Typed when the issuer asks for it.")] = "",
    forged: Annotated[bool, typer.Option(help="The chip has another key than the card's.")] = False,
    profile: Profile = "ascii",
    framing: FramingName = None,
    tls: Tls = False,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    journal: JournalFile = None,
) -> None:
    """Pay at one till and show the answer.

    With the engine's key file the card pays with the cryptogram of its chip, and the chip looks
    whether the answer is its issuer's.
    """
    if not pan and not echo:
        raise refusal("nothing to do: give --pan and --amount, or --echo")
    secured = secured_by(tls, tls_ca, tls_cert, tls_key)
    stamps = Stamps(None if stan is None else stan - 1)
    drawer = drawer_of(keys, chips, forged=forged)
    food = None if eligible is None else cents(eligible)
    till, manner = TerminalData(acquirer, terminal_id, merchant, mcc), MANNERS[entry]
    card = CardData(pan, expiry, psn)
    basket = _Basket(card, till, cents(amount), food, partial, hold, balance, manner)
    purse = None if drawer is None else Purse(drawer, manner, Pin(pin), profile)

    async def work() -> list[Paid]:
        async with Link(connect, profile, framing, secured) as link:
            with Journal(journal) as book:
                at_work = Terminal(link, book, timeout)
                if echo and not await at_work.echo(acquirer, stamps.next()):
                    raise AcquirerError("the echo was answered, but not with 00")
                times = count if pan else 0
                return [await _pay(at_work, basket, stamps, purse, repeats) for _ in range(times)]

    paid = run(work(), drawer)
    if echo and not pan:
        Console().print("[green]echo answered[/]")
    raise typer.Exit(GOOD if all(map(_well, paid)) else DIFFERENCES)


async def _pay(
    till: Terminal, basket: _Basket, stamps: Stamps, purse: Purse | None, repeats: int
) -> Paid:
    """Pay once, send the repeats, and show each question with its answer."""
    stamp = stamps.next()
    paid = await pay(till, _question(basket, stamp), stamp, purse, Sending())
    Console().print(panel(paid.question, paid.reply))
    if said := _chip_says(paid):
        Console().print(said)
    for _ in range(repeats):
        again = repeat(paid.question)
        Console().print(panel(again, await till.pay(again)))
    return paid


def _question(basket: _Basket, stamp: Stamp) -> Fields:
    if basket.balance:
        return balance_inquiry(basket.card, basket.till, stamp)
    return purchase(
        basket.card,
        basket.till,
        stamp,
        basket.amount_minor,
        eligible_minor=basket.eligible_minor,
        partial=basket.partial,
        hold=basket.hold,
        entry=basket.manner.entry,
    )


def _chip_says(paid: Paid) -> str:
    asked = "the PIN was asked for; " if paid.with_pin else ""
    match paid.genuine:
        case True:
            return f"{asked}[green]the chip knows the answer for its issuer's[/]"
        case False:
            return f"{asked}[red]the chip does not know the answer for its issuer's[/]"
        case None:
            return asked


def _well(paid: Paid) -> bool:
    """Whether there was an answer, and nobody else's than the issuer's."""
    return paid.reply.answer is not None and paid.genuine is not False
