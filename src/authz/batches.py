"""Which requests go together: several batches at work at a time, and nobody in two of them.

Batches make themselves, without a timer: a request goes at once while there is room for another
batch; what comes while there is none gathers, and goes with the next. Whoever is in a batch at work
waits for its end, so that a card's requests keep the order in which they came.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice

from msgspec import Struct

from authz.outcomes import Outcome
from authz.requests import Request
from authz.state import HOUSE_HOLDER

Done = Callable[[Outcome | None], None]
"""Takes the outcome, once; None means that silence is the only honest answer."""


class Waiting(Struct):
    """One request on its way through the batcher; its holder, if that is remembered."""

    request: Request
    done: Done
    holder_id: int | None = None

    @property
    def party(self) -> tuple[bytes, int | None]:
        """Whom it moves, by card and by holder: no other batch may have either of them.

        What is about a payment of a card that nobody knows may be the house's own (advices are).
        Where the holder is not remembered yet, two cards of one may meet in two batches: the
        version of the holder's row lets one of the batches through, the other decides again.
        """
        request = self.request
        if self.holder_id is None and request.about is not None:
            return request.card_ref, HOUSE_HOLDER
        return request.card_ref, self.holder_id


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
        self._busy: set[bytes | int | None] = set()
        self._at_work = 0
        self._beginning = False
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, item: Waiting) -> None:
        """Add a request; it goes with the next batch that it may be in."""
        self._queue.append(item)
        if self._busy.isdisjoint(item.party):
            self._begin()

    def _begin(self) -> None:
        """Let another batch begin with the next turn of the loop, if there is room for one."""
        if self._beginning or self._at_work >= self._at_once_max:
            return
        self._beginning = True
        task = asyncio.get_running_loop().create_task(self._work_off())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_off(self) -> None:
        """One batch after the other; who is left is in a batch whose own task looks again."""
        self._beginning = False
        while batch := self._take():
            parties = {name for item in batch for name in item.party} - {None}
            self._busy |= parties
            self._at_work += 1
            if self._queue:
                self._begin()
            await self._work(batch)
            self._at_work -= 1
            self._busy -= parties

    def _take(self) -> list[Waiting]:
        """Those who came first and are in no other batch; the others stay, in their order."""
        batch: list[Waiting] = []
        left: list[Waiting] = []
        busy, queue = self._busy, self._queue
        for place, item in enumerate(queue):
            if len(batch) == self._size_max:
                left.extend(islice(queue, place, None))
                break
            (batch if busy.isdisjoint(item.party) else left).append(item)
        self._queue = left
        return batch
