"""A payment that its till dates otherwise than we do: named by STAN and till around midnight."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from authz.requests import Kind, Original, Request
from tests.database.roads import Process, buys, one, people, people_template

__all__ = ["people", "people_template"]

STAN = "000042"
PAST_MIDNIGHT = datetime(2026, 11, 23, 23, 0, 3, tzinfo=UTC)
"""Three seconds into Tuesday 24 November in Paris."""
BEFORE = PAST_MIDNIGHT - timedelta(seconds=40)
SPENT = """
    select coalesce(sum(amount_minor) filter (where about_seq is null), 0)
        - coalesce(sum(amount_minor) filter (where about_seq is not null), 0)
    from transfers where authorization_id is not null
"""


def paid(at: datetime = PAST_MIDNIGHT) -> Request:
    """A purchase without DE37."""
    return buys(500, stan=STAN, rrn=None, received_at=at)


def told(kind: Kind, month_day: str, amount_minor: int = 500, **changes: Any) -> Request:
    """A message of the same STAN, stamped anew (DE7), with the till's date (DE13)."""
    amount = None if kind is Kind.REFUND else amount_minor
    named = Original(
        keys=(b"a key of its own",), stan=STAN, month_day=month_day, amount_minor=amount,
        first_stan=STAN,
    )  # fmt: skip
    plain: dict[str, Any] = {"received_at": PAST_MIDNIGHT + timedelta(seconds=40)}
    return buys(amount_minor, kind=kind, about=named, stan=STAN, rrn=None, **(plain | changes))


@pytest.mark.parametrize(
    ("at", "month_day"), [(PAST_MIDNIGHT, "1123"), (PAST_MIDNIGHT, "1125"), (BEFORE, "1124")]
)
async def test_an_advice_confirms_it_and_posts_nothing_twice(
    people: str, at: datetime, month_day: str
) -> None:
    async with Process(people) as process:
        assert await process.reasons(paid(at)) == ["APPROVED"]
        assert await process.reasons(told(Kind.ADVICE, month_day, completes=True)) == ["APPROVED"]
    assert await one(people, SPENT) == 500


async def test_an_advice_of_another_amount_is_a_payment_of_its_own(people: str) -> None:
    """Only the very day and the STAN say that clearing means it (ADV-03)."""
    async with Process(people) as process:
        assert await process.reasons(paid()) == ["APPROVED"]
        assert await process.reasons(told(Kind.ADVICE, "1123", 400)) == ["APPROVED"]
    assert await one(people, SPENT) == 900


@pytest.mark.parametrize(("at", "month_day"), [(PAST_MIDNIGHT, "1123"), (BEFORE, "1124")])
async def test_a_reversal_gives_it_back(people: str, at: datetime, month_day: str) -> None:
    """REV-01: the holder need not call."""
    async with Process(people) as process:
        assert await process.reasons(paid(at)) == ["APPROVED"]
        assert await process.reasons(told(Kind.REVERSAL, month_day)) == ["APPROVED"]
    assert await one(people, SPENT) == 0


async def test_the_payment_of_the_very_day_is_meant_where_there_is_one(people: str) -> None:
    """A till may use a STAN again the day after."""
    async with Process(people) as process:
        for at in (BEFORE, PAST_MIDNIGHT):
            assert await process.reasons(paid(at)) == ["APPROVED"]
        assert await process.reasons(told(Kind.REVERSAL, "1123")) == ["APPROVED"]
    undone = "select day from transfers where about_seq is not null"
    assert await one(people, undone) == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("kind", "month_day", "other"),
    [
        (Kind.REVERSAL, "1122", {}),
        (Kind.REVERSAL, "1126", {}),
        (Kind.REVERSAL, "1123", {"amount_minor": 501}),
        (Kind.REVERSAL, "1123", {"received_at": PAST_MIDNIGHT + timedelta(days=7, seconds=1)}),
        (Kind.REVERSAL, "1123", {"terminal": "TERM0009"}),
        (Kind.REVERSAL, "1123", {"person": 2, "merchant": 1}),
        (Kind.REFUND, "1123", {}),
    ],
)
async def test_not_one_of_another_day_amount_till_or_card_nor_by_what_says_no_amount(
    people: str, kind: Kind, month_day: str, other: dict[str, Any]
) -> None:
    async with Process(people) as process:
        assert await process.reasons(paid()) == ["APPROVED"]
        assert await process.reasons(told(kind, month_day, **other)) == ["ORIGINAL_NOT_FOUND"]
    assert await one(people, SPENT) == 500
