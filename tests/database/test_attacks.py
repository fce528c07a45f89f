"""What a peer may try about payments: wrong amounts, others' payments, undoing what is undone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from authz.outcomes import Outcome
from authz.requests import Kind, Original, Request
from rules.decision import Reason
from tests.database.town import Town, town
from tests.road.people import DIGESTER, Setting, pan

OK, UNKNOWN, AMOUNT = Reason.APPROVED, Reason.ORIGINAL_NOT_FOUND, Reason.INVALID_AMOUNT
WHOLE = [(2026, None, 10_000, 0, 0)]


@pytest.fixture
async def t(calendar_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Two people; every law of books and answers is proved when the test is over."""
    async with town(calendar_url, tmp_path, {1: Setting(), 2: Setting()}) as made:
        yield made


def names(paid: Outcome) -> Original:
    return Original(name=(paid.holder_id, paid.authorization_id))


async def batch(t: Town, *requests: Request) -> list[tuple[Reason, int]]:
    """All in one batch."""
    outcomes = await t.decide(requests)
    return [(o.reason, o.approved_minor) for o in outcomes if o is not None]


async def test_a_capture_after_its_reversal_takes_nothing(t: Town) -> None:
    held = await t.pay(2000, kind=Kind.HOLD)
    await t.about(Kind.REVERSAL, held)
    assert (await t.about(Kind.CAPTURE, held, 2000)).reason is UNKNOWN
    assert await t.lots() == WHOLE


async def test_a_reversal_of_a_capture_gives_back_what_it_took(t: Town) -> None:
    held = await t.pay(2000, kind=Kind.HOLD)
    captured = await t.about(Kind.CAPTURE, held, 1500)
    named = Original(name=(captured.holder_id, captured.authorization_id))
    asked = t.request(Kind.REVERSAL, 1500, None, named)
    assert await batch(t, asked) == [(OK, 1500)]
    assert (await t.about(Kind.REVERSAL, held)).approved_minor == 0
    assert await t.lots() == WHOLE


async def test_two_partial_reversals_leave_the_smaller(t: Town) -> None:
    for kind in (Kind.HOLD, Kind.PURCHASE):
        paid = await t.pay(2000, 1, kind)
        moved = [
            (await t.about(Kind.REVERSAL, paid, left_minor=left)).approved_minor
            for left in (1500, 1800, 1200, 0, 0)
        ]
        assert moved == [500, 0, 300, 1200, 0]
    assert await t.lots() == WHOLE


async def test_a_completion_twice_in_one_batch_with_its_reversal(t: Town) -> None:
    held = await t.pay(2000, kind=Kind.HOLD)
    complete = t.request(Kind.CAPTURE, 2000, None, names(held))
    other = t.request(Kind.CAPTURE, 2000, None, names(held))
    undo = t.request(Kind.REVERSAL, 2000, None, names(held))
    answers = await batch(t, complete, replace(complete, repeat=True), other, undo, undo)
    assert answers == [(OK, 2000), (OK, 2000), (AMOUNT, 0), (OK, 2000), (OK, 2000)]
    assert await t.lots() == WHOLE


async def test_a_reversal_before_the_completion_in_one_batch(t: Town) -> None:
    held = await t.pay(2000, kind=Kind.HOLD)
    undo = t.request(Kind.REVERSAL, 2000, None, names(held))
    complete = t.request(Kind.CAPTURE, 2000, None, names(held))
    assert await batch(t, undo, complete) == [(OK, 2000), (UNKNOWN, 0)]
    assert await t.lots() == WHOLE


@pytest.mark.parametrize("kind", [Kind.REVERSAL, Kind.CAPTURE, Kind.REFUND])
async def test_somebody_elses_card_names_no_payment_and_no_refund(t: Town, kind: Kind) -> None:
    paid = await t.pay(1000)
    refund = await t.about(Kind.REFUND, paid, 400)
    stranger = DIGESTER.card_ref(pan(2))
    holder = await t.pool.fetchval(
        "select holder_id from credentials where card_ref = $1", stranger
    )
    for outcome, cents in ((paid, 1000), (refund, 400)):
        asked = replace(t.request(kind, cents, None, names(outcome)), card_ref=stranger)
        (answer,) = await t.engine.run([asked], {stranger: holder})
        assert answer is not None
        assert answer.reason is UNKNOWN
    assert await t.lots() == [(2026, None, 9_400, 0, 0)]


async def test_a_refund_is_no_payment_to_capture_or_refund_again(t: Town) -> None:
    refund = await t.about(Kind.REFUND, await t.pay(1000), 400)
    for kind in (Kind.CAPTURE, Kind.REFUND, Kind.CANCEL, Kind.EXPIRY):
        assert await batch(t, t.request(kind, 400, None, names(refund))) == [(UNKNOWN, 0)]


async def test_the_reversal_of_a_refunds_reversal_names_nothing(t: Town) -> None:
    refund = await t.about(Kind.REFUND, await t.pay(1000), 400)
    (taken,) = await t.decide([t.request(Kind.REVERSAL, 400, None, names(refund))])
    assert taken is not None
    again = t.request(Kind.REVERSAL, 400, None, names(taken))
    assert await batch(t, again) == [(UNKNOWN, 0)]
    assert await t.lots() == [(2026, None, 9_000, 0, 0)]


async def test_a_refund_after_the_exchange_of_its_lot_follows_it(t: Town) -> None:
    await t.at("2027-02-26T12:30:00+01:00")
    paid = await t.pay(1800)
    await t.at("2027-03-10T12:30:00+01:00")
    await t.run("exchange-vintages")
    refund = await t.about(Kind.REFUND, paid, 1800)
    undo = t.request(Kind.REVERSAL, 1800, None, names(refund))
    assert await batch(t, undo) == [(OK, 1800)]
    assert (await t.about(Kind.REFUND, paid, 1800)).reason is OK
    await t.run("exchange-vintages")
    assert await t.lots() == [(2027, 2026, 10_000, 0, 0)]


async def test_a_refund_in_parts_of_which_one_is_reversed_stays_within_the_payment(t: Town) -> None:
    paid = await t.pay(1000)
    first, second = [await t.about(Kind.REFUND, paid, cents) for cents in (600, 400)]
    undo = t.request(Kind.REVERSAL, 600, None, names(first))
    more = t.request(Kind.REFUND, 601, None, names(paid))
    rest = t.request(Kind.REFUND, 600, None, names(paid))
    assert await batch(t, undo, more, rest) == [(OK, 600), (AMOUNT, 0), (OK, 600)]
    undo = t.request(Kind.REVERSAL, 400, None, names(second))
    assert await batch(t, undo) == [(OK, 400)]
    assert await t.lots() == [(2026, None, 9_600, 0, 0)]


@pytest.mark.parametrize("cents", [0, 1_999, 2_001, 999_999_999_999])
async def test_a_reversal_of_another_amount_is_of_another_payment(t: Town, cents: int) -> None:
    paid = await t.pay(2000)
    named = replace(names(paid), amount_minor=cents)
    assert await batch(t, t.request(Kind.REVERSAL, cents, None, named)) == [(UNKNOWN, 0)]
    assert await t.lots() == [(2026, None, 8_000, 0, 0)]
