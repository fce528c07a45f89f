"""The running audit: slice by slice, round by round, and what is broken is told until it is not."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from authz.audit.prove import prove_all, prove_slice
from authz.commands.jobs import run_job
from authz.jobs.auditing import audit_slice
from authz.metrics import Metrics
from authz.requests import Kind
from authz.settings import load
from tests.database.town import Town, town
from tests.road.people import Setting
from tests.rules.builders import BOOK

ROLLED = {"totals_are_the_books"}
"""What is proved of all holders together only."""
VERSIONS = {BOOK.version: BOOK}


@pytest.fixture
async def t(calendar_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Four people who bought, held, captured, refunded and cancelled; proved afterwards."""
    async with town(calendar_url, tmp_path, dict.fromkeys((1, 2, 3, 4), Setting())) as made:
        for person in (1, 2, 3):
            bought = await made.pay(1000, person)
            await made.about(Kind.REFUND, bought, 250)
            held = await made.pay(700, person, Kind.HOLD)
            await made.about(Kind.CAPTURE, held, 600)
        yield made


async def step(t: Town, metrics: Metrics | None = None) -> tuple[int, int]:
    done = await audit_slice(t.pool, VERSIONS, 2, metrics)
    return done["holders"], done["broken"]


async def test_slice_by_slice_and_round_by_round(t: Town) -> None:
    """Four people and the house: a slice of two, two more, and the last."""
    assert [await step(t) for _ in range(6)] == [(2, 0), (2, 0), (1, 0)] * 2


async def test_the_metric_says_when_a_slice_and_a_round_last_held(t: Town) -> None:
    metrics, registry = Metrics(), CollectorRegistry()
    registry.register(metrics)
    name = "millesime_audit_success_timestamp_seconds"
    await step(t, metrics)
    assert f'{name}{{what="slice"}}' in generate_latest(registry).decode()
    assert f'{name}{{what="round"}}' not in generate_latest(registry).decode()
    await step(t, metrics)
    await step(t, metrics)
    assert registry.get_sample_value(name, {"what": "round"}) is not None


BREAKS = [
    ("update holders set lot_available[1] = lot_available[1] + 1 where holder_id = $1",
     "lots_are_their_replay"),
    ("update holders set usage_minor[1] = usage_minor[1] - 1 where holder_id = $1",
     "usage_is_the_books"),
    ("update transfers set amount_minor = amount_minor + 1 where holder_id = $1"
     " and kind = 'direct' and about_seq is not null", "answers_are_booked"),
    ("update authorizations set approved_minor = approved_minor - 1 where holder_id = $1"
     " and kind = 'PURCHASE'", "decisions_repeat"),
    ("delete from transfers where holder_id = $1 and seq = (select max(seq) from transfers"
     " where holder_id = $1)", "numbers_without_gap"),
    ("delete from ledger_accounts where holder_id = $1", "lots_are_opened"),
    ("insert into bank_legs select holder_id, authorization_id, 1, 'PURCHASE', 'APPROVED', 5, 5, 0,"
     " 0, '', '', null, null, null from authorizations where holder_id = $1 and kind = 'PURCHASE'",
     "both_legs"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "law"), BREAKS, ids=[law for _, law in BREAKS])
async def test_a_slice_finds_what_the_whole_audit_finds(
    t: Town, calendar_url: str, sql: str, law: str
) -> None:
    """In a transaction of the superuser, which is rolled back in the end."""
    holder = (await t.pay(100, 2)).holder_id
    superuser = await asyncpg.connect(calendar_url)
    undone = superuser.transaction(isolation="repeatable_read")
    await undone.start()
    await superuser.execute(sql, holder)
    whole = await prove_all(superuser, VERSIONS)
    own = await prove_slice(superuser, VERSIONS, holder - 1, 1)
    other = await prove_slice(superuser, VERSIONS, 0, holder - 1)
    await undone.rollback()
    await superuser.close()
    assert law in whole.broken
    assert {each.name for each in own.broken} == set(whole.broken) - ROLLED
    assert other.broken == ()


async def test_what_is_broken_is_told_until_a_round_ends_without_it(
    t: Town, calendar_url: str
) -> None:
    metrics, superuser = Metrics(), await asyncpg.connect(calendar_url)
    change = "update holders set lot_held[1] = lot_held[1] + $2 where holder_id = $1"
    first = await superuser.fetchval("select min(holder_id) from holders where holder_id > 1")
    await superuser.execute(change, first, 7)
    assert [await step(t, metrics) for _ in range(3)] == [(2, 1), (2, 0), (1, 0)]
    assert metrics.alarms["books_broken"] == 1
    assert await superuser.fetchval("select round_at is null from audit_mark")
    await superuser.execute(change, first, -7)
    assert [(await step(t, metrics))[1] for _ in range(2)] == [0, 0]
    assert metrics.alarms["books_broken"] == 1
    await step(t, metrics)
    assert metrics.alarms["books_broken"] == 0
    assert await superuser.fetchval("select round_at is not null from audit_mark")
    await superuser.close()


async def test_nothing_is_booked_behind_the_last_holder(t: Town, calendar_url: str) -> None:
    superuser = await asyncpg.connect(calendar_url)
    undone = superuser.transaction(isolation="repeatable_read")
    await undone.start()
    await superuser.execute(
        "insert into transfers select 999, seq, kind, 100, 200, 5, null, null, day, at"
        " from transfers where seq = 1 and about_seq is null limit 1"
    )
    last = await prove_slice(superuser, VERSIONS, 4, 500)
    await undone.rollback()
    await superuser.close()
    assert "numbers_without_gap" in {law.name for law in last.broken}


async def test_two_processes_never_prove_the_same_slice_at_once(t: Town) -> None:
    async with t.pool.acquire() as other, other.transaction():
        await other.execute("select 1 from audit_mark for update")
        assert await step(t) == (0, 0)
    assert await step(t) == (2, 0)


async def test_it_is_run_by_hand(t: Town, calendar_url: str) -> None:
    done = await run_job(calendar_url, "audit", t.books, None, load())
    assert done == {"holders": 5, "broken": 0}
