"""Plays a lunch rush over acquirer connections: many terminals on each, many payments in flight.

Without a rate the loop is closed: each worker sends its next payment when the last one is answered.
With a rate it is open: every payment has the instant when it is due, and its latency counts from
there, so that an engine that stalls cannot hide it by slowing the questions down.
"""

import asyncio
import itertools
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.chips.drawer import Drawer
from simulators.chips.till import Paid, Purse, Sending, pay
from simulators.codes import APPROVED
from simulators.journal import Journal
from simulators.link import ANSWER_TIMEOUT_S, Link
from simulators.messages import SIGN_ON, Stamp, network, repeat
from simulators.tally import Tally
from simulators.terminal import Terminal
from simulators.traffic import Payment


@dataclass(frozen=True, slots=True)
class Plan:
    """How to play: connections in all, payments in flight in all, payments due per second."""

    connect: str
    profile: str = "ascii"
    framing: str | None = None
    tls: ssl.SSLContext | None = None
    connections: int = 4
    in_flight: int = 64
    rate: float | None = None
    timeout_s: float = ANSWER_TIMEOUT_S
    tries: int = 1
    """How often a payment is sent, the first time included, before its silence is believed."""
    pause_s: float = 0.5
    chips: Drawer | None = None
    """Where the cards' chips are; without any, payments carry no cryptogram."""


class AcquirerError(Exception):
    """The engine refused an acquirer's sign-on."""


async def play(payments: Sequence[Payment], plan: Plan, journal: Journal, tally: Tally) -> None:
    """Play the payments in order; `tally` may be watched meanwhile.

    LinkDownError: nobody answers there at all. AcquirerError: a sign-on was refused.
    """
    acquirers = sorted({payment.terminal.acquirer for payment in payments})
    async with _connected(acquirers, plan) as links:
        tally.start()
        started_s = time.monotonic()
        due = (started_s + i / plan.rate if plan.rate else None for i in itertools.count())
        queue = zip(payments, due, strict=False)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(plan.in_flight, len(payments))):
                group.create_task(_worker(queue, links, plan, journal, tally))
        tally.stop()


async def _worker(
    queue: Iterator[tuple[Payment, float | None]],
    links: dict[str, list[Link]],
    plan: Plan,
    journal: Journal,
    tally: Tally,
) -> None:
    for payment, due_s in queue:
        late_us = await _wait_until(due_s)
        mine = links[payment.terminal.acquirer]
        # A terminal keeps to one connection, so that its messages stay in order.
        link = mine[zlib.crc32(payment.terminal.terminal.encode()) % len(mine)]
        terminal = Terminal(link, journal, plan.timeout_s)
        started_s = time.monotonic()
        paid = await _pay(terminal, payment, plan)
        took_us = int((time.monotonic() - started_s) * 1e6)
        tally.count(payment, paid, took_us + late_us)
        if payment.repeated:
            again = await terminal.pay(repeat(paid.question), **_known(payment))
            tally.count_repeat(paid.reply, again)


async def _wait_until(due_s: float | None) -> int:
    """Sleep until a payment is due; how late it is, in microseconds."""
    if due_s is None:
        return 0
    if (early_s := due_s - time.monotonic()) > 0:
        await asyncio.sleep(early_s)
    return max(0, int((time.monotonic() - due_s) * 1e6))


async def _pay(terminal: Terminal, payment: Payment, plan: Plan) -> Paid:
    purse = None
    if plan.chips is not None:
        purse = Purse(plan.chips, payment.manner, payment.pin, plan.profile)
    sending = Sending(plan.tries, plan.pause_s, _known(payment))
    return await pay(terminal, payment.message(), payment.stamp, purse, sending)


def _known(payment: Payment) -> dict[str, str]:
    return {
        "person": payment.person,
        "account": payment.account,
        "sort": payment.sort.value,
        "day": f"{payment.stamp.at:%Y-%m-%d}",
    }


@asynccontextmanager
async def _connected(acquirers: Sequence[str], plan: Plan) -> AsyncIterator[dict[str, list[Link]]]:
    """Open the connections, at least one for each acquirer, and sign on."""
    count = max(plan.connections, len(acquirers))
    links: dict[str, list[Link]] = {acquirer: [] for acquirer in acquirers}
    async with AsyncExitStack() as stack:
        for number, acquirer in zip(range(count), itertools.cycle(acquirers), strict=False):
            link = await stack.enter_async_context(
                Link(plan.connect, plan.profile, plan.framing, plan.tls)
            )
            stamp = Stamp(f"{number + 1:06d}", datetime.now(UTC), "")
            answer = await link.ask(network(acquirer, stamp, SIGN_ON), plan.timeout_s)
            if answer.get("39") != APPROVED:
                raise AcquirerError(f"sign-on of {acquirer} was answered {answer.get('39')}")
            links[acquirer].append(link)
        yield links
