"""Clearing that tells of another amount than was approved, and what counts it afterwards."""

from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from authz.door.reconciliation import Totals, totals_of
from authz.gateway.payment_out import shown
from authz.gateway.words import whole_of
from authz.holders.leaving import close_account
from authz.outcomes import Outcome
from authz.payments.history import Payment, find
from authz.requests import Kind, Original
from rules.decision import Reason
from tests.database.town import Town, town
from tests.road.people import ACQUIRER, Setting

ONE = {1: Setting()}


async def cleared(
    t: Town, paid: Outcome, told_minor: int, kind: Kind = Kind.ADVICE, *, completes: bool = True
) -> Outcome:
    """A 0220 about a payment (CAPTURE: with DE38 or DE90), or a 0120 that does not complete it."""
    name = Original(name=(paid.holder_id, paid.authorization_id))
    told = replace(t.request(kind, told_minor, None, name), completes=completes)
    (outcome,) = await t.decide([told])
    assert outcome is not None
    return outcome


@pytest.mark.parametrize("told_minor", [1500, 999, 1])
@pytest.mark.parametrize(
    ("paid", "kind", "completes"),
    [
        (Kind.PURCHASE, Kind.ADVICE, True),
        (Kind.PURCHASE, Kind.CAPTURE, True),
        (Kind.HOLD, Kind.ADVICE, False),
    ],
)
async def test_clearing_for_less_gives_the_rest_back_however_much_it_is(
    calendar_url: str, tmp_path: Path, paid: Kind, kind: Kind, completes: bool, told_minor: int
) -> None:
    """ADV-03: lower releases, more than the half too."""
    async with town(calendar_url, tmp_path, ONE) as t:
        told = await cleared(t, await t.pay(2000, kind=paid), told_minor, kind, completes=completes)
        assert (told.reason, told.approved_minor) == (Reason.APPROVED, 2000 - told_minor)


@pytest.mark.parametrize("otherwise", ["kind = 'REVERSAL'", "about_id = null"])
async def test_nothing_else_may_move_more_than_it_asks_for(
    calendar_url: str, tmp_path: Path, otherwise: str
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await cleared(t, await t.pay(2000), 500)
        sql = await asyncpg.connect(calendar_url)
        with pytest.raises(asyncpg.CheckViolationError, match="approved_within_asked"):
            await sql.execute(f"update authorizations set {otherwise} where kind = 'ADVICE'")
        await sql.close()


async def told_of(t: Town) -> Totals:
    """What the acquirer is told of the day."""
    async with t.pool.acquire() as sql:
        return await totals_of(sql, ACQUIRER, t.now.date())


@pytest.mark.parametrize("closed", [False, True])
async def test_the_acquirer_finds_what_clearing_gave_back_among_its_reversals(
    calendar_url: str, tmp_path: Path, closed: bool
) -> None:
    """The rest of who has left goes to the employer's suspense, and is no debit (REF-05)."""
    async with town(calendar_url, tmp_path, ONE) as t:
        paid = await t.pay(2000)
        if closed:
            async with t.pool.acquire() as sql, sql.transaction():
                await close_account(sql, "acc-1", "left", t.books)
        assert (await cleared(t, paid, 1500, Kind.CAPTURE)).approved_minor == 500
        totals = await told_of(t)
    assert totals == Totals(
        debits=1, debits_minor=2000, debit_reversals=1, debit_reversals_minor=500
    )
    assert totals.net_minor == 1500


async def seen(t: Town, paid: Outcome) -> Payment:
    """The payment as HTTP reads it."""
    async with t.pool.acquire() as sql:
        payment = await find(sql, paid.holder_id, paid.authorization_id, [t.book])
    assert payment is not None
    return payment


async def test_what_clearing_gave_back_cannot_be_refunded_any_more(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        paid = await t.pay(2000)
        await cleared(t, paid, 1500)
        payment = await seen(t, paid)
        out, all_of_it = shown(payment), whole_of(Kind.REFUND, payment)
        assert (out.state, out.totals.captured, all_of_it) == ("CAPTURED", 1500, 1500)
        assert (await t.about(Kind.REFUND, paid, all_of_it)).reason is Reason.APPROVED
        assert shown(await seen(t, paid)).state == "REFUNDED"


async def test_nor_what_an_advice_let_go_of_a_hold_be_captured(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        held = await t.pay(2000, kind=Kind.HOLD)
        await cleared(t, held, 1500, completes=False)
        all_of_it = whole_of(Kind.CAPTURE, await seen(t, held))
        assert all_of_it == 1500
        assert (await t.about(Kind.CAPTURE, held, all_of_it)).reason is Reason.APPROVED


async def test_a_hold_that_came_to_nothing_is_let_go_at_once(
    calendar_url: str, tmp_path: Path
) -> None:
    """ADV-03."""
    async with town(calendar_url, tmp_path, ONE) as t:
        held = await t.pay(2000, kind=Kind.HOLD)
        told = await cleared(t, held, 0, completes=True)
        assert (told.approved_minor, told.alarm) == (2000, "")
        assert await t.lots() == [(2026, None, 10_000, 0, 0)]


async def test_a_late_0220_takes_no_more_than_a_reversal_left(
    calendar_url: str, tmp_path: Path
) -> None:
    """HLD-03, REV-02: the reversal comes when the hold has fallen free already."""
    async with town(calendar_url, tmp_path, ONE) as t:
        held = await t.pay(2500, kind=Kind.HOLD)
        await t.at("2026-12-24T12:30:00+01:00")
        await t.run("expire-holds")
        assert (await t.about(Kind.REVERSAL, held, left_minor=900)).approved_minor == 0
        assert (await cleared(t, held, 2500)).approved_minor == 900


@pytest.mark.parametrize("taken_again", [False, True])
async def test_clearing_for_less_gives_back_what_the_refunds_before_it_did_not(
    calendar_url: str, tmp_path: Path, taken_again: bool
) -> None:
    """ADV-03: it tells what the sale was, whatever was refunded or taken again of it since."""
    async with town(calendar_url, tmp_path, ONE) as t:
        paid = await t.pay(2000)
        refund = await t.about(Kind.REFUND, paid, 500)
        if taken_again:
            assert (await t.about(Kind.REVERSAL, refund)).approved_minor == 500
        again = await cleared(t, paid, 1800)
        assert (again.approved_minor, again.alarm) == (200, "")
