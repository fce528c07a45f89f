"""Refunds that are themselves reversed: the money is taken again, once, bounded, and it is told."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from authz.door.reconciliation import Totals, totals_of
from authz.gateway.payment_out import shown
from authz.holders.leaving import close_account
from authz.outcomes import Outcome
from authz.payments.history import find
from authz.payments.telling import tell
from authz.requests import Kind, Original
from authz.settlement.payables import Payables
from authz.settlement.rollup import roll_up
from ledger.accounts import House
from rules.decision import Reason
from tests.database.town import Town, town
from tests.road.people import ACQUIRER, Setting

TUESDAY, WEDNESDAY = date(2026, 11, 24), "2026-11-25T12:30:00+01:00"
OK = Reason.APPROVED


@pytest.fixture
async def t(calendar_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """One person with 100.00, and a poor one with 20.00; proved when the test is over."""
    people = {1: Setting(), 2: Setting(lots={2026: 2000})}
    async with town(calendar_url, tmp_path, people) as made:
        yield made


async def undo(t: Town, refund: Outcome, *, advice: bool = False, left_minor: int = 0) -> Outcome:
    """0400, or 0420, that names the refund."""
    name = Original(name=(refund.holder_id, refund.authorization_id))
    asked = t.request(Kind.REVERSAL, refund.requested_minor, None, name)
    asked = replace(asked, happened=advice, new_total_minor=left_minor)
    (outcome,) = await t.decide([asked])
    assert outcome is not None
    return outcome


async def story(t: Town, paid: Outcome) -> Any:
    """The payment as GET shows it."""
    async with t.pool.acquire() as sql:
        found = await find(sql, paid.holder_id, paid.authorization_id, [t.book])
    assert found is not None
    return shown(found), [tell(step, found.movements)[1] for step in found.steps[1:]]


async def lost(t: Town) -> int:
    minor: int = await t.pool.fetchval(
        "select coalesce(sum(amount_minor), 0)::bigint from transfers where debit_account = $1",
        int(House.ISSUER_LOSS),
    )
    return minor


async def totals(t: Town) -> Totals:
    async with t.pool.acquire() as sql:
        return await totals_of(sql, ACQUIRER, TUESDAY)


async def test_a_reversed_refund_stands_as_if_it_had_never_been(t: Town) -> None:
    paid = await t.pay(2000)
    refund = await t.about(Kind.REFUND, paid, 1500)
    assert await t.lots() == [(2026, None, 9500, 0, 0)]
    assert (await undo(t, refund)).approved_minor == 1500
    assert await t.lots() == [(2026, None, 8000, 0, 0)]
    assert (await t.view()).standing.used_minor == 2000
    seen, words = await story(t, paid)
    assert (seen.state, seen.totals.refunded) == ("CAPTURED", 0)
    assert [event.type for event in seen.events[2:]] == ["REFUNDED", "REFUND_REVERSED"]
    assert seen.vouchers[0].amount == 2000
    assert words[1] == (
        "the acquirer reversed a refund: 15.00 of it is taken again; it counts for 2026-11-24"
    )


async def test_it_is_taken_once_and_may_then_be_refunded_again(t: Town) -> None:
    paid = await t.pay(2000)
    refund = await t.about(Kind.REFUND, paid, 2000)
    asked = [await undo(t, refund), await undo(t, refund), await undo(t, refund, advice=True)]
    assert [(o.reason, o.approved_minor) for o in asked] == [(OK, 2000), (OK, 0), (OK, 0)]
    assert (await t.about(Kind.REFUND, paid, 2000)).reason is OK
    assert await t.lots() == [(2026, None, 10_000, 0, 0)]
    assert (await story(t, paid))[0].state == "REFUNDED"


async def test_a_part_is_taken_and_then_the_rest(t: Town) -> None:
    refund = await t.about(Kind.REFUND, await t.pay(2000), 1000)
    assert (await undo(t, refund, left_minor=400)).approved_minor == 600
    assert (await undo(t, refund, left_minor=700)).approved_minor == 0
    assert (await undo(t, refund)).approved_minor == 400
    assert await t.lots() == [(2026, None, 8000, 0, 0)]


async def test_what_was_spent_since_refuses_a_request_and_is_the_issuers_after_an_advice(
    t: Town,
) -> None:
    paid = await t.pay(2000, 2)
    refund = await t.about(Kind.REFUND, paid, 2000)
    await t.at(WEDNESDAY)
    await t.pay(1500, 2)
    assert (await undo(t, refund)).reason is Reason.INSUFFICIENT_BALANCE
    told = await undo(t, refund, advice=True)
    assert (told.reason, told.approved_minor, told.alarm) == (OK, 2000, "ISSUER_LOSS")
    assert (await t.lots("acc-2"), await lost(t)) == ([(2026, None, 0, 0, 0)], 1500)
    assert (await story(t, paid))[1][2] == (
        "the acquirer reversed a refund: 5.00 of it is taken again,"
        " 15.00 is gone and is the issuer's loss; it counts for 2026-11-24"
    )


async def test_the_issuer_has_its_loss_back_before_the_holder(t: Town) -> None:
    paid = await t.pay(2000, 2)
    refund = await t.about(Kind.REFUND, paid, 2000)
    await t.at(WEDNESDAY)
    await t.pay(1500, 2)
    await undo(t, refund, advice=True)
    assert (await t.about(Kind.REFUND, paid, 1600)).reason is OK
    assert await t.lots("acc-2") == [(2026, None, 100, 0, 0)]
    assert (await t.about(Kind.REFUND, paid, 401)).reason is Reason.INVALID_AMOUNT


async def test_the_cap_of_its_day_binds_a_request_and_not_an_advice(t: Town) -> None:
    refund = await t.about(Kind.REFUND, await t.pay(2000), 2000)
    await t.pay(2400)
    assert (await undo(t, refund)).reason is Reason.DAILY_CAP
    assert (await undo(t, refund, left_minor=1900)).approved_minor == 100
    assert (await undo(t, refund, advice=True)).alarm == "CAP_OVERRUN"
    assert (await t.view()).standing.used_minor == 4400


async def test_a_day_that_has_left_the_row_still_has_its_cap(t: Town) -> None:
    refund = await t.about(Kind.REFUND, await t.pay(2000), 2000)
    await t.pay(2400)
    for day in range(1, 15):
        await t.at(f"2026-12-{day:02d}T12:30:00+01:00")
        await t.pay(100)
    assert await t.pool.fetchval("select usage_since > $1 from holders where holder_id = $2",
                                 TUESDAY, refund.holder_id)  # fmt: skip
    assert (await undo(t, refund)).reason is Reason.DAILY_CAP


async def test_vouchers_that_were_exchanged_since_are_taken_where_they_are_now(t: Town) -> None:
    await t.at("2027-02-26T12:30:00+01:00")
    paid = await t.pay(1800)
    refund = await t.about(Kind.REFUND, paid, 1800)
    await t.at("2027-03-10T12:30:00+01:00")
    await t.run("exchange-vintages")
    assert (await undo(t, refund)).reason is OK
    assert await t.lots() == [(2027, 2026, 8200, 0, 0)]
    await t.at("2027-02-26T13:30:00+01:00")
    assert (await t.view()).standing.used_minor == 1800


async def test_nothing_is_taken_for_a_payment_that_was_itself_reversed(t: Town) -> None:
    paid = await t.pay(2000)
    refund = await t.about(Kind.REFUND, paid, 800)
    await t.about(Kind.REVERSAL, paid)
    assert (await undo(t, refund)).approved_minor == 0
    assert await t.lots() == [(2026, None, 10_000, 0, 0)]


async def test_a_partial_reversal_says_how_much_may_stand_again(t: Town) -> None:
    paid = await t.pay(2000)
    refund = await t.about(Kind.REFUND, paid, 800)
    await t.about(Kind.REVERSAL, paid, left_minor=1500)
    assert (await undo(t, refund)).approved_minor == 300
    assert await t.lots() == [(2026, None, 8500, 0, 0)]


async def test_what_went_to_the_employer_comes_from_there(t: Town) -> None:
    paid = await t.pay(2000)
    async with t.pool.acquire() as sql, sql.transaction():
        await close_account(sql, "acc-1", "left", t.books)
    refund = await t.about(Kind.REFUND, paid, 2000)
    assert (await undo(t, refund)).reason is OK
    await roll_up(t.pool, t.book)
    async with t.pool.acquire() as sql:
        (owed,) = await Payables(t.book).owed(sql, TUESDAY)
    assert owed.voucher_minor == 2000


async def test_the_acquirer_finds_its_refunds_and_their_reversals_in_the_totals(t: Town) -> None:
    refund = await t.about(Kind.REFUND, await t.pay(2000), 1500)
    assert await totals(t) == Totals(1, 0, 1, 0, 0, 1500, 0, 2000, 0)
    await undo(t, refund, left_minor=500)
    assert await totals(t) == Totals(1, 1, 1, 0, 0, 1500, 1000, 2000, 0)
    assert (await totals(t)).net_minor == 1500
    await undo(t, refund, advice=True)
    await undo(t, refund, advice=True)
    assert (await totals(t)).credit_reversals == 2
    assert (await totals(t)).net_minor == 2000


async def test_one_that_is_refused_or_names_another_amount_moves_nothing(t: Town) -> None:
    refused = await t.about(Kind.REFUND, await t.pay(2000), 2001)
    assert (await undo(t, refused)).approved_minor == 0
    refund = await t.about(Kind.REFUND, await t.pay(300), 300)
    other = replace(refund, requested_minor=299)
    name = Original(name=(other.holder_id, other.authorization_id), amount_minor=299)
    (answer,) = await t.decide([t.request(Kind.REVERSAL, 299, None, name)])
    assert answer is not None
    assert answer.reason is Reason.ORIGINAL_NOT_FOUND
