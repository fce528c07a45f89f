"""Which payment a message means where others share a field of it: DE3, 11, 13, 32, 37, 38, 41."""

from datetime import timedelta
from typing import Any

import pytest

from authz.requests import Kind, Original, Request
from tests.database.roads import Process, buys, one, people, people_template
from tests.rules.builders import TUESDAY

__all__ = ["people", "people_template"]

STAN, RRN = "000042", "000000004711"
UNDONE = "select about_id from authorizations where kind = 'REVERSAL'"


def paid(**changes: Any) -> Request:
    """0200 of 12.50."""
    return buys(1250, stan=STAN, rrn=RRN, **changes)


def means(kind: Kind, named: dict[str, Any], **changes: Any) -> Request:
    """What is about the payment of these fields, of all of it; stamped anew (DE7)."""
    amount_minor = 1250 if kind is Kind.REVERSAL else None
    about = Original(keys=(b"a key of its own",), amount_minor=amount_minor, **named)
    return buys(1250, kind=kind, about=about, **changes)


BY_RRN, BY_STAN, BY_DAY = {"rrn": RRN}, {"stan": STAN}, {"stan": STAN, "month_day": "1124"}


@pytest.mark.parametrize("named", [BY_RRN, BY_STAN, BY_DAY])
@pytest.mark.parametrize(
    "other", [{"acquirer": "99999"}, {"terminal": "TERM0009"}, {"person": 2, "merchant": 1}]
)
async def test_not_a_payment_of_another_acquirer_till_or_card(
    people: str, named: dict[str, str], other: dict[str, Any]
) -> None:
    async with Process(people) as process:
        assert await process.reasons(paid()) == ["APPROVED"]
        for kind in (Kind.REVERSAL, Kind.REFUND):
            assert await process.reasons(means(kind, named, **other)) == ["ORIGINAL_NOT_FOUND"]
        assert await process.reasons(means(Kind.REVERSAL, named)) == ["APPROVED"]


async def test_of_two_payments_of_one_reference_de38_says_which(people: str) -> None:
    async with Process(people) as process:
        (one_sale,), _ = [await process.run(paid()) for _ in range(2)]
        assert one_sale is not None
        for code, minor in [(None, 0), ("000000", 0), (one_sale.approval_code, 1250)]:
            (undone,) = await process.run(means(Kind.REVERSAL, {"rrn": RRN, "approval_code": code}))
            assert undone is not None and undone.approved_minor == minor
    assert await one(people, UNDONE) == one_sale.authorization_id


async def test_of_two_payments_of_one_stan_de13_says_which(people: str) -> None:
    """The till may use it again every day."""
    async with Process(people) as process:
        (monday,) = await process.run(paid(received_at=TUESDAY - timedelta(days=1)))
        assert monday is not None
        assert await process.reasons(paid()) == ["APPROVED"]
        for stan, day, minor in [(STAN, "1120", 0), ("000043", "1123", 0), (STAN, "1123", 1250)]:
            (undone,) = await process.run(means(Kind.REVERSAL, {"stan": stan, "month_day": day}))
            assert undone is not None and undone.approved_minor == minor
    assert await one(people, UNDONE) == monday.authorization_id


@pytest.mark.parametrize(
    ("processing", "kept"), [("00", "REVERSAL"), ("20", "REFUND_REVERSAL")], ids=["sale", "refund"]
)
@pytest.mark.parametrize("named", [BY_RRN, BY_DAY])
async def test_of_a_sale_and_its_refund_under_one_reference_de3_says_which(
    people: str, named: dict[str, str], processing: str, kept: str
) -> None:
    sale = paid()
    refund = paid(kind=Kind.REFUND, about=Original(keys=(sale.key_hash,)))
    async with Process(people) as process:
        undo = means(Kind.REVERSAL, named, processing=processing)
        for request in (sale, refund, undo):
            await process.run(request)
    assert await one(people, "select max(kind) from authorizations where kind ~ 'REV'") == kept
