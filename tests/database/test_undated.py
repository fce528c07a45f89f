"""A reversal that names its payment by STAN and till alone: DE13, the day, is optional."""

from datetime import timedelta
from typing import Any

import pytest

from authz.requests import Kind, Original, Request
from tests.database.roads import Process, buys, one, people, people_template
from tests.rules.builders import TUESDAY

__all__ = ["people", "people_template"]

STAN = "000042"
SOON = TUESDAY + timedelta(hours=23, minutes=59)
LATER = TUESDAY + timedelta(hours=24, seconds=1)
MOVED_BACK = "select count(*) from transfers where about_seq is not null"


def undo(**changes: Any) -> Request:
    """0400 with the STAN of its original, a transmission time of its own, no DE90, 37 or 13."""
    named = Original(keys=(b"a key of its own",), amount_minor=1250, stan=STAN, first_stan=STAN)
    return buys(1250, kind=Kind.REVERSAL, about=named, stan=STAN, **changes)


async def test_it_undoes_the_payment_of_the_last_day(people: str) -> None:
    async with Process(people) as process:
        assert await process.reasons(buys(1250, stan=STAN)) == ["APPROVED"]
        assert [o.approved_minor for o in await process.run(undo(received_at=SOON)) if o] == [1250]
    assert await one(people, MOVED_BACK) == 1


@pytest.mark.parametrize(
    "other", [{"received_at": LATER}, {"terminal": "TERM0009"}, {"person": 2, "merchant": 1}]
)
async def test_not_an_older_one_nor_one_of_another_till_or_card(
    people: str, other: dict[str, Any]
) -> None:
    async with Process(people) as process:
        assert await process.reasons(buys(1250, stan=STAN)) == ["APPROVED"]
        assert await process.reasons(undo(**other)) == ["ORIGINAL_NOT_FOUND"]
    assert await one(people, MOVED_BACK) == 0


async def test_two_of_the_same_amount_are_as_good_as_none(people: str) -> None:
    async with Process(people) as process:
        for _ in range(2):
            assert await process.reasons(buys(1250, stan=STAN)) == ["APPROVED"]
        (outcome,) = await process.run(undo())
        assert outcome is not None
        assert (outcome.reason.value, outcome.alarm) == ("ORIGINAL_NOT_FOUND", "AMBIGUOUS_ORIGINAL")
