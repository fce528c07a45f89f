"""Roll-up, seal and retention as jobs beside a real engine: twice at once, and again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from authz.audit.prove import prove_all
from authz.custody.keys import Secret
from authz.jobs.retention import USUAL, Retention
from authz.jobs.sealing import seal_books
from authz.jobs.timers import JOBS, Counts, Work
from authz.requests import Kind
from authz.settlement.remit import remit
from authz.settlement.rollup import roll_up
from authz.storage import schema
from ledger.rollup import behind
from ledger.seal import SealKey, unsealed
from ledger.seal_check import check_seals
from tests.database.town import Town, town
from tests.road.people import Setting, as_world

LATER = datetime(2030, 1, 1, tzinfo=UTC)
KEY = SealKey("seal-1", Secret(bytes(range(32))))


@pytest.fixture
async def busy(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Five people who bought, held, captured, refunded and cancelled; proved afterwards."""
    await schema.upgrade(database_url)
    async with town(database_url, tmp_path, dict.fromkeys(range(1, 6), Setting())) as made:
        for person in range(1, 6):
            bought = await made.pay(1000, person)
            held = await made.pay(700, person, Kind.HOLD)
            await made.about(Kind.CAPTURE, held, 600)
            await made.about(Kind.REFUND, bought, 250)
            await made.about(Kind.REVERSAL, await made.pay(200, person))
        yield made
        await made.prove()


async def run(town: Town, job: str, retention: Retention = USUAL) -> Counts:
    work = Work(town.pool, lambda asked: town.engine.run(asked, {}), town.books, town.now)
    return await JOBS[job].run(replace(work, seal_key=KEY, retention=retention))


async def test_two_roll_ups_at_once_count_everything_once(busy: Town) -> None:
    done = await asyncio.gather(*(roll_up(busy.pool, busy.book) for _ in range(2)))
    assert sum(each["movements"] for each in done) == await busy.pool.fetchval(
        "select count(*) from transfers"
    )
    await run(busy, "roll-up")
    async with busy.pool.acquire() as sql:
        assert await behind(sql) == (0, 0)


async def test_two_sealers_at_once_make_one_chain(busy: Town) -> None:
    await asyncio.gather(*(seal_books(busy.pool, KEY, busy.now, holders_max=1) for _ in range(2)))
    await run(busy, "seal")
    async with busy.pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
        assert await unsealed(sql, LATER) == 0
        report = await prove_all(sql, {busy.book.version: busy.book}, seal_key=KEY)
        assert report.holds and report.seals_verified


async def test_jobs_that_have_nothing_to_do_do_nothing(busy: Town) -> None:
    for job, what in (("roll-up", "movements"), ("seal", "heads")):
        assert (await run(busy, job))[what] > 0
        assert (await run(busy, job))[what] == 0


@pytest.mark.parametrize(
    "change",
    [
        "update rolled_totals set credits_posted = credits_posted + 1 where account_id = -1",
        "update rolled_totals set day = day - 400",
    ],
)
async def test_a_total_that_was_changed_is_named_by_the_audit(busy: Town, change: str) -> None:
    await run(busy, "roll-up")
    async with busy.pool.acquire() as sql:
        transaction = sql.transaction(isolation="repeatable_read")
        await transaction.start()
        await sql.execute(change)
        report = await prove_all(sql, {busy.book.version: busy.book})
        await transaction.rollback()
    assert report.broken == ("totals_are_the_books",)


@pytest.mark.parametrize(
    "change",
    [
        "update payable_days set minor = minor + 1 where merchant_no = 1",
        "update payable_days set business_day = business_day + 300",
        "update payable_days set source = 'LOSS', vintage = 0",
    ],
)
async def test_what_a_merchant_is_owed_is_held_against_the_books(busy: Town, change: str) -> None:
    await run(busy, "roll-up")
    async with busy.pool.acquire() as sql:
        transaction = sql.transaction(isolation="repeatable_read")
        await transaction.start()
        await sql.execute(change)
        report = await prove_all(sql, {busy.book.version: busy.book})
        await transaction.rollback()
    assert report.broken == ("payables_are_the_books",)


async def test_what_the_sealer_passed_by_is_found(busy: Town) -> None:
    await run(busy, "seal")
    paid = await busy.pay(300)
    async with busy.pool.acquire() as sql:
        transaction = sql.transaction(isolation="repeatable_read")
        await transaction.start()
        await sql.execute("update pass_marks set below = below + 1000, at_work = '{}'")
        proof = await check_seals(sql, KEY)
        await transaction.rollback()
    assert len(proof.violations) == 1
    assert proof.violations[0].startswith(f"holder {paid.holder_id}: movement ")
    assert proof.violations[0].endswith(" is in no block")


async def test_old_keys_and_facts_are_forgotten_and_the_books_still_proved(busy: Town) -> None:
    kept = await busy.pool.fetchval("select count(*) from request_keys")
    # The town's authorizations have numbers of May 2026, more than a hundred days ago.
    done = await run(busy, "retain")
    assert {what: count for what, count in done.items() if count} == {"keys": kept}
    done = await run(busy, "retain", Retention(facts_days=100))
    assert done["facts"] > 0
    async with busy.pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
        report = await prove_all(sql, {busy.book.version: busy.book})
        assert report.holds and report.forgotten > 0


@pytest.mark.parametrize(
    "call", [f"forget_{what}(now(), 10)" for what in ("keys", "facts", "words", "steps", "payees")]
)
async def test_what_is_young_cannot_be_forgotten(busy: Town, call: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="days at least"):
        await busy.pool.execute("select " + call)


async def test_what_is_wrong_raises_an_alarm_and_what_is_well_does_not(busy: Town) -> None:
    for job in ("roll-up", "seal"):
        await run(busy, job)
    bank = {"bank_payments_stuck": 0, "bank_not_told": 0, "bank_refuses_notices": 0}
    quiet = {"books_unbalanced": 0, "unsealed": 0, "payments_overdue": 0} | bank
    quiet |= {"owed_to_unregistered": 0, "holidays_missing": 0, "payments_missed": 0}
    assert await run(busy, "watch") == quiet
    await busy.at("2026-12-16T12:30:00+01:00")
    await busy.pay(300)
    await run(busy, "roll-up")
    await busy.at("2026-12-18T12:30:00+01:00")
    assert await run(busy, "watch") == quiet | {
        "unsealed": 1, "payments_missed": 5, "payments_overdue": 5,
    }  # fmt: skip
    await run(busy, "seal")
    assert (await run(busy, "watch"))["unsealed"] == 0


async def test_a_pay_day_that_went_by_raises_an_alarm_until_its_run_is_made(busy: Town) -> None:
    (merchant,) = as_world((1, Setting()))["merchants"]
    await busy.put("merchant", merchant | {"iban": "FR7699999000010000000000115"})

    async def missed(instant: str) -> int:
        await busy.at(instant)
        await run(busy, "roll-up")
        return (await run(busy, "watch"))["payments_missed"]

    assert await missed("2026-12-02T23:59:00+01:00") == 0, "all of Wednesday is for paying"
    assert await missed("2026-12-03T00:01:00+01:00") == 5
    days = date(2026, 12, 3), date(2026, 11, 29)
    await remit(busy.pool, busy.book, *days, busy.now, to_accounts=True)
    assert await missed("2026-12-09T12:30:00+01:00") == 0, "the run told of those without account"
    await busy.pay(300)
    assert await missed("2026-12-10T12:30:00+01:00") == 4, "the next run is missed"
    days = date(2026, 12, 10), date(2026, 12, 6)
    await remit(busy.pool, busy.book, *days, busy.now)
    assert await missed("2026-12-10T12:30:00+01:00") == 0
    assert await missed("2026-12-17T12:30:00+01:00") == 1


async def test_a_merchant_waits_no_longer_than_the_law_says_without_an_alarm(busy: Town) -> None:
    await run(busy, "roll-up")
    for instant, merchants in (("2026-12-15T23:59", 0), ("2026-12-16T00:01", 5)):
        await busy.at(instant + ":00+01:00")
        assert (await run(busy, "watch"))["payments_overdue"] == merchants
