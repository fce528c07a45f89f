"""Requests gather while a batch is at work; too many are refused, what was taken is answered."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

from authz.batch.batcher import Batcher, BatchLimits
from authz.batch.directory import Directory
from authz.outcomes import Outcome
from authz.requests import Request
from authz.storage.store import HolderOf
from rules.decision import Reason
from tests.authz.builders import again, card_ref, reason_of, some_request

LIMITS = BatchLimits(lanes=1, batch_size_max=100, waiting_max=10, repeats_reserved=4)


class Desk:
    """A batcher whose batches wait until they are let go."""

    def __init__(self, limits: BatchLimits = LIMITS) -> None:
        self.directory = Directory(known_max=100)
        self.batches: list[tuple[list[Request], HolderOf]] = []
        self.answered: list[tuple[Request, Outcome | None]] = []
        self._gates: list[asyncio.Event] = []
        self._started = asyncio.Event()
        self.batcher = Batcher(self._run, self.directory, limits)

    async def _run(
        self, requests: Sequence[Request], holder_of: HolderOf
    ) -> Sequence[Outcome | None]:
        gate = asyncio.Event()
        self.batches.append((list(requests), holder_of))
        self._gates.append(gate)
        self._started.set()
        await gate.wait()
        return [Outcome(Reason.APPROVED, request.purchase.amount_minor) for request in requests]

    def submit(self, *requests: Request) -> None:
        for request in requests:
            self.batcher.submit(request, partial(self._take, request))

    def _take(self, request: Request, outcome: Outcome | None) -> None:
        self.answered.append((request, outcome))

    async def started(self, count: int) -> None:
        """Wait until so many batches have begun."""
        while len(self.batches) < count:
            self._started.clear()
            await self._started.wait()

    def finish(self, number: int) -> None:
        """Let the batch of this number end."""
        self._gates[number].set()

    async def finish_all(self) -> None:
        """Let go what is at work and what comes after it, until all is answered."""
        draining = asyncio.create_task(self.batcher.drained())
        while not draining.done():
            for gate in self._gates:
                gate.set()
            await asyncio.sleep(0)
        await draining

    def reasons(self) -> list[Reason | None]:
        return [reason_of(outcome) for _, outcome in self.answered]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk that leaves no batch behind."""
    it = Desk()
    yield it
    await it.finish_all()


async def test_while_one_batch_is_at_work_the_next_gathers(desk: Desk) -> None:
    first, *others = [some_request(100 + n) for n in range(5)]
    desk.submit(first)
    await desk.started(1)
    desk.submit(*others)
    assert [len(batch) for batch, _ in desk.batches] == [1]
    desk.finish(0)
    await desk.started(2)
    assert [batch for batch, _ in desk.batches] == [[first], others]


async def test_a_lone_request_goes_at_once(desk: Desk) -> None:
    desk.submit(some_request())
    await desk.started(1)
    assert len(desk.batches) == 1


async def test_a_batch_is_never_larger_than_allowed() -> None:
    desk = Desk(BatchLimits(lanes=1, batch_size_max=3, waiting_max=50, repeats_reserved=4))
    desk.submit(*(some_request(100 + n) for n in range(8)))
    await desk.finish_all()
    assert [len(batch) for batch, _ in desk.batches] == [3, 3, 2]
    amounts = [request.purchase.amount_minor for request, _ in desk.answered]
    assert amounts == [100 + n for n in range(8)]


async def test_when_too_many_wait_a_first_request_is_refused_at_once(desk: Desk) -> None:
    desk.submit(*(some_request() for _ in range(6)))
    assert desk.answered == []
    desk.submit(some_request())
    assert desk.reasons() == [Reason.ISSUER_DOWN]
    assert desk.batcher.waiting == 6


async def test_repeats_have_room_of_their_own(desk: Desk) -> None:
    desk.submit(*(some_request() for _ in range(6)))
    desk.submit(*(again(some_request()) for _ in range(4)))
    assert desk.answered == []
    assert desk.batcher.waiting == 10


async def test_a_repeat_without_any_room_is_met_with_silence(desk: Desk) -> None:
    desk.submit(*(again(some_request()) for _ in range(10)))
    desk.submit(again(some_request()))
    assert desk.reasons() == [None]


async def test_room_comes_back_with_each_answer(desk: Desk) -> None:
    desk.submit(*(some_request() for _ in range(6)))
    await desk.finish_all()
    desk.submit(some_request())
    await desk.finish_all()
    assert desk.reasons() == [Reason.APPROVED] * 7


async def test_a_batch_is_told_of_the_holders_that_are_remembered(desk: Desk) -> None:
    desk.directory.remember([(card_ref(7), 700)])
    desk.submit(some_request(100, 7), some_request(100, 8))
    await desk.finish_all()
    ((batch, holder_of),) = desk.batches
    assert [request.card_ref for request in batch] == [card_ref(7), card_ref(8)]
    assert holder_of == {card_ref(7): 700}


def test_a_directory_forgets_the_oldest_first() -> None:
    directory = Directory(known_max=2)
    directory.remember([(card_ref(1), 1), (card_ref(2), 2)])
    directory.remember([(card_ref(3), 3)])
    assert [directory.known(card_ref(n)) for n in (1, 2, 3)] == [None, 2, 3]


async def test_draining_answers_everything_that_was_taken_in(desk: Desk) -> None:
    desk.submit(*(some_request() for _ in range(3)), *(some_request(1, 200) for _ in range(3)))
    await desk.started(1)
    draining = asyncio.create_task(desk.batcher.drained())
    await asyncio.sleep(0)
    assert not draining.done()
    await desk.finish_all()
    await draining
    assert desk.reasons() == [Reason.APPROVED] * 6
    assert desk.batcher.waiting == 0


async def test_a_peer_whose_answer_cannot_be_written_costs_its_neighbours_nothing(
    desk: Desk,
) -> None:
    def broken(outcome: Outcome | None) -> None:
        raise ValueError("no such peer")

    desk.batcher.submit(some_request(), broken)
    desk.submit(some_request(), some_request())
    await desk.finish_all()
    assert desk.reasons() == [Reason.APPROVED] * 2


async def test_a_caller_can_wait_for_its_outcome(desk: Desk) -> None:
    asking = asyncio.create_task(desk.batcher.ask(some_request(700)))
    await desk.finish_all()
    outcome = await asking
    assert outcome is not None and outcome.requested_minor == 700


async def test_a_caller_that_went_away_harms_nobody(desk: Desk) -> None:
    asking = asyncio.create_task(desk.batcher.ask(some_request()))
    await desk.started(1)
    asking.cancel()
    desk.submit(some_request())
    await desk.finish_all()
    assert desk.reasons() == [Reason.APPROVED]
