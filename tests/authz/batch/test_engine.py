"""One batch: load, decide, save, and only then outcomes; and everything that can go wrong there."""

import asyncio
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from msgspec.structs import replace

from authz.batch import engine as engine_module
from authz.batch.engine import Engine
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.requests import Request
from authz.storage.store import Conflict, InDoubt, StoreDown
from rules.decision import Reason
from tests.authz.builders import (
    BOOKS,
    again,
    numbers,
    reason_of,
    some_holder,
    some_request,
    some_state,
)
from tests.authz.memory_store import MemoryStore

LONG_AGO_S = 0.0


class Bench:
    """An engine at a store in memory."""

    def __init__(self, people: int = 1) -> None:
        self.store = MemoryStore(some_state(*(some_holder(n) for n in range(1, people + 1))))
        self.metrics = Metrics()
        self.engine = Engine(self.store.as_store(), BOOKS, numbers(), self.metrics)

    async def run(self, *requests: Request) -> list[Outcome | None]:
        known = self.store.state.holder_of
        holder_of = {r.card_ref: known[r.card_ref] for r in requests if r.card_ref in known}
        return await self.engine.run(requests, holder_of)

    async def reasons(self, *requests: Request) -> list[Reason | None]:
        return [reason_of(outcome) for outcome in await self.run(*requests)]

    def calls(self, method: str) -> list[int]:
        return [size for name, size in self.store.calls if name == method]


@pytest.fixture
def bench() -> Bench:
    """Eight people at one engine."""
    return Bench(8)


OK, DOWN, POISON = Reason.APPROVED, Reason.ISSUER_DOWN, Reason.SYSTEM


async def test_outcomes_come_in_the_order_of_the_requests(bench: Bench) -> None:
    asked = [some_request(100 * n, n) for n in (3, 1, 2)]
    outcomes = await bench.run(*asked)
    assert [outcome and outcome.approved_minor for outcome in outcomes] == [300, 100, 200]
    assert [outcome and outcome.holder_id for outcome in outcomes] == [3, 1, 2]


async def test_nothing_is_answered_before_it_is_saved(bench: Bench) -> None:
    gate = asyncio.Event()
    save = bench.store.save
    reached = asyncio.Event()

    async def slow_save(writes: object) -> None:
        reached.set()
        await gate.wait()
        await save(writes)  # type: ignore[arg-type]

    bench.store.save = slow_save  # type: ignore[method-assign]
    answering = asyncio.create_task(bench.run(some_request()))
    await reached.wait()
    assert not answering.done()
    assert not bench.store.decided
    gate.set()
    assert [reason_of(outcome) for outcome in await answering] == [OK]
    assert len(bench.store.decided) == 1


async def test_a_batch_that_decides_nothing_saves_nothing(bench: Bench) -> None:
    stranger = some_request(card_ref=b"?" * 16)
    assert await bench.reasons(stranger) == [Reason.UNKNOWN_CARD]
    assert bench.calls("save") == []


async def test_requests_of_one_batch_see_each_other(bench: Bench) -> None:
    asked = [some_request(2000), some_request(600), some_request(500)]
    assert await bench.reasons(*asked) == [OK, Reason.DAILY_CAP, OK]


async def test_after_a_conflict_the_batch_is_decided_again_under_locks(bench: Bench) -> None:
    bench.store.fail("save", Conflict("MV001"))
    assert await bench.reasons(some_request(), some_request(100, 2)) == [OK, OK]
    assert [name for name, _ in bench.store.calls] == [
        "load", "save", "exclusive", "load", "save",
    ]  # fmt: skip
    assert len(bench.store.decided) == 2
    assert bench.metrics.conflicts == 1


async def test_what_moved_meanwhile_is_seen_by_the_second_decision(bench: Bench) -> None:
    """Two engines on one database: the other one spends the day's cap between load and save."""
    other = Engine(bench.store.as_store(), BOOKS, numbers(2), Metrics())
    theirs = some_request(2500)
    spent: list[Outcome | None] = []
    save = bench.store.save

    async def beaten(writes: object) -> None:
        bench.store.save = save  # type: ignore[method-assign]
        spent.extend(await other.run([theirs], bench.store.state.holder_of))
        await save(writes)  # type: ignore[arg-type]

    bench.store.save = beaten  # type: ignore[method-assign]
    assert await bench.reasons(some_request(2500)) == [Reason.DAILY_CAP]
    assert [reason_of(outcome) for outcome in spent] == [OK]
    assert bench.store.debits() == {2026: 2500}


async def test_after_a_second_conflict_each_request_goes_alone(bench: Bench) -> None:
    bench.store.fail("save", Conflict("MV001"), Conflict("23505"))
    asked = [some_request(100, n) for n in (1, 2, 3)]
    assert await bench.reasons(*asked) == [OK, OK, OK]
    assert bench.calls("exclusive") == [3, 1, 1, 1]


async def test_a_request_that_conflicts_to_the_end_is_refused_not_guessed(bench: Bench) -> None:
    bench.store.fail("save", *(Conflict("23505") for _ in range(4)))
    kept = some_request()
    assert await bench.reasons(kept) == [DOWN]
    assert not bench.store.decided


@pytest.mark.parametrize("method", ["load", "save"])
async def test_without_a_database_a_first_request_is_refused_and_a_repeat_not_answered(
    bench: Bench, method: str
) -> None:
    bench.store.fail(method, StoreDown("OSError"))
    asked = [some_request(), again(some_request(100, 2))]
    assert await bench.reasons(*asked) == [DOWN, None]
    assert not bench.store.decided


async def test_who_is_too_late_is_refused_and_changes_nothing(bench: Bench) -> None:
    late = some_request(100, deadline_s=LONG_AGO_S)
    late_repeat = again(some_request(100, deadline_s=LONG_AGO_S))
    asked = [late, some_request(200, 2), late_repeat]
    assert await bench.reasons(*asked) == [DOWN, OK, None]
    assert [row["requested_minor"] for row in bench.store.decided] == [200]


async def test_a_commit_in_doubt_that_was_reached_is_answered_as_stored(bench: Bench) -> None:
    bench.store.fail("commit", InDoubt("ConnectionDoesNotExistError"))
    asked = [some_request(), again(some_request(100, 2))]
    assert await bench.reasons(*asked) == [OK, OK]
    assert len(bench.store.decided) == 2
    assert bench.metrics.in_doubt == 1


async def test_a_commit_in_doubt_that_never_was_is_refused_and_can_never_land(
    bench: Bench,
) -> None:
    bench.store.fail("save", InDoubt("ConnectionDoesNotExistError"))
    asked = [some_request(), again(some_request(100, 2))]
    assert await bench.reasons(*asked) == [DOWN, None]
    assert bench.store.lost is not None
    with pytest.raises(Conflict):
        bench.store.land(bench.store.lost)
    assert not bench.store.decided


async def test_in_doubt_the_database_is_asked_until_it_knows(bench: Bench) -> None:
    bench.store.fail("commit", InDoubt("TimeoutError"))
    bench.store.fail("committed", StoreDown("OSError"), StoreDown("OSError"))
    assert await bench.reasons(some_request()) == [OK]
    assert len(bench.calls("committed")) == 3


async def test_in_doubt_under_locks_is_settled_the_same_way(bench: Bench) -> None:
    bench.store.fail("save", Conflict("MV001"))
    bench.store.fail("commit", InDoubt("TimeoutError"))
    assert await bench.reasons(some_request()) == [OK]
    assert bench.calls("committed") == [1]


async def test_what_nobody_can_tell_in_time_is_not_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither approved nor declined: the peer will repeat or reverse (ARCHITECTURE, corner 6)."""
    clock: Iterator[float] = chain([0.0, 0.0, 1.0, 2.0], repeat(99.0))
    monkeypatch.setattr(engine_module, "monotonic", lambda: next(clock))
    monkeypatch.setattr(engine_module, "SETTLE_PAUSE_S", 0.0)
    bench.store.fail("commit", InDoubt("TimeoutError"))
    bench.store.fail("committed", *(StoreDown("OSError") for _ in range(9)))
    asked = [some_request(deadline_s=10.0), again(some_request(100, 2, deadline_s=5.0))]
    assert await bench.run(*asked) == [None, None]


@pytest.mark.parametrize("place", [0, 3, 6])
async def test_one_poisonous_request_costs_its_neighbours_nothing(bench: Bench, place: int) -> None:
    asked = [some_request(100 * n, n) for n in range(1, 8)]
    bench.store.poison = lambda row: row["stan"] == asked[place].stan
    outcomes = await bench.run(*asked)
    reasons = [reason_of(outcome) for outcome in outcomes]
    assert reasons == [POISON if n == place else OK for n in range(7)]
    poisoned = outcomes[place]
    assert poisoned is not None and poisoned.poison
    assert len(bench.store.decided) == 6
    assert bench.metrics.poisoned == 1
    # Halved, not one by one: seven requests take three more rounds of two.
    assert len(bench.calls("load")) <= 7


async def test_a_fault_of_ours_while_deciding_is_poison_too(bench: Bench) -> None:
    """A holder whose programme has no rulebook."""
    holder = bench.store.state.holders[2]
    held = holder.profile.accounts[0]
    foreign = replace(held, account=replace(held.account, programme="nowhere"))
    profile = replace(holder.profile, accounts=(foreign,))
    bench.store.state.holders[2] = replace(holder, profile=profile)
    assert await bench.reasons(some_request(100, 1), some_request(100, 2)) == [OK, POISON]


async def test_a_poisonous_request_leaves_nothing_and_may_come_again(bench: Bench) -> None:
    request = some_request()
    bench.store.poison = lambda row: True
    assert await bench.reasons(request) == [POISON]
    bench.store.poison = lambda row: False
    assert await bench.reasons(again(request)) == [OK]


async def test_the_same_key_is_decided_once(bench: Bench) -> None:
    request = some_request()
    first = await bench.run(request)
    second = await bench.run(again(request), again(request))
    assert len(bench.store.decided) == 1
    for outcome in second:
        assert outcome is not None and first[0] is not None and outcome.replayed
        assert outcome.approval_code == first[0].approval_code


async def test_batches_are_counted_with_their_size(bench: Bench) -> None:
    await bench.run(*(some_request(100, n) for n in (1, 2, 3)))
    assert bench.metrics.batch_size.family("x", "y").samples[-1].value == 3
