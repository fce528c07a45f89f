"""A purchase that is lost, its repeat stamped anew, its reversal: nothing stands in any order."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from authz.requests import Kind, Original, Request
from tests.authz.builders import again
from tests.database.roads import Process, buys, one, people, people_template
from tests.rules.builders import TUESDAY

__all__ = ["people", "people_template"]

STAN, LOST = "000042", b"identity of 0100"


def repeat(**changes: Any) -> Request:
    """0101 under a transmission time, and so a key, of its own."""
    plain: dict[str, Any] = {"stan": STAN, "fingerprint": b"what is in 0100.", "kind": Kind.HOLD}
    return again(buys(**(plain | {"amount_minor": 1250} | changes)))


def undo(**changes: Any) -> Request:
    """0420 whose DE90 names the message that was lost."""
    named = Original(keys=(LOST,), amount_minor=1250, first_stan=STAN)
    return buys(1250, kind=Kind.REVERSAL, about=named, **changes)


async def first(process: Process) -> list[str | None]:
    """The lost 0100 comes after all."""
    return await process.reasons(buys(1250, stan=STAN, key_hash=LOST, kind=Kind.HOLD))


async def test_a_repeat_stamped_anew_after_its_reversal_is_declined(people: str) -> None:
    async with Process(people) as process:
        assert await process.reasons(undo()) == ["ORIGINAL_NOT_FOUND"]
        assert await process.reasons(repeat()) == ["REVERSED_BEFORE_REQUEST"]
        assert await first(process) == ["REVERSED_BEFORE_REQUEST"]
    assert await one(people, "select count(*) from transfers where kind = 'hold'") == 0


async def test_a_reversal_finds_the_repeat_that_came_instead_of_the_first(people: str) -> None:
    async with Process(people) as process:
        assert await process.reasons(repeat()) == ["APPROVED"]
        assert [o.approved_minor for o in await process.run(undo()) if o] == [1250]
        assert await first(process) == ["REVERSED_BEFORE_REQUEST"]
        assert await process.reasons(repeat()) == ["REVERSED_BEFORE_REQUEST"]
    assert await one(people, "select sum(lot_held[1]) from holders") == 0


@pytest.mark.parametrize("order", [(repeat, undo), (undo, repeat)])
async def test_and_in_one_batch(people: str, order: tuple[Any, Any]) -> None:
    async with Process(people) as process:
        await process.run(*(make() for make in order))
        assert await first(process) == ["REVERSED_BEFORE_REQUEST"]
    assert await one(people, "select sum(lot_held[1]) from holders") == 0


async def test_the_repeat_of_a_reversal_is_answered_like_its_first_sending(people: str) -> None:
    """REV-01: 0420 and 0421 of a payment that never came; neither meets its own tombstone."""
    own = Original(keys=(LOST,), amount_minor=1250, stan=STAN, first_stan=STAN)
    lost = buys(1250, kind=Kind.REVERSAL, about=own, stan=STAN)
    async with Process(people) as process:
        assert await process.reasons(lost) == ["ORIGINAL_NOT_FOUND"]
        assert await process.reasons(again(lost)) == ["ORIGINAL_NOT_FOUND"]
        assert await first(process) == ["REVERSED_BEFORE_REQUEST"]


async def test_nor_is_it_kept_from_the_payment_that_came_after_all(people: str) -> None:
    """The first sending of the reversal found nothing; its repeat finds the payment by DE37."""
    own = Original(keys=(LOST,), rrn="4711", amount_minor=1250, stan=STAN, first_stan=STAN)
    undo = buys(1250, kind=Kind.REVERSAL, about=own, stan=STAN)
    async with Process(people) as process:
        assert await process.reasons(undo) == ["ORIGINAL_NOT_FOUND"]
        assert await process.reasons(buys(1250, stan=STAN, rrn="4711")) == ["APPROVED"]
        (outcome,) = await process.run(again(undo))
        assert outcome is not None and outcome.approved_minor == 1250


@pytest.mark.parametrize("together", [True, False])
async def test_what_has_happened_is_not_stopped_by_a_tombstone(people: str, together: bool) -> None:
    advice = again(buys(1250, kind=Kind.ADVICE, about=Original(), stan=STAN))
    async with Process(people) as process:
        if together:
            _, posted = await process.run(undo(), advice)
        else:
            await process.run(undo())
            (posted,) = await process.run(advice)
        assert posted is not None and posted.approved_minor == 1250


ADVICE = b"identity of 0120"


def advised(**changes: Any) -> Request:
    """0120 that shares DE11 and DE7 with the 0100 that was lost."""
    own = Original(keys=(LOST,), amount_minor=1250, stan=STAN, first_stan=STAN)
    plain: dict[str, Any] = {"stan": STAN, "key_hash": ADVICE, "about": own}
    return buys(1250, kind=Kind.ADVICE, **(plain | changes))


def again_anew() -> Request:
    """0121 of that advice under another DE7."""
    return again(advised(key_hash=b"restamped 0121..", about=Original()))


def undo_advice() -> Request:
    """0420 whose DE90 names the 0120 that is still on its way."""
    named = Original(keys=(ADVICE,), amount_minor=1250, first_stan=STAN, advised=True)
    return buys(1250, kind=Kind.REVERSAL, about=named)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("undone", "told"),
    [
        (undo, advised),
        (undo_advice, advised),
        (undo_advice, again_anew),
    ],
    ids=["by the identity of the sale", "by its own", "as a repeat stamped anew"],
)
async def test_an_advice_that_was_reversed_before_it_came_is_heard_and_moves_nothing(
    people: str, undone: Any, told: Any, together: bool
) -> None:
    """REV-01, ADV-01: it cannot be refused, and nothing of it stands; somebody may look."""
    async with Process(people) as process:
        if together:
            _, heard = await process.run(undone(), told())
        else:
            await process.run(undone())
            (heard,) = await process.run(told())
        assert heard is not None
        said = heard.reason.value, heard.approved_minor, heard.alarm
        assert said == ("APPROVED", 0, "ADVICE_ABOVE_PAYMENT")
    assert await one(people, "select count(*) from transfers where authorization_id > 0") == 0


@pytest.mark.parametrize("together", [True, False])
async def test_nor_does_a_0221_of_a_refund_move_anything(people: str, together: bool) -> None:
    """Its 0220 was lost, and reversed before the repeat came under a DE7 of its own."""
    sale = buys(1250)
    named = Original(keys=(sale.key_hash,))
    refund = again(buys(1250, stan=STAN, kind=Kind.REFUND, about=named, completes=True))
    sent = [sale, undo_advice(), refund]
    async with Process(people) as process:
        batches = [sent] if together else [[request] for request in sent]
        *_, heard = [outcome for batch in batches for outcome in await process.run(*batch)]
    assert heard is not None
    assert (heard.reason.value, heard.approved_minor) == ("APPROVED", 0)


async def test_what_is_no_advice_is_not_stopped_where_one_was_named(people: str) -> None:
    async with Process(people) as process:
        await process.run(undo_advice())
        assert await process.reasons(repeat()) == ["APPROVED"]


@pytest.mark.parametrize(
    "other",
    [
        {"person": 2, "merchant": 1},
        {"stan": "000043"},
        {"terminal": "TERM0009"},
        {"amount_minor": 1251},
    ],
)
async def test_another_card_stan_till_or_amount_is_another_payment(
    people: str, other: dict[str, Any]
) -> None:
    async with Process(people) as process:
        await process.run(undo())
        assert await process.reasons(repeat(**{"amount_minor": 1250, **other})) == ["APPROVED"]


async def test_a_reversal_without_a_card_speaks_of_any(people: str) -> None:
    async with Process(people) as process:
        await process.run(undo(card_ref=b""))
        assert await process.reasons(repeat()) == ["REVERSED_BEFORE_REQUEST"]


async def test_the_stan_is_free_again_for_a_first_sending_and_after_a_day(people: str) -> None:
    """No tombstone lies under a loose identity: only repeats look there, for a day."""
    async with Process(people) as process:
        await process.run(undo())
        assert await process.reasons(buys(1250, stan=STAN, kind=Kind.HOLD)) == ["APPROVED"]
        next_day = repeat(received_at=TUESDAY + timedelta(hours=24, seconds=1))
        assert await process.reasons(next_day) == ["APPROVED"]


ANEW = b"identity of 0101"


@pytest.mark.parametrize("together", [True, False])
async def test_a_reversal_that_names_the_repeat_undoes_what_the_first_sending_did(
    people: str, together: bool
) -> None:
    """REV-01: the peer knows its repeat by the DE7 that it wrote anew."""
    sale = buys(1250, stan=STAN, key_hash=LOST, fingerprint=b"what is in 0100.")
    sent = [
        sale,
        again(replace(sale, key_hash=ANEW)),
        buys(1250, kind=Kind.REVERSAL, about=Original(keys=(ANEW,), amount_minor=1250)),
    ]
    async with Process(people) as process:
        batches = [sent] if together else [[request] for request in sent]
        answers = [outcome for batch in batches for outcome in await process.run(*batch)]
    assert [answer.approved_minor for answer in answers if answer] == [1250, 1250, 1250]
    assert await one(people, "select count(*) from transfers where about_seq is not null") == 1


@pytest.mark.parametrize("together", [True, False])
async def test_what_turned_out_to_be_of_another_kind_is_given_again(
    people: str, together: bool
) -> None:
    """A reversal that undid a refund, and an advice that took a hold."""
    hold = buys(1250, stan=STAN, rrn="4711", kind=Kind.HOLD)
    advice = buys(
        1000, stan=STAN, kind=Kind.ADVICE, about=Original(rrn="4711"), key_hash=LOST,
        completes=True, fingerprint=b"what is in 0220.",
    )  # fmt: skip
    refund = buys(400, kind=Kind.REFUND, about=Original(rrn="4711"), key_hash=b"key of a refund.")
    undone = buys(
        400, stan="000043", kind=Kind.REVERSAL, about=Original(keys=(refund.key_hash,)),
        key_hash=b"key of a 0400...", fingerprint=b"what is in 0400.", happened=True,
    )  # fmt: skip
    repeats = [
        again(replace(each, key_hash=each.key_hash[:15] + b"'")) for each in (advice, undone)
    ]
    sent = [hold, advice, refund, undone, *repeats]
    async with Process(people) as process:
        batches = [sent] if together else [[request] for request in sent]
        answers = [outcome for batch in batches for outcome in await process.run(*batch)]
    told = [(answer.approved_minor, answer.replayed) for answer in answers if answer]
    assert told[:4] == [(1250, False), (1000, False), (400, False), (400, False)]
    assert told[4:] == [(1000, True), (400, True)]
