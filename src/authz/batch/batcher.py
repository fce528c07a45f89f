"""Where requests wait: each for its batch, and is answered when that is done.

When too many wait, a new request is refused at once; repeats have a share of the room of their own,
since refusing them would tell the acquirer "declined" of something that may stand approved.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from msgspec import Struct

from authz.batch.batches import Batches, Done, Waiting
from authz.batch.directory import Directory
from authz.outcomes import Later, Outcome, Reserved, refusal
from authz.requests import Request
from authz.storage.store import HolderOf

Run = Callable[[Sequence[Request], HolderOf], Awaitable[Sequence[Outcome | None]]]
Wait = Callable[[Request, Later, Done], None]
"""Takes over a request that has no answer yet; its `Done` is called once, with the outcome."""

_log = structlog.get_logger()


class BatchLimits(Struct, frozen=True):
    """How much may wait, in requests. `repeats_reserved` of `waiting_max` is for repeats alone.

    `lanes` is how many batches may be at work at a time.
    """

    lanes: int
    batch_size_max: int
    waiting_max: int
    repeats_reserved: int


class Batcher:
    """Takes requests in, gives each exactly one outcome."""

    def __init__(self, run: Run, directory: Directory, limits: BatchLimits) -> None:
        """`run` decides and saves one batch, and does not raise."""
        assert 0 <= limits.repeats_reserved < limits.waiting_max
        self._run = run
        self._directory = directory
        self._limits = limits
        self._batches = Batches(
            self._decide, at_once_max=limits.lanes, size_max=limits.batch_size_max
        )
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
        self._batches.put(Waiting(request, done, self._directory.known(request.card_ref)))

    def submit_again(self, request: Request, holder_id: int, done: Done) -> None:
        """Take in what belongs to a request that was taken in before, and takes no room of its own.

        `done` is told of a `Later` too: whoever asks again knows that it may be too early. What a
        `Reserved` waits for is asked as ever.
        """
        self._batches.put(Waiting(request, done, holder_id, again=True))

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

    async def _decide(self, batch: list[Waiting]) -> None:
        requests = [item.request for item in batch]
        holder_of = {item.request.card_ref: item.holder_id for item in batch if item.holder_id}
        outcomes = await self._run(requests, holder_of)
        for item, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Reserved) or (isinstance(outcome, Later) and not item.again):
                self.wait_for_bank(item.request, outcome, partial(self._finish, item))
            else:
                self._finish(item, outcome)

    def _finish(self, item: Waiting, outcome: Outcome | None) -> None:
        if not item.again:
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
