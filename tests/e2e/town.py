"""Terminals of a town that pay with the top-up, and undo what they had no answer to.

What they saw is compared with the books when it is over: `prove` wants the bank's books, ours and
the terminals' to agree to the cent.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any, Final

import asyncpg

from simulators.engine_process import command
from simulators.link import Link, LinkDownError, UnansweredError
from simulators.messages import Stamp, capture, purchase, refund, repeat, reversal
from simulators.wire import Fields
from tests.agreement import disagreements, nothing_open
from tests.road.people import Setting, card, terminal

NOON: Final = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
LINKED: Final = Setting(top_up=True, lots={2026: 100_000})
PEOPLE: Final = 40
AT_ONCE: Final = 16
ANSWER_S: Final = 4.0
PATIENCE_S: Final = 60
PACE_S: Final = 0.1
"""Between two payments of a till: else most of a run would pass while the bank is away, when all
are answered at once."""
APPROVALS: Final = ("00", "10")
DECIDED: Final = """
    select rrn, approved_minor from authorizations
    where kind in ('PURCHASE', 'HOLD') and approved_minor > 0
"""


@dataclass
class Seen:
    """What terminals saw: approved amounts by reference, what they undid, answers by code."""

    approved: dict[str, int] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    codes: dict[str, int] = field(default_factory=dict)


class Town:
    """So many terminals, one for each person."""

    def __init__(self, seed: int) -> None:
        """The same seed makes the same payments."""
        self.seen = Seen()
        self.address = ""
        self.chance = Random(seed)
        self._stans = count(1)

    def stamp(self) -> Stamp:
        """The next."""
        number = next(self._stans)
        return Stamp(f"{number:06d}", NOON, f"{number:012d}")

    async def run(self, payments: int) -> None:
        """So many payments, some at a time."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with room:
                await self._random()
                await asyncio.sleep(PACE_S)

        await asyncio.gather(*(one() for _ in range(payments)))

    async def _random(self) -> None:
        chance = self.chance
        person = chance.randint(1, PEOPLE)
        amount_minor = chance.choice((900, 2600, 3100, 4000, 5500))
        asked = self.purchase(
            person, amount_minor, partial=chance.random() < 0.5, hold=chance.random() < 0.2
        )
        undo, again = chance.random() < 0.1, chance.random() < 0.3
        answer = await self.pay(asked)
        if answer is None and again:
            answer = await self.pay(repeat(asked))
        if undo or answer is None:
            await self.undo(asked)

    def purchase(self, person: int, amount_minor: int, **more: Any) -> Fields:
        """A question of the person's terminal."""
        return purchase(card(LINKED, person), terminal(person), self.stamp(), amount_minor, **more)

    async def pay(self, asked: Fields) -> Fields | None:
        """The answer, or None where there was none in time."""
        try:
            async with Link(self.address) as link:
                answer = await link.ask(asked, ANSWER_S)
        except (LinkDownError, UnansweredError):
            return None
        code = answer["39"]
        self.seen.codes[code] = self.seen.codes.get(code, 0) + 1
        if code in APPROVALS:
            self.seen.approved[asked["37"]] = int(answer["4"])
        return answer

    async def undo(self, asked: Fields, kept_minor: int | None = None) -> None:
        """0420 until it is answered; down to `kept_minor` where something is kept."""
        undo = reversal(asked, self.stamp(), kept_minor=kept_minor)
        await self.insist(undo, "00")
        self.seen.undone.add(asked["37"])

    async def capture(self, held: Fields, amount_minor: int, code: str) -> None:
        """Take so much of a hold."""
        await self.insist(capture(held, self.stamp(), amount_minor, code), "00")

    async def refund(self, paid: Fields, amount_minor: int) -> None:
        """Give so much back."""
        await self.insist(refund(paid, self.stamp(), amount_minor), "00")

    async def insist(self, asked: Fields, code: str) -> None:
        """Ask until there is an answer, which must be this."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(LinkDownError, UnansweredError):
                    async with Link(self.address) as link:
                        answer = await link.ask(asked, ANSWER_S)
                    assert answer["39"] == code, answer
                    return
                await asyncio.sleep(0.2)
                asked = repeat(asked)


async def prove(
    url: str, bank: Mapping[str, Any], seen: Seen, *where: str, within_s: float = 30
) -> None:
    """Nothing is open, all books agree, and `millesime audit` with the flags `where` holds."""
    await nothing_open(url, within_s)
    assert await disagreements(url, dict(bank)) == []
    audit = await asyncio.to_thread(command, "audit", *where)
    assert audit.returncode == 0, audit.stdout
    sql = await asyncpg.connect(url)
    try:
        booked = {row["rrn"]: row["approved_minor"] for row in await sql.fetch(DECIDED)}
    finally:
        await sql.close()
    for rrn, amount_minor in seen.approved.items():
        assert booked.get(rrn) == amount_minor, rrn
    assert booked.keys() <= seen.approved.keys() | seen.undone
