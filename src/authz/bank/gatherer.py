"""A queue that is worked off in batches, one at a time: what comes meanwhile goes with the next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Gatherer(Generic[Item]):
    """The batches are as large as they happen to be."""

    def __init__(self, work: Callable[[list[Item]], Awaitable[None]], size_max: int) -> None:
        """`work` handles a batch of at most `size_max` items and does not raise."""
        self._work = work
        self._size_max = size_max
        self._items: list[Item] = []
        self._task: asyncio.Task[None] | None = None

    def put(self, item: Item) -> None:
        """Add an item; it goes with the next batch."""
        self._items.append(item)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        while self._items:
            batch, self._items = self._items[: self._size_max], self._items[self._size_max :]
            await self._work(batch)
        self._task = None
