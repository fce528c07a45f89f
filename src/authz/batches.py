"""Which requests go together: several batches at work at a time, and no card in two of them.

Batches make themselves, without a timer: what comes while others are at work gathers, and goes as
soon as it is worth a batch of its own. A card's requests keep the order in which they came. Two
cards of one holder may meet in two batches: the version of the holder's row lets only one through.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Final

from msgspec import Struct

from authz.outcomes import Outcome
from authz.requests import Request

Done = Callable[[Outcome | None], None]
"""Takes the outcome, once; None means that silence is the only honest answer."""

WORTH_A_BATCH: Final = 0.5
"""What must wait, as a part of what is at work, before another batch begins beside it.

Few requests beside a large batch would have their fixed costs for themselves; beside a small one
they go at once.
"""


class Waiting(Struct):
    """One request on its way through the batcher."""

    request: Request
    done: Done
    holder_id: int | None = None


class Batches:
    """The queue before the engine."""

    def __init__(
        self, work: Callable[[list[Waiting]], Awaitable[None]], *, at_once_max: int, size_max: int
    ) -> None:
        """`work` handles a batch of at most `size_max` requests and does not raise."""
        self._work = work
        self._at_once_max = at_once_max
        self._size_max = size_max
        self._queue: list[Waiting] = []
        self._busy: set[bytes] = set()
        self._batches_at_work = 0
        self._requests_at_work = 0
        self._beginning = False
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, item: Waiting) -> None:
        """Add a request; it goes with the next batch that its card may be in."""
        self._queue.append(item)
        if not self._beginning and self._is_due():
            self._beginning = True
            task = asyncio.get_running_loop().create_task(self._work_off())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _is_due(self) -> bool:
        if not self._batches_at_work:
            return True
        worth = len(self._queue) >= WORTH_A_BATCH * self._requests_at_work
        return worth and self._batches_at_work < self._at_once_max

    async def _work_off(self) -> None:
        """One batch after the other. What this leaves, a batch that is still at work will find."""
        self._beginning = False
        while self._is_due() and (batch := self._take()):
            cards = {item.request.card_ref for item in batch}
            self._busy |= cards
            self._batches_at_work += 1
            self._requests_at_work += len(batch)
            await self._work(batch)
            self._requests_at_work -= len(batch)
            self._batches_at_work -= 1
            self._busy -= cards

    def _take(self) -> list[Waiting]:
        """Those who came first and whose card is in no batch; the others stay, in their order."""
        batch: list[Waiting] = []
        left: list[Waiting] = []
        busy, queue = self._busy, self._queue
        for place, item in enumerate(queue):
            if len(batch) == self._size_max:
                left.extend(islice(queue, place, None))
                break
            (left if item.request.card_ref in busy else batch).append(item)
        self._queue = left
        return batch
