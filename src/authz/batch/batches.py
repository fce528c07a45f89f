"""Which requests go together: several batches at work at a time, and nobody in two of them.

Batches make themselves: a request goes at once where nothing is at work, and what comes meanwhile
gathers. It goes when the batch at work is done, or beside it: as soon as it is worth a batch of its
own, and surely after `PATIENCE_S`, since a batch that stalls must not keep others waiting. Whoever
is in a batch at work waits for its end, so that a card's requests keep the order of their coming.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Final

from msgspec import Struct

from authz.faults import told_as
from authz.outcomes import Outcome
from authz.requests import Request
from authz.state import HOUSE_HOLDER

Done = Callable[[Outcome | None], None]
"""Takes the outcome, once; None means that silence is the only honest answer."""

WORTH_A_BATCH: Final = 0.5
"""What must wait, as a part of what is at work, before another batch begins beside it at once.

Few requests beside a large batch would have the fixed costs of one for themselves.
"""
PATIENCE_S: Final = 0.01
"""How long few wait beside a large batch, in seconds, where there is room for another."""


class Waiting(Struct, frozen=True):
    """One request on its way through the batcher; its holder, if that is remembered.

    `again`: it belongs to a request that was taken in before, and is counted with that one.
    """

    request: Request
    done: Done
    holder_id: int | None = None
    again: bool = False

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
        self._batches_at_work = 0
        self._requests_at_work = 0
        self._beginning = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, item: Waiting) -> None:
        """Add a request; it goes with the next batch that it may be in."""
        self._queue.append(item)
        if self._busy.isdisjoint(item.party):
            self._look()

    def _look(self) -> None:
        """Begin another batch if those who wait are worth one, else look again before long."""
        if not self._may_begin():
            return
        if self._is_worth_it():
            self._begin()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PATIENCE_S, self._lose_patience)

    def _lose_patience(self) -> None:
        self._timer = None
        if self._may_begin():
            self._begin()

    def _may_begin(self) -> bool:
        """Whether somebody waits and there is room for another batch; one at a time begins."""
        has_room = not self._beginning and self._batches_at_work < self._at_once_max
        return has_room and bool(self._queue)

    def _is_worth_it(self) -> bool:
        return len(self._queue) >= WORTH_A_BATCH * self._requests_at_work

    def _begin(self) -> None:
        """Let another batch begin with the next turn of the loop."""
        self._beginning = True
        task = asyncio.get_running_loop().create_task(self._work_off())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:  # a fault of ours
            told_as("batch_failed")(task)
            self._look()  # who waits behind it must not wait for ever

    async def _work_off(self) -> None:
        """One batch after the other, while there is one worth it.

        Who is left is in a batch at work, whose own task looks again, or waits for the timer.
        """
        self._beginning = False
        while batch := self._take():
            parties = {name for item in batch for name in item.party} - {None}
            self._busy |= parties
            self._batches_at_work += 1
            self._requests_at_work += len(batch)
            self._look()
            try:
                await self._work(batch)
            finally:  # whatever becomes of a batch, its lane and its parties are free again
                self._requests_at_work -= len(batch)
                self._batches_at_work -= 1
                self._busy -= parties
            if not self._is_worth_it():
                self._look()
                return

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
