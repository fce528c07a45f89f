"""Who left is forgotten after their time, and not one cent of it: books and answers still hold."""

import json
from pathlib import Path

import asyncpg
import pytest

from authz.holders.leaving import close_account
from authz.jobs.retention import Retention, forget
from authz.payments.history import find, trace
from tests.database.town import Town, town
from tests.road.people import Setting, as_world

LONG_AGO, LATELY = "2019-05-10T12:00:00+02:00", "2026-11-20T12:00:00+01:00"
SOON = Retention(contacts_days=30, people_days=1_000)
PHONE = """
    insert into sealed_numbers (holder_id, kind, name, key_id, encrypted)
    select holder_id, 'PHONE', '', 'test', repeat('x', 40)::bytea from directory
    where kind = 'person'
"""
BOOKS = "select md5(string_agg(t::text, '' order by holder_id, seq)) from transfers t"


async def leave(t: Town, account: str, at: str) -> None:
    await t.at(at)
    async with t.pool.acquire() as sql, sql.transaction():
        await close_account(sql, account, "Jeanne retired", t.books)


async def names(t: Town) -> set[str]:
    rows = await t.pool.fetch("select name from directory where kind in ('person', 'account')")
    return {row["name"] for row in rows}


async def forgotten(t: Town, retention: Retention = SOON) -> dict[str, int]:
    done = await forget(t.pool, retention)
    return {what: done[what] for what in ("contacts", "people", "words", "steps") if done[what]}


async def test_who_left_long_ago_is_a_number_and_the_books_say_the_same(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting(), 2: Setting()}) as t:
        paid = await t.pay(1000)
        await leave(t, "acc-1", LONG_AGO)
        before = await t.pool.fetchval(BOOKS)
        assert await forgotten(t) == {"people": 1, "words": 1}
        assert await forgotten(t) == {}
        assert await names(t) == {
            f"gone {paid.holder_id}", f"gone {paid.holder_id}/1", "per-2", "acc-2",
        }  # fmt: skip
        assert await t.pool.fetchval(BOOKS) == before
        assert await t.pool.fetchval("select count(*) from closures where why <> ''") == 0
        async with t.pool.acquire() as sql:
            payment = await find(sql, paid.holder_id, paid.authorization_id, [t.book])
            assert payment is not None
            assert (payment.account_id, payment.approved) == (f"gone {paid.holder_id}/1", True)
            assert trace(payment, [t.book]).steps


OLD_WORDS = """
    insert into load_bounces values (71, 1, '{long_ago}', 'Jeanne Petit went bankrupt'),
        (72, 1, '{lately}', 'no money');
    insert into credential_events values
        (1, 900, 1, 'card', 'card-1', 'BLOCK', 'ACTIVE', 'BLOCKED', 'Jeanne', 'DESK',
         'lost her bag', '{long_ago}'),
        (1, 901, 1, 'card', 'card-1', 'UNBLOCK', 'BLOCKED', 'ACTIVE', 'Paul', 'DESK', 'found',
         '{lately}');
"""
WORDS_LEFT = """
    select (select array_agg(why order by load_no) from load_bounces where load_no in (71, 72)),
        array_agg(initiator || '/' || reason || '/' || action order by version)
    from credential_events where holder_id = 1 and version in (900, 901)
"""
FORGET_OLD_WORDS = """
    delete from load_bounces where load_no in (71, 72);
    delete from credential_events where holder_id = 1 and version in (900, 901)
"""


async def test_what_people_wrote_goes_and_what_was_done_stays(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}) as t:
        owner = await asyncpg.connect(calendar_url)
        try:
            await owner.execute(OLD_WORDS.format(long_ago=LONG_AGO, lately=LATELY))
            assert await forgotten(t) == {"words": 1, "steps": 1}
            left = await owner.fetchrow(WORDS_LEFT)
            assert left is not None
            assert tuple(left) == (["", "no money"], ["//BLOCK", "Paul/found/UNBLOCK"])
        finally:
            await owner.execute(FORGET_OLD_WORDS)
            await owner.close()


async def test_the_telephone_goes_first(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, {1: Setting(), 2: Setting()}) as t:
        await t.pool.execute(PHONE)
        await leave(t, "acc-1", LONG_AGO)
        keep_names = Retention(contacts_days=30, people_days=36_500)
        assert await forgotten(t, keep_names) == {"contacts": 1}
        assert await t.pool.fetchval("select count(*) from sealed_numbers where kind='PHONE'") == 1
        assert "acc-1" in await names(t)


async def test_who_left_lately_or_not_wholly_is_known(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, {1: Setting(), 2: Setting()}) as t:
        second = as_world((1, Setting()))["accounts"][0] | {"id": "acc-1b", "lots": []}
        await t.put("account", second)
        await leave(t, "acc-1", LONG_AGO)
        await leave(t, "acc-2", LATELY)
        assert "people" not in await forgotten(t)
        await leave(t, "acc-1b", LONG_AGO)
        assert (await forgotten(t))["people"] == 1
        assert {"per-2", "acc-2"} < await names(t)


@pytest.mark.parametrize(("ended", "paid", "known"), [
    ("2014-12-31", True, False),
    ("2014-12-31", False, True),
    ("2026-10-31", True, True),
    (None, True, True),
])  # fmt: skip
async def test_a_merchant_that_ended_is_forgotten_once_it_is_paid(
    calendar_url: str, tmp_path: Path, ended: str | None, paid: bool, known: bool
) -> None:
    async with town(calendar_url, tmp_path, {1: Setting()}) as t:
        if not paid:
            await t.pay(1000)
            await t.run("roll-up")
        merchant = as_world((1, Setting()))["merchants"][0]
        more = {"name": "Jean Petit", "agreement_from": None, "agreement_to": ended}
        await t.put("merchant", merchant | more | {"iban": "FR1420041010050500013M02606"})
        assert (await forget(t.pool, Retention()))["merchants"] == int(not known)
        record = json.loads(await t.pool.fetchval("select record from merchants"))
        assert (record["name"], record["iban"] is None) == (
            "Jean Petit" if known else "",
            not known,
        )
