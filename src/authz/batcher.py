"""Where requests wait: batches make themselves, without a timer.

While one batch is at work the next gathers; when it is done, all that wait go. A request first
finds its holder (from memory, or with others in one look-up), then waits in its holder's lane. When
too many wait, a new one is refused at once; repeats have a share of the room of their own, since
refusing them would tell the acquirer "declined" of something that may stand approved.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import structlog
from msgspec import Struct

from authz.directory import Directory
from authz.lanes import lane_of
from authz.outcomes import Later, Outcome, refusal
from authz.requests import Request
from authz.store import HolderOf, StoreDown

Item = TypeVar("Item")
Done = Callable[[Outcome | None], None]
"""Takes the outcome, once; None means that silence is the only honest answer."""
Run = Callable[[Sequence[Request], HolderOf], Awaitable[Sequence[Outcome | None]]]
Wait = Callable[[Request, Later, Done], None]
"""Takes over a request that has no answer yet; its `Done` is called once, with the outcome."""

_log = structlog.get_logger()


class Limits(Struct, frozen=True):
    """How much may wait, in requests. `repeats_reserved` of `waiting_max` is for repeats alone."""

    lanes: int
    batch_size_max: int
    waiting_max: int
    repeats_reserved: int


class Waiting(Struct):
    """One request on its way through the batcher."""

    request: Request
    done: Done
    holder_id: int | None = None


class Gatherer(Generic[Item]):
    """A queue that is worked off in batches, one at a time, as large as they happen to be."""

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


class Batcher:
    """Takes requests in, gives each exactly one outcome."""

    def __init__(self, run: Run, directory: Directory, limits: Limits) -> None:
        """`run` decides and saves one batch, and does not raise."""
        assert 0 <= limits.repeats_reserved < limits.waiting_max
        self._run = run
        self._directory = directory
        self._limits = limits
        self._lookup = Gatherer(self._resolve, limits.batch_size_max)
        self._lanes = [Gatherer(self._decide, limits.batch_size_max) for _ in range(limits.lanes)]
        self.wait_for_bank: Wait = _nobody_waits
        self._waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """Requests that were taken in and not yet answered."""
        return self._waiting

    def submit(self, request: Request, done: Done) -> None:
        """Take a request in; `done` is called with its outcome, perhaps at once."""
        reserved = self._limits.repeats_reserved if request.refusable else 0
        room = self._limits.waiting_max - reserved
        if self._waiting >= room:
            done(refusal(request))
            return
        self._waiting += 1
        self._idle.clear()
        item = Waiting(request, done, self._directory.known(request.card_ref))
        if item.holder_id is None:
            self._lookup.put(item)
        else:
            self._lane(item.holder_id).put(item)

    def submit_again(self, request: Request, holder_id: int, done: Done) -> None:
        """Take in what belongs to a request that was taken in before: it finds room always."""
        self._waiting += 1
        self._idle.clear()
        self._lane(holder_id).put(Waiting(request, done, holder_id))

    async def ask(self, request: Request) -> Outcome | None:
        """`submit` for callers that can wait."""
        answer: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome | None) -> None:
            if not answer.done():  # the caller may have gone
                answer.set_result(outcome)

        self.submit(request, done)
        return await answer

    async def drained(self) -> None:
        """Wait until everything that was taken in has been answered."""
        await self._idle.wait()

    def _lane(self, holder_id: int) -> Gatherer[Waiting]:
        lanes = self._limits.lanes
        return self._lanes[lane_of(holder_id, lanes) if lanes > 1 else 0]

    async def _resolve(self, batch: list[Waiting]) -> None:
        """Find the holders of a batch of unknown card references; nobody's go to the first lane."""
        try:
            found = await self._directory.find({item.request.card_ref for item in batch})
        except StoreDown:
            for item in batch:
                self._finish(item, refusal(item.request))
            return
        for item in batch:
            item.holder_id = found.get(item.request.card_ref)
            self._lane(item.holder_id or 0).put(item)

    async def _decide(self, batch: list[Waiting]) -> None:
        requests = [item.request for item in batch]
        holder_of = {item.request.card_ref: item.holder_id for item in batch if item.holder_id}
        outcomes = await self._run(requests, holder_of)
        for item, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Later):
                self.wait_for_bank(item.request, outcome, partial(self._finish, item))
            else:
                self._finish(item, outcome)

    def _finish(self, item: Waiting, outcome: Outcome | None) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self._idle.set()
        try:
            item.done(outcome)
        except Exception:  # noqa: BLE001 - one peer's answer must not cost its neighbours theirs
            _log.exception("answer_not_delivered")


def _nobody_waits(_request: Request, _answer: Later, done: Done) -> None:
    """Silence: what waits for the bank is settled by whoever has the line to it."""
    done(None)
