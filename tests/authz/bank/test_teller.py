"""What an answer of the bank means, and how those wait whose payment waits for it."""

import asyncio
from collections.abc import Sequence
from time import monotonic

import pytest

from authz.bank import teller
from authz.bank.teller import Teller, word_of
from authz.batch.batcher import Batcher, BatchLimits
from authz.batch.directory import Directory
from authz.decide.topup import BankWord
from authz.iso8583.message import Message
from authz.outcomes import Outcome, later
from authz.requests import Request
from authz.storage.store import HolderOf
from rules.decision import Reason
from tests.authz.builders import again, some_request


@pytest.mark.parametrize(
    ("code", "amount", "word"),
    [
        ("00", "000000001500", BankWord.APPROVED),
        ("00", "000000001000", BankWord.SILENT),
        ("05", "000000001500", BankWord.DECLINED),
        ("10", "000000001000", BankWord.DECLINED),
    ],
)
def test_only_an_approval_of_what_was_asked_is_one(code: str, amount: str, word: BankWord) -> None:
    """An approval of another amount is undone like a silence: nobody asked for that."""
    asked = Message("0200", {4: "000000001500"})
    assert word_of(asked, Message("0210", {4: amount, 39: code})) is word


class Road:
    """Batches of requests about one payment, which waits until it is said to be `settled`."""

    def __init__(self) -> None:
        self.settled = False
        self.asked = 0
        self.batcher = Batcher(
            self._run, Directory(known_max=10), BatchLimits(2, 1_000, 1_000, repeats_reserved=10)
        )
        self.teller = Teller(self.batcher, None)
        self.batcher.wait_for_bank = self.teller.take

    async def _run(self, requests: Sequence[Request], _: HolderOf) -> list[Outcome | None]:
        self.asked += len(requests)
        paid = Outcome(Reason.APPROVED, 4000, 4000, replayed=True)
        return [paid if self.settled else later((7, 1)) for _ in requests]

    async def polled(self, times: int) -> None:
        """Wait until so many more were asked."""
        until = self.asked + times
        while self.asked < until:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def test_of_many_that_wait_for_one_payment_one_looks_and_each_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teller, "POLL_S", 0.0)
    road = Road()
    outcomes: list[Outcome | None] = []
    async with asyncio.timeout(20):
        for _ in range(100):
            asked = again(some_request(4000, deadline_s=monotonic() + 60))
            road.batcher.submit(asked, outcomes.append)
        await road.polled(100 + 30)
        assert road.batcher.waiting == 100
        road.settled, before = True, road.asked
        await road.batcher.drained()
    assert [o and o.approved_minor for o in outcomes] == [4000] * 100
    assert road.asked - before <= 101, "each once, and the look that was under way"


async def test_who_looked_and_has_no_time_left_leaves_it_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teller, "POLL_S", 0.0)
    road = Road()
    first: list[Outcome | None] = []
    second: list[Outcome | None] = []
    async with asyncio.timeout(20):
        short = again(some_request(4000, deadline_s=monotonic() + 0.05))
        road.batcher.submit(short, first.append)
        long = again(some_request(4000, deadline_s=monotonic() + 60))
        road.batcher.submit(long, second.append)
        while not first:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        assert (first, second) == ([None], [])
        await road.polled(3)
        road.settled = True
        await road.batcher.drained()
    assert [o and o.approved_minor for o in second] == [4000]
