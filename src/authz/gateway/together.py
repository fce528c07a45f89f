"""Looks things up many at a time: who asks while a look-up is at work goes with the next one.

As with the batches of the road there is no timer, and whoever is alone waits for nobody. A look-up
begins after every question that it answers, so that nobody is told anything older than his
question: what was committed before it is seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, Generic, TypeVar

from msgspec import Struct

Name = TypeVar("Name")
Found = TypeVar("Found")

PATIENCE_S: Final = 10.0
"""How long one look-up may take, the wait for an SQL connection included."""


class _Round(Struct, Generic[Name, Found]):
    """A look-up that has not begun: what it is to find, and its answer to come."""

    names: set[Name]
    found: asyncio.Task[Mapping[Name, Found]]


class Together(Generic[Name, Found]):
    """One look-up at a time, each of all the names that were asked for meanwhile."""

    def __init__(
        self, look_up: Callable[[Collection[Name]], Awaitable[Mapping[Name, Found]]]
    ) -> None:
        """`look_up` leaves out what is not there. Nothing is looked up before somebody asks."""
        self._look_up = look_up
        self._at_work = asyncio.Lock()
        self._next: _Round[Name, Found] | None = None

    async def find(self, name: Name) -> Found | None:
        """What has this name, or None. Raises what the look-up raises, and TimeoutError."""
        if self._next is None:
            names: set[Name] = set()
            self._next = _Round(names, asyncio.create_task(self._find(names)))
        self._next.names.add(name)
        # Who goes away while he waits must not take the answer from the others.
        return (await asyncio.shield(self._next.found)).get(name)

    async def _find(self, names: set[Name]) -> Mapping[Name, Found]:
        async with self._at_work, asyncio.timeout(PATIENCE_S):
            self._next = None  # whoever asks from here on is of the next round
            return await self._look_up(names)
