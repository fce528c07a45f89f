"""One payment terminal: sends what a person asks for, keeps a journal, shows the answer."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from simulators import codes
from simulators.journal import Journal, Silent, answered, identity, sent
from simulators.link import ANSWER_TIMEOUT_S, Link, LinkDownError, UnansweredError
from simulators.messages import ECHO, Stamp, amounts_in, masked, network, repeat
from simulators.wire import Fields

AMOUNT_KINDS: Final = {
    "01": "total balance",
    "02": "usable today",
    "57": "amount asked",
    "90": "eligible subtotal",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, or None for a silence, and after how long."""

    answer: Fields | None
    latency_us: int

    @property
    def code(self) -> str | None:
        """The response code, None for a silence."""
        return None if self.answer is None else self.answer.get("39")


class Stamps:
    """Hands out the identities of a terminal's messages: STANs that follow each other, RRNs."""

    def __init__(self, first: int | None = None) -> None:
        """Start at `first`, or anywhere, as a terminal switched on in the morning does."""
        start = time.time_ns() // 1_000_000 % 900_000 if first is None else first
        self._numbers = itertools.count(start)

    def next(self, at: datetime | None = None) -> Stamp:
        """Name the next message, sent at `at` (UTC) or now."""
        at = at or datetime.now(UTC)
        stan = f"{next(self._numbers) % 999_999 + 1:06d}"
        return Stamp(stan, at, f"{at:%y}"[-1] + f"{at:%j%H}{stan}")


class Terminal:
    """Sends over one link and writes down each message and each answer."""

    def __init__(self, link: Link, journal: Journal, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """`link` may be shared with other terminals of the same acquirer."""
        self._link, self.journal, self._timeout_s = link, journal, timeout_s

    async def pay(self, question: Fields, **known: str) -> Reply:
        """Send a message and wait for its answer. `known` goes into the journal."""
        self.journal.write(sent(question, **known))
        started = time.perf_counter_ns()
        try:
            answer = await self._link.ask(question, self._timeout_s)
        except (UnansweredError, LinkDownError) as silence:
            self.journal.write(_silent(question, silence))
            return Reply(None, _us_since(started))
        reply = Reply(answer, _us_since(started))
        self.journal.write(answered(question, answer, reply.latency_us))
        return reply

    async def pay_until_answered(
        self, question: Fields, times: int, pause_s: float, **known: str
    ) -> Reply:
        """Send a message, then its repeats after pauses, until answered or `times` in all."""
        reply = await self.pay(question, **known)
        for _ in range(times - 1):
            if reply.answer is not None:
                break
            await asyncio.sleep(pause_s)
            reply = await self.pay(repeat(question), **known)
        return reply

    async def echo(self, acquirer: str, stamp: Stamp) -> bool:
        """Ask whether anybody is there (0800/301)."""
        answer = await self._link.ask(network(acquirer, stamp, ECHO), self._timeout_s)
        return answer.get("39") == codes.APPROVED


def panel(question: Fields, reply: Reply) -> Panel:
    """Show a question with its answer as the person at the till would want to read it."""
    answer, code = reply.answer, reply.code
    good = code in codes.APPROVALS
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(question, answer):
        table.add_row(f"[dim]{name}[/]", value)
    verdict = f"[bold {'green' if good else 'red'}]{code or '--'} {codes.meaning(code)}[/]"
    title = f"{question['t']} → {answer['t'] if answer is not None else 'silence'}"
    subtitle = f"{reply.latency_us / 1_000:.1f} ms"
    return Panel(Group(verdict, table), title=title, subtitle=subtitle, expand=False)


def euros(amount_minor: int) -> str:
    """Write cents as euros."""
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{abs(amount_minor) // 100}.{abs(amount_minor) % 100:02d} EUR"


def _rows(question: Fields, answer: Fields | None) -> Iterator[tuple[str, str]]:
    yield "card", masked(question.get("2", ""))
    yield "asked", euros(int(question.get("4", "0")))
    for kind, amount_minor in amounts_in(question.get("54", "")):
        yield AMOUNT_KINDS.get(kind, kind), euros(amount_minor)
    yield "reference", f"{question.get('37', '')}, STAN {question['11']}"
    if answer is None:
        return
    if answer.get("39") in codes.APPROVALS:
        yield "approved", euros(int(answer.get("4", "0")))
        yield "approval code", answer.get("38", "")
    for kind, amount_minor in amounts_in(answer.get("54", "")):
        yield AMOUNT_KINDS.get(kind, kind), euros(amount_minor)


def _silent(question: Fields, silence: Exception) -> Silent:
    why: Literal["timeout", "link"]
    why = "timeout" if isinstance(silence, UnansweredError) else "link"
    return Silent(at=datetime.now(UTC), key=identity(question), mti=question["t"], why=why)


def _us_since(started_ns: int) -> int:
    return (time.perf_counter_ns() - started_ns) // 1_000
