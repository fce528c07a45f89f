"""A till at work with a chip: pay, type the PIN if the issuer wants one, look at its answer."""

from typing import Final

from msgspec import Struct

from simulators import codes
from simulators.chips.drawer import Drawer
from simulators.chips.manner import Manner
from simulators.chips.paying import Presented, genuine, present
from simulators.messages import NO_PIN, Pin, Stamp
from simulators.terminal import Reply, Terminal
from simulators.wire import Fields

STANS: Final = 999_999
_SECOND_TRY: Final = 500_000
"""How far the STAN of a second question is from the first one's: no other payment is there."""


class Paid(Struct, frozen=True):
    """The question that was settled, its answer, and whether that came from the issuer itself.

    `genuine` is None where there was nothing to look at: no chip, or nothing for it in the answer.
    `with_pin`: the PIN was asked for.
    """

    question: Fields
    reply: Reply
    genuine: bool | None = None
    with_pin: bool = False

    @property
    def with_chip(self) -> bool:
        """Whether a cryptogram was sent."""
        return "55" in self.question


class Purse(Struct, frozen=True):
    """What a person pays with: the chip's drawer, the manner, the PIN that they know."""

    drawer: Drawer
    manner: Manner
    pin: Pin = NO_PIN
    profile: str = "ascii"


class Sending(Struct, frozen=True):
    """How often a question is sent until it is answered, and what the journal should know of it."""

    tries: int = 1
    pause_s: float = 0.5
    known: dict[str, str] = {}


async def pay(
    terminal: Terminal, question: Fields, stamp: Stamp, purse: Purse | None, sending: Sending
) -> Paid:
    """Pay with the chip of the card in `question`, or without where there is no key for it."""
    presented = None if purse is None else presented_by(purse, question, stamp)
    if presented is None or purse is None:
        return Paid(question, await _send(terminal, question, sending))
    reply = await _send(terminal, presented.question, sending)
    zone = purse.drawer.zone_key(purse.profile)
    # A silence is no demand: nobody types a PIN for a payment that may have been made.
    if reply.code != codes.VERIFY or not purse.pin or zone is None:
        return Paid(presented.question, reply, genuine(presented, reply.answer))
    again = second_stamp(stamp)
    format_3 = int(again.stan) % 2 == 1
    question = presented.with_pin(again, zone, purse.pin, format_3=format_3)
    reply = await _send(terminal, question, sending)
    return Paid(question, reply, genuine(presented, reply.answer), with_pin=True)


def presented_by(purse: Purse, question: Fields, stamp: Stamp) -> Presented | None:
    """The question with a cryptogram of the card that it names; None without a key for it."""
    chip = purse.drawer.chip_of(question)
    return None if chip is None else present(question, stamp, chip, purse.manner)


def second_stamp(stamp: Stamp) -> Stamp:
    """The identity of a till's second question about the same tap."""
    stan = f"{(int(stamp.stan) + _SECOND_TRY - 1) % STANS + 1:06d}"
    return Stamp(stan, stamp.at, f"{stamp.rrn[: -len(stan)]}{stan}")


async def _send(terminal: Terminal, question: Fields, sending: Sending) -> Reply:
    return await terminal.pay_until_answered(
        question, sending.tries, sending.pause_s, **sending.known
    )
