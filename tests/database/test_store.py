"""The store at its hard corners: lost answers, late commits, silence, races while reading."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from authz.decide.authorize import authorize
from authz.decide.writes import Writes
from authz.requests import Kind, Original, Request
from authz.storage import finding, reading, restamped
from authz.storage.reading import Reader
from authz.storage.reference import Reference
from authz.storage.store import Conflict, InDoubt, StoreDown
from simulators.faults import Cut, Pass, Rule, Swallow, Verdict, Way, cut_once_forwarded
from tests.authz.builders import BOOKS, again, numbers
from tests.between import Between
from tests.database.roads import Process, buys, one, people, people_template

__all__ = ["people", "people_template"]


@pytest.fixture
async def between(people: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Between]:
    """The way to the database of `people` through a proxy."""
    async with Between(people, tmp_path_factory.mktemp("p")) as it:
        yield it


def cut_instead_of(needle: bytes) -> Rule:
    """Cut the connection instead of forwarding what holds the needle, once."""
    left = 1

    def rule(way: Way, data: bytes) -> Verdict:
        nonlocal left
        if left and way is Way.TO_SERVER and needle in data:
            left = 0
            return Cut(0)
        return Pass()

    return rule


def swallow_once(needle: bytes) -> Rule:
    """Drop what holds the needle, and all that follows it on any line until told otherwise."""
    swallowing = False

    def rule(way: Way, data: bytes) -> Verdict:
        nonlocal swallowing
        swallowing = swallowing or (way is Way.TO_SERVER and needle in data)
        return Swallow() if swallowing else Pass()

    return rule


async def written(engine: Process, *requests: Request) -> Writes:
    """What a batch of these would write."""
    state = await engine.store.load(requests, await engine.holder_of(requests))
    return authorize(requests, state, BOOKS, numbers(9)).writes


async def test_a_commit_whose_answer_is_cut_off_is_answered_as_stored(
    between: Between, people: str
) -> None:
    async with Process(between.url) as engine:
        request = buys(1250)
        between.proxy.rule = cut_once_forwarded(request.fingerprint)
        outcomes = await engine.run(request, again(buys(100, 2)))
        assert [outcome and outcome.reason.name for outcome in outcomes] == ["APPROVED"] * 2
        assert engine.metrics.in_doubt == 1
        assert between.proxy.cuts == 1
    assert await one(people, "select count(*) from authorizations") == 2


async def test_a_save_that_was_cut_off_on_its_way_is_refused(between: Between, people: str) -> None:
    """Surely absent: 91 for a first request, silence for a repeat."""
    async with Process(between.url) as engine:
        request = buys(1250)
        between.proxy.rule = cut_instead_of(request.fingerprint)
        outcomes = await engine.run(request, again(buys(100, 2)))
        assert [outcome and outcome.reason.name for outcome in outcomes] == ["ISSUER_DOWN", None]
        assert engine.metrics.in_doubt == 1
        assert between.proxy.cuts == 1
    assert await one(people, "select count(*) from authorizations") == 0


async def test_a_save_that_was_settled_as_absent_can_never_land(people: str) -> None:
    """It lay in a buffer somewhere and arrives after we said 91: the fence stops it."""
    async with Process(people) as engine:
        lost = await written(engine, buys(1250), buys(100, 2))
        assert await engine.store.committed(lost) is False
        with pytest.raises(Conflict):
            await engine.store.save(lost)
    assert await one(people, "select count(*) from authorizations") == 0


async def test_a_save_that_is_still_at_work_is_waited_for(people: str) -> None:
    """Its SQL transaction holds the holders' locks: whoever settles waits for its end."""
    async with Process(people) as engine:
        lost = await written(engine, buys(1250))
        sql = await engine.pool.acquire()
        work = sql.transaction()
        await work.start()
        rows = (lost.afters, lost.keys, lost.decided, lost.movements)
        await sql.fetchval("select save_batch($1, $2, $3, $4)", *rows)
        settling = asyncio.create_task(engine.store.committed(lost))
        await until(
            people, "select count(*) > 0 from pg_stat_activity where wait_event = 'transactionid'"
        )
        assert not settling.done()
        await work.commit()
        await engine.pool.release(sql)
        assert await settling is True


async def until(url: str, question: str) -> None:
    """Ask the server until it says yes."""
    sql = await asyncpg.connect(url)
    while not await sql.fetchval(question):
        await sql.execute("select pg_stat_clear_snapshot()")
    await sql.close()


async def test_a_key_that_another_process_kept_does_not_prove_our_save(people: str) -> None:
    """Our batch was lost; a repeat of one of its requests went through another process since."""
    shared, alone = buys(1250, 1), buys(700, 2)
    async with Process(people) as ours, Process(people) as other:
        lost = await written(ours, shared, alone)
        assert await other.reasons(again(shared)) == ["APPROVED"]
        assert await ours.store.committed(lost) is False
        assert await ours.reasons(again(alone)) == ["APPROVED"]
    assert await one(people, "select count(*) from authorizations") == 2


async def test_nor_does_the_key_of_a_repeat_stamped_anew(people: str) -> None:
    """Both processes keep the known answer under it; what else was in our batch was lost."""
    first = buys(1250, 1, fingerprint=b"what is in 0200.", stan="000042")
    anew = again(replace(first, key_hash=bytes(16)))
    async with Process(people) as ours, Process(people) as other:
        assert await ours.reasons(first) == ["APPROVED"]
        lost, harmless = await written(ours, anew, buys(700, 2)), await written(ours, anew)
        assert lost.keys[0][0] == anew.key_hash
        assert await other.reasons(anew) == ["APPROVED"]
        assert await ours.store.committed(lost) is False
        assert await ours.store.committed(harmless) is True


async def test_a_silent_server_is_given_up_and_no_lane_hangs(between: Between) -> None:
    """The network swallows everything: no answer, no reset. Nothing was sent to commit yet."""
    async with Process(between.url, answer_timeout_s=0.5, statement_timeout_ms=300) as engine:
        request = buys(1250)
        holder_of = await engine.holder_of([request])
        between.proxy.black_hole = True
        outcomes = await engine.engine.run([request], holder_of)
        assert [outcome and outcome.reason.name for outcome in outcomes] == ["ISSUER_DOWN"]
        between.proxy.black_hole = False
        between.proxy.cut()
        await recovered(engine)
        assert await engine.reasons(again(request)) == ["APPROVED"]


async def recovered(engine: Process) -> None:
    """Until the pool has noticed that its old connections are gone, each costs one try."""
    tries = 0
    while tries < engine.pool.get_size():
        tries += 1
        with suppress(StoreDown):
            await engine.store.load([], {})


async def test_a_save_into_silence_is_in_doubt_and_never_a_fault(between: Between) -> None:
    async with Process(between.url, answer_timeout_s=0.5, statement_timeout_ms=300) as engine:
        request = buys(1250)
        lost = await written(engine, request)
        between.proxy.rule = swallow_once(request.fingerprint)
        with pytest.raises(InDoubt):
            await engine.store.save(lost)
        with pytest.raises(StoreDown):
            await engine.store.committed(lost)
        between.proxy.rule = None
        between.proxy.cut()
        await recovered(engine)
        assert await engine.store.committed(lost) is False


async def test_a_silent_server_does_not_hold_a_look_up(between: Between) -> None:
    async with Process(between.url, answer_timeout_s=0.5, statement_timeout_ms=300) as engine:
        between.proxy.black_hole = True
        with pytest.raises(StoreDown):
            await engine.store.load([buys(1250)], {})


async def test_under_locks_a_silent_server_is_given_up_too(between: Between) -> None:
    async with Process(between.url, answer_timeout_s=0.5, statement_timeout_ms=300) as engine:
        request = buys(1250)
        holder_of = await engine.holder_of([request])
        between.proxy.black_hole = True
        with pytest.raises(StoreDown):
            async with engine.store.exclusive([request], holder_of):
                pytest.fail("there is nobody there")


class Interrupted:
    """A SQL connection on which something happens just before one statement."""

    def __init__(self, sql: Any, before: str, happens: Callable[[], Awaitable[object]]) -> None:
        self._sql, self._before, self._happens = sql, before, happens
        self.happened = False

    async def fetch(self, statement: str, *arguments: object) -> Any:
        if statement == self._before and not self.happened:
            self.happened = True
            await self._happens()
        return await self._sql.fetch(statement, *arguments)


STATEMENTS = ["READ_KEPT", "READ_HOLDERS", "READ_RESTAMPED", "READ_MOVEMENTS", "READ_PAYMENTS"]


async def saved_beside(
    ours: Process, request: Request, statement: str, happens: Callable[[], Awaitable[object]]
) -> bool:
    """Read, decide and save `request` while something `happens` just before one statement.

    True when it was written; False when it was refused as a conflict.
    """
    sql_of = {**vars(reading), **vars(finding), **vars(restamped)}
    holder_of = await ours.holder_of([request])
    async with ours.pool.acquire() as sql:
        tx: Any = Interrupted(sql, sql_of[statement], happens)
        reader = Reader(Reference())
        state = await reader.read(tx, [request], holder_of, doubt_all=False)
    writes = authorize([request], state, BOOKS, numbers(9)).writes
    if not tx.happened:
        await happens()
    try:
        if writes.keys:
            await ours.store.save(writes)
    except Conflict:
        return False
    return bool(writes.keys)


@pytest.mark.parametrize("statement", STATEMENTS[:3])
async def test_a_repeat_that_is_read_beside_its_first_sending_debits_nothing(
    people: str, statement: str
) -> None:
    """The first sending commits in another process while the restamped repeat is being read."""
    first = buys(1250)
    repeat = again(first, key_hash=b"r" * 16, transmitted="1124235959")
    async with Process(people) as ours, Process(people) as other:
        await saved_beside(ours, repeat, statement, lambda: other.run(first))
    assert await one(people, "select count(*) from authorizations") == 1


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_two_reversals_of_one_payment_give_it_back_once(people: str, statement: str) -> None:
    """The other one commits in another process while ours is being read."""
    paid = buys(1250)
    async with Process(people) as ours, Process(people) as other:
        await other.run(paid)
        mine, theirs = reverses(paid), reverses(paid)
        await saved_beside(ours, mine, statement, lambda: other.run(theirs))
    given_back = "select coalesce(sum(amount_minor), 0) from transfers where about_seq is not null"
    assert await one(people, given_back) == 1250


def reverses(paid: Request, **changes: Any) -> Request:
    """A full reversal of a payment, under a key of its own."""
    about = Original(keys=(paid.key_hash,), stan=paid.stan, amount_minor=1250)
    plain = buys(1250, kind=Kind.REVERSAL, about=about)
    return replace(plain, card_ref=paid.card_ref, terminal=paid.terminal, **changes)
