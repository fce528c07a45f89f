"""Holds nobody captures: they fall free after P-HOLD-TTL, and may be captured late (HLD-03).

One table: a life a row, its steps parted by `;`. `@` sets the clock; `hold A 2300 2` is a hold
called A of so many cents by person 2; what stands behind `=` is what must come of the step.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from authz.outcomes import Outcome
from authz.payments.history import find
from authz.payments.progress import state_of
from authz.requests import Kind
from tests.database.town import Town, town
from tests.road.people import Setting

WORKDAYS = [day for day in range(1, 17) if day not in (6, 13)]
"""Of December 2026; more of them than a holder's row remembers."""
CLOCK = {
    "friday": "2026-11-27T12:30:00+01:00",
    "friday evening": "2026-11-27T20:00:00+01:00",
    "sunday": "2026-11-29T18:00:00+01:00",
    "the last second": "2026-12-04T12:29:59+01:00",
    "7 days later": "2026-12-04T12:30:00+01:00",
    "8th day": "2026-12-05T00:00:00+01:00",
    "before summer": "2027-03-24T12:30:00+01:00",
    "in summer": "2027-03-31T12:30:00+02:00",
    "an hour later": "2027-03-31T13:30:00+02:00",
    "last of february": "2027-02-26T12:30:00+01:00",
    "march": "2027-03-08T09:00:00+01:00",
} | {f"december {day}": f"2026-12-{day:02d}T12:30:00+01:00" for day in WORKDAYS}
PEOPLE = {1: Setting(), 2: Setting(workplace="972", merchant="972")}
FULL = "lots = 2026:10000+0"
TWO_WEEKS = "; ".join(f"@december {day}; pay 100 = APPROVED" for day in WORKDAYS)

LIVES = {
    "a hold lives for seven days and no longer": f"""
        @friday; hold A 2300; @the last second; expire = 0; state A = AUTHORIZED;
        @7 days later; expire = 1; state A = EXPIRED; {FULL}""",
    "seven days are those of the workplace's clocks": """
        @before summer; hold A 1000 1; hold B 1000 2; @in summer; expire = 1; state A = EXPIRED;
        state B = AUTHORIZED; @an hour later; expire = 1; state B = EXPIRED""",
    "running it twice releases once": f"""
        @friday; hold A 2300; @8th day; expire = 1; expire = 0; {FULL}""",
    "what was captured or reversed never expires": """
        @friday; hold A 2000; hold B 300; @sunday; capture A 1900 = APPROVED;
        reverse B 0 = APPROVED; @8th day; expire = 0; state A = CAPTURED; state B = REVERSED""",
    "EX-52: a capture on Sunday takes less and counts on Friday": """
        @friday; hold A 2300; @sunday; capture A 1900 = APPROVED; lots = 2026:8100+0;
        @friday evening; used = 1900""",
    "what a partial reversal left expires too": f"""
        @friday; hold A 2300; reverse A 1000 = APPROVED; lots = 2026:9000+1000;
        @8th day; expire = 1; state A = EXPIRED; {FULL}""",
    "a late capture is taken once if funds allow": """
        @friday; hold A 2300; @8th day; expire = 1; capture A 2000 = APPROVED;
        capture A 300 = INVALID_AMOUNT; state A = CAPTURED; lots = 2026:8000+0""",
    "a late capture is declined when the day is full by now": """
        @friday; hold A 2300; @8th day; expire = 1; @friday; pay 2500 = APPROVED;
        @8th day; capture A 2300 = DAILY_CAP; state A = EXPIRED""",
    "a hold of February is captured late from the exchanged lot": """
        @last of february; hold A 1800; @march; exchange = 8200; expire = 1; exchange = 1800;
        capture A 1800 = APPROVED; lots = 2027:8200+0""",
    "a late capture takes at most what was left of the hold": """
        @friday; hold A 2300; reverse A 1000 = APPROVED; @8th day; expire = 1;
        capture A 1001 = INVALID_AMOUNT; capture A 1000 = APPROVED; lots = 2026:9000+0""",
    "a late capture goes by the cap of a day that left the row": f"""
        @friday; hold A 2000; let go A = APPROVED; pay 2000 = APPROVED; {TWO_WEEKS};
        capture A 501 = DAILY_CAP; capture A 500 = APPROVED""",
}


class Life:
    """One row at work: its holds by name."""

    def __init__(self, t: Town) -> None:
        self._town = t
        self._holds: dict[str, Outcome] = {}

    async def step(self, words: str) -> object:
        """What came of one step."""
        verbs: dict[str, Callable[..., Any]] = {
            "hold": self._hold, "pay": self._pay, "capture": self._capture,
            "reverse": self._reverse, "let go": self._let_go, "state": self._state,
            "expire": self._expire, "exchange": self._exchange, "lots": self._lots,
            "used": self._used,
        }  # fmt: skip
        verb = next(each for each in verbs if words.startswith(each))
        return await verbs[verb](*words.removeprefix(verb).split())

    async def _hold(self, name: str, minor: str, person: str = "1") -> str:
        self._holds[name] = await self._town.pay(int(minor), int(person), Kind.HOLD)
        return self._holds[name].reason.value

    async def _pay(self, minor: str) -> str:
        return (await self._town.pay(int(minor))).reason.value

    async def _capture(self, name: str, minor: str) -> str:
        done = await self._town.about(Kind.CAPTURE, self._holds[name], int(minor))
        return done.reason.value

    async def _reverse(self, name: str, left: str) -> str:
        done = await self._town.about(Kind.REVERSAL, self._holds[name], left_minor=int(left))
        return done.reason.value

    async def _let_go(self, name: str) -> str:
        return (await self._town.about(Kind.EXPIRY, self._holds[name])).reason.value

    async def _state(self, name: str) -> str:
        hold = self._holds[name]
        async with self._town.pool.acquire() as sql:
            found = await find(sql, hold.holder_id, hold.authorization_id, [self._town.book])
        assert found is not None
        return state_of(found.steps, approved=found.approved)

    async def _expire(self) -> int:
        done = await self._town.run("expire-holds")
        assert done["unanswered"] == 0
        return done["expired"]

    async def _exchange(self) -> int:
        """All people are exchanged; only those who pay here count."""
        done = await self._town.run("exchange-vintages")
        return done["exchanged"] % 10_000

    async def _lots(self) -> str:
        lots = await self._town.lots()
        return " ".join(f"{vintage}:{free}+{held}" for vintage, _, free, held, _ in lots)

    async def _used(self) -> int:
        return (await self._town.view()).standing.used_minor


@pytest.mark.parametrize("steps", LIVES.values(), ids=LIVES.keys())
async def test_the_life_of_a_hold(calendar_url: str, tmp_path: Path, steps: str) -> None:
    async with town(calendar_url, tmp_path, PEOPLE) as t:
        life = Life(t)
        for step in map(str.strip, steps.split(";")):
            if step.startswith("@"):
                await t.at(CLOCK[step[1:]])
                continue
            words, _, wanted = step.partition(" = ")
            assert str(await life.step(words)) == (wanted or "APPROVED"), step
