"""Several batches at work: no card in two of them, each card's requests in their order."""

import asyncio
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from authz.batch import batches
from authz.batch.batches import Batches, Done, Waiting
from authz.requests import Kind, Original
from tests.authz.builders import some_request

NOBODYS: Final = replace(some_request(), card_ref=b"")
REQUESTS: Final = {card: some_request(holder_id=card) for card in range(1, 16)}


def nobody_hears(_outcome: object) -> None:
    """These requests are not answered: only the order of their batches counts."""


ANSWER: Final[Done] = nobody_hears


class Bench:
    """Batches that stay at work until they are let go; requests are told apart by themselves."""

    def __init__(self, at_once_max: int = 2, size_max: int = 100) -> None:
        self.batches = Batches(self._work, at_once_max=at_once_max, size_max=size_max)
        self.put_in: list[Waiting] = []
        self.begun: list[list[Waiting]] = []
        self.at_work: dict[int, asyncio.Event] = {}

    async def _work(self, batch: list[Waiting]) -> None:
        number, gate = len(self.begun), asyncio.Event()
        self.begun.append(batch)
        self.at_work[number] = gate
        await gate.wait()
        del self.at_work[number]

    async def put(self, *cards: int | None) -> None:
        """Requests by these cards, or by none, all in one turn of the loop."""
        for card in cards:
            self._put(Waiting(NOBODYS if card is None else REQUESTS[card], ANSWER))
        await turns()

    async def put_in_turn(self, item: Waiting) -> None:
        """One request, with a turn of the loop of its own."""
        self._put(item)
        await turns()

    def _put(self, item: Waiting) -> None:
        self.put_in.append(item)
        self.batches.put(item)

    async def begins(self, card: int) -> None:
        """Wait until this card's request is at work in a batch of its own."""
        async with asyncio.timeout(5):
            while [card] not in self.cards:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def finish(self, number: int) -> None:
        """Let the batch of this number end."""
        self.at_work[number].set()
        await turns()

    async def finish_all(self) -> None:
        """Let everything end that is at work or comes after it."""
        while self.at_work:
            await self.finish(next(iter(self.at_work)))

    @property
    def cards(self) -> list[list[int | None]]:
        """Of each batch so far, by which cards its requests were."""
        return [list(map(card_of, batch)) for batch in self.begun]


def card_of(item: Waiting) -> int | None:
    """The number of the card of a request."""
    return int.from_bytes(item.request.card_ref, "big") or None


async def turns() -> None:
    """So many turns of the loop that whatever can begin has begun."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_comes_in_one_turn_goes_together_and_at_once() -> None:
    bench = Bench()
    await bench.put(1, 2, 3)
    assert bench.cards == [[1, 2, 3]]
    await bench.finish_all()


async def test_another_begins_beside_the_first_for_other_cards() -> None:
    bench = Bench()
    await bench.put(1)
    await bench.put(1, 2)
    assert bench.cards == [[1], [2]]
    await bench.finish(1)
    assert bench.cards == [[1], [2]]
    await bench.finish(0)
    assert bench.cards == [[1], [2], [1]]
    await bench.finish_all()


async def test_no_more_are_at_work_than_allowed() -> None:
    bench = Bench(at_once_max=3)
    for card in range(1, 6):
        await bench.put(card)
    assert bench.cards == [[1], [2], [3]]
    await bench.finish(1)
    assert bench.cards == [[1], [2], [3], [4, 5]]
    await bench.finish_all()


async def test_a_batch_that_fails_gives_its_lane_and_its_cards_back() -> None:
    begun: list[list[Waiting]] = []

    async def fail(batch: list[Waiting]) -> None:
        begun.append(batch)
        await asyncio.sleep(0)
        raise OSError

    both = Batches(fail, at_once_max=1, size_max=1)
    for _ in range(2):
        both.put(Waiting(REQUESTS[1], ANSWER))
    await turns()
    await turns()
    assert len(begun) == 2


async def test_few_wait_for_a_large_batch_and_enough_of_them_do_not() -> None:
    bench = Bench()
    await bench.put(*range(1, 11))
    await bench.put(11, 12, 13, 14)
    assert len(bench.begun) == 1
    await bench.put(15)
    assert bench.cards[1:] == [[11, 12, 13, 14, 15]]
    await bench.finish_all()


async def test_few_go_when_the_large_batch_is_done() -> None:
    bench = Bench()
    await bench.put(*range(1, 11))
    await bench.put(11)
    await bench.finish(0)
    assert bench.cards[1:] == [[11]]
    await bench.finish_all()


async def test_a_large_batch_that_stalls_keeps_nobody_else_waiting_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "PATIENCE_S", 0.001)
    bench = Bench()
    await bench.put(*range(1, 11))
    for card in (11, 12):
        await bench.put(card)
        await bench.begins(card)
        await bench.finish(len(bench.begun) - 1)
    assert bench.cards[1:] == [[11], [12]]
    await bench.finish_all()


async def test_what_a_small_batch_leaves_beside_a_stalled_one_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "PATIENCE_S", 0.001)
    bench = Bench()
    await bench.put(*range(1, 8))
    await bench.put(8, 9, 10, 11)
    await bench.put(12)
    await bench.finish(1)
    await bench.begins(12)
    await bench.finish_all()


async def test_few_do_not_go_at_once_either_when_a_smaller_batch_beside_the_large_one_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "PATIENCE_S", 3_600)
    bench = Bench()
    await bench.put(*range(1, 8))
    await bench.put(8, 9, 10, 11)
    await bench.put(12)
    await bench.finish(1)
    assert len(bench.begun) == 2
    await bench.finish_all()
    assert bench.cards[2:] == [[12]]


async def test_what_is_too_much_for_one_batch_fills_all_that_may_be_at_work() -> None:
    bench = Bench(at_once_max=3, size_max=2)
    await bench.put(*range(1, 10))
    assert bench.cards == [[1, 2], [3, 4], [5, 6]]
    await bench.finish_all()


async def test_two_cards_of_a_remembered_holder_are_never_in_two_batches() -> None:
    bench = Bench()
    for card in (1, 2):
        await bench.put_in_turn(Waiting(REQUESTS[card], ANSWER, 700))
    assert bench.cards == [[1]]
    await bench.finish(0)
    assert bench.cards == [[1], [2]]
    await bench.finish_all()


async def test_what_the_house_may_have_to_book_goes_one_batch_at_a_time() -> None:
    bench = Bench()
    for card in (1, 2, 3):
        advice = replace(REQUESTS[card], kind=Kind.ADVICE, about=Original(first_stan="1"))
        await bench.put_in_turn(Waiting(advice, ANSWER, 700 if card == 3 else None))
    assert bench.cards == [[1], [3]]
    await bench.finish(0)
    assert bench.cards == [[1], [3], [2]]
    await bench.finish_all()


async def test_a_batch_is_never_larger_than_allowed() -> None:
    bench = Bench(at_once_max=1, size_max=2)
    await bench.put(1, 2, 3, 4, 5)
    await bench.finish_all()
    assert bench.cards == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("nobody", [None, 7])
async def test_requests_without_a_card_go_one_batch_at_a_time_like_those_of_a_card(
    nobody: int | None,
) -> None:
    bench = Bench()
    await bench.put(nobody)
    await bench.put(nobody)
    assert bench.cards == [[nobody]]
    await bench.finish_all()
    assert bench.cards == [[nobody], [nobody]]


PUT = st.lists(st.one_of(st.none(), st.integers(1, 5)), min_size=1, max_size=12)
FINISH = st.integers(0, 3)


@given(
    st.lists(st.one_of(PUT, FINISH), max_size=30),
    st.integers(1, 4),
    st.integers(1, 6),
)
def test_whatever_comes_and_ends_when_nobody_is_lost_twice_at_work_or_overtaken(
    steps: list[list[int | None] | int], at_once_max: int, size_max: int
) -> None:
    async def live() -> Bench:
        bench = Bench(at_once_max, size_max)
        for step in steps:
            if isinstance(step, list):
                await bench.put(*step)
            elif bench.at_work:
                await bench.finish(list(bench.at_work)[step % len(bench.at_work)])
            working = [set(bench.cards[n]) for n in bench.at_work]
            assert len(working) <= at_once_max
            assert sum(map(len, working)) == len(set().union(*working))
            begun = sum(map(len, bench.begun))
            assert working or begun == len(bench.put_in), "somebody waits, and nothing is at work"
        await bench.finish_all()
        return bench

    bench = asyncio.run(live())
    assert all(1 <= len(batch) <= size_max for batch in bench.begun)
    went = [item for batch in bench.begun for item in batch]
    assert len(went) == len(bench.put_in)
    for card in set(map(card_of, bench.put_in)):
        came = [id(item) for item in bench.put_in if card_of(item) == card]
        assert [id(item) for item in went if card_of(item) == card] == came
