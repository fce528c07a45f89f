"""Vouchers spent at a merchant that nobody registered: advised, and counted like any others."""

from pathlib import Path

from msgspec.structs import replace

from authz.door.reconciliation import totals_of
from authz.holders.leaving import close_account
from authz.outcomes import Outcome
from authz.requests import Kind, Original
from authz.settlement.unregistered import Stranger, strangers
from ledger import journal
from ledger.accounts import House, lot_account
from ledger.journal import Change, Locked
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import MerchantClass
from tests.database.town import Town, town
from tests.road.people import ACQUIRER, Setting

ONE = {1: Setting()}
MERCHANT = {
    "acquirer": ACQUIRER, "mid": "NOBODY", "department": "75", "mcc": "5812",
    "class": MerchantClass.RESTAURANT.value, "agreement_from": "2020-01-01",
}  # fmt: skip
FORGET = """
    update holders set usage_since = $1,
        usage_days = '{}', usage_minor = '{}', usage_accounts = '{}'
"""


async def advised(t: Town, amount_minor: int) -> Outcome:
    """An offline payment where nobody knows the merchant."""
    told = t.request(Kind.ADVICE, amount_minor, 1, Original())
    (outcome,) = await t.engine.run([replace(told, mid="NOBODY")], {})
    assert outcome is not None
    assert outcome.reason is Reason.APPROVED
    return outcome


async def test_it_counts_on_its_day_until_it_is_undone(calendar_url: str, tmp_path: Path) -> None:
    """ADV-01, CAP-01, CAP-06, CAP-07."""
    async with town(calendar_url, tmp_path, ONE) as t:
        told = await advised(t, 2000)
        assert (await t.pay(501)).reason is Reason.DAILY_CAP
        assert (await t.pay(500)).reason is Reason.APPROVED
        assert (await t.about(Kind.REVERSAL, told)).approved_minor == 2000
        assert (await t.pay(2001)).reason is Reason.DAILY_CAP
        assert (await t.pay(2000)).reason is Reason.APPROVED


async def test_it_counts_where_its_day_is_summed_from_the_books(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        told = await advised(t, 2000)
        await t.pool.execute(FORGET, t.now.date().replace(day=30))
        assert (await t.pay(501)).reason is Reason.DAILY_CAP
        assert (await t.about(Kind.REVERSAL, told)).approved_minor == 2000
        assert (await t.pay(2500)).reason is Reason.APPROVED


async def test_it_comes_back_to_the_employer_of_who_has_left(
    calendar_url: str, tmp_path: Path
) -> None:
    """REF-05: from where it went to the employer's suspense, which is another account."""
    async with town(calendar_url, tmp_path, ONE) as t:
        told = await advised(t, 2000)
        async with t.pool.acquire() as sql, sql.transaction():
            await close_account(sql, "acc-1", "left", t.books)
        assert (await t.about(Kind.REFUND, told, 500)).reason is Reason.APPROVED
        query = "select debit_account, amount_minor from transfers where credit_account = $1"
        row = await t.pool.fetchrow(query, int(House.SUSPENSE))
        assert tuple(row or ()) == (House.UNREGISTERED, 500)


async def test_the_acquirer_finds_it_among_its_debits(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        told = await advised(t, 2000)
        assert told.business_day is not None
        async with t.pool.acquire() as sql:
            totals = await totals_of(sql, ACQUIRER, told.business_day)
        assert (totals.debits, totals.debits_minor) == (1, 2000)


async def test_what_is_owed_to_strangers_is_told_until_it_comes_back(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        told = await advised(t, 2000)
        await t.run("roll-up")
        assert (await t.run("watch"))["owed_to_unregistered"] == 2000
        await t.about(Kind.REFUND, told, 500)
        day = told.business_day
        assert day is not None
        async with t.pool.acquire() as sql:
            assert await strangers(sql) == [Stranger(ACQUIRER, "NOBODY", day, 1500, False)]
        await t.put("merchant", MERCHANT)
        async with t.pool.acquire() as sql:
            assert [each.registered for each in await strangers(sql)] == [True]
        await t.about(Kind.REFUND, told, 1500)
        async with t.pool.acquire() as sql:
            assert await strangers(sql) == []
        await t.run("roll-up")
        assert (await t.run("watch"))["owed_to_unregistered"] == 0


async def test_what_older_books_have_in_suspense_counts_as_little_as_it_did(
    calendar_url: str, tmp_path: Path
) -> None:
    """The books are not rewritten, nor what was decided over them: the proof holds as before."""
    async with town(calendar_url, tmp_path, ONE) as t:
        day = t.now.date()

        def book(locked: Locked) -> Change:
            holder_id, seq = locked.running.holder_id, locked.running.last_seq + 1
            lot = lot_account(holder_id, 1)
            old = Transfer.direct(holder_id, seq, lot, House.SUSPENSE, 2000, None, day, t.now)
            return Change(transfers=(old,), account_of={1: 1})

        async with t.pool.acquire() as sql, sql.transaction():
            holder_id = await sql.fetchval("select holder_id from credentials")
            await journal.post_for_holder(sql, holder_id, book)
        assert (await t.pay(2500)).reason is Reason.APPROVED
