"""What comes after a 0220 that told of a payment: it is still one, and is found by both."""

from typing import Any

import pytest
from msgspec.structs import replace

from authz.requests import Kind, Original, Request
from tests.database.roads import Process, buys, one, people, people_template

__all__ = ["people", "people_template"]

STAN, RRN = "000042", "632811000042"
SALE, TOLD = b"identity of sale", b"identity of 0220"
STANDS = """
    select coalesce(sum(amount_minor) filter (where about_seq is null and kind = 'direct'), 0)
        + coalesce(sum(amount_minor) filter (where kind = 'post'), 0)
        - coalesce(sum(amount_minor) filter (where about_seq is not null and kind = 'direct'), 0)
    from transfers where authorization_id is not null
"""


def sale(kind: Kind = Kind.PURCHASE, amount_minor: int = 1250) -> Request:
    """0200 or 0100."""
    return buys(amount_minor, kind=kind, stan=STAN, rrn=RRN, key_hash=SALE)


def told(kind: Kind = Kind.ADVICE, amount_minor: int = 1250) -> Request:
    """0220 of the sale, which it names by its identity."""
    named = Original(keys=(SALE,), first_stan=STAN)
    return buys(
        amount_minor, kind=kind, stan=STAN, rrn=RRN, key_hash=TOLD, about=named, completes=True
    )


def undo(amount_minor: int = 1250, **named: Any) -> Request:
    """0400 that names its original in one way."""
    about = Original(amount_minor=amount_minor, **named)
    return buys(amount_minor, kind=Kind.REVERSAL, about=about, stan="000043")


def give_back(amount_minor: int = 1250, **named: Any) -> Request:
    """0200 with DE3 20."""
    return buys(amount_minor, kind=Kind.REFUND, about=Original(**named), stan="000043")


BY_REFERENCE: dict[str, Any] = {"rrn": RRN}
BY_STAN: dict[str, Any] = {"stan": STAN}
BY_THE_SALE: dict[str, Any] = {"keys": (SALE,), "first_stan": STAN}
BY_THE_ADVICE: dict[str, Any] = {"keys": (TOLD,), "first_stan": STAN, "advised": True}
EVERY_WAY = [BY_REFERENCE, BY_STAN, BY_THE_SALE, BY_THE_ADVICE]
IN_WORDS = ["reference", "stan", "sale", "advice"]


async def in_turn(process: Process, together: bool, *requests: Request) -> list[tuple[Any, ...]]:
    """Reasons, what moved and alarms: of one batch, or of as many as there are requests."""
    if together:
        outcomes = await process.run(*requests)
    else:
        outcomes = [outcome for request in requests for outcome in await process.run(request)]
    return [(o.reason.value, o.approved_minor, o.alarm) for o in outcomes if o is not None]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
@pytest.mark.parametrize("named", EVERY_WAY, ids=IN_WORDS)
@pytest.mark.parametrize("last", [undo, give_back], ids=["reversal", "refund"])
async def test_a_payment_that_was_confirmed_is_found_and_given_back(
    people: str, last: Any, named: dict[str, Any], together: bool
) -> None:
    """REV-01, REF-01: the advice is no payment beside the one that it told of."""
    async with Process(people) as process:
        answers = await in_turn(process, together, sale(), told(), last(**named))
    assert answers == [("APPROVED", 1250, ""), ("APPROVED", 0, ""), ("APPROVED", 1250, "")]
    assert await one(people, STANDS) == 0


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
async def test_what_took_a_hold_is_undone_by_its_reversal(people: str, together: bool) -> None:
    """DE90 names the 0220, and DE4 is what that took; a second reversal finds nothing to undo."""
    hold, taken = sale(Kind.HOLD, 2000), told(Kind.CAPTURE, 1250)
    async with Process(people) as process:
        answers = await in_turn(process, together, hold, taken, undo(**BY_THE_ADVICE))
        assert answers[1:] == [("APPROVED", 1250, ""), ("APPROVED", 1250, "")]
        again = await in_turn(process, together, undo(**BY_THE_ADVICE))
        assert again == [("APPROVED", 0, "")]
    assert await one(people, STANDS) == 0
    assert await one(people, "select sum(lot_held[1]) from holders") == 0


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
async def test_a_part_of_it_stays_and_may_be_refunded(people: str, together: bool) -> None:
    """REV-02, REF-01: never more than stands."""
    whole = undo(800, **BY_THE_ADVICE)
    asked = [
        sale(Kind.HOLD), told(Kind.CAPTURE, 800), replace(whole, new_total_minor=500),
        give_back(300, **BY_THE_ADVICE), undo(800, **BY_THE_ADVICE),
    ]  # fmt: skip
    async with Process(people) as process:
        answers = await in_turn(process, together, *asked)
    assert [moved_minor for _, moved_minor, _ in answers] == [1250, 800, 300, 300, 200]


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
async def test_clearing_for_less_is_undone_by_what_it_left(people: str, together: bool) -> None:
    async with Process(people) as process:
        undone = undo(900, **BY_THE_ADVICE)
        answers = await in_turn(process, together, sale(), told(amount_minor=900), undone)
    assert answers[1:] == [("APPROVED", 350, ""), ("APPROVED", 900, "")]
    assert await one(people, STANDS) == 0


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
async def test_the_reversal_of_a_completion_that_was_refused_leaves_the_hold(
    people: str, together: bool
) -> None:
    """It took nothing (HLD-01: at most what is held), so that there is nothing to undo."""
    hold, above = sale(Kind.HOLD), told(Kind.CAPTURE, 1251)
    async with Process(people) as process:
        answers = await in_turn(process, together, hold, above, undo(1251, **BY_THE_ADVICE))
    assert answers[1:] == [("INVALID_AMOUNT", 0, ""), ("ORIGINAL_NOT_FOUND", 0, "")]
    assert await one(people, "select sum(lot_held[1]) from holders") == 1250


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
@pytest.mark.parametrize(("stan", "stands"), [(STAN, 1000), ("000077", 2250)])
async def test_an_advice_of_another_amount_is_of_the_payment_of_its_stan_alone(
    people: str, stan: str, stands: int, together: bool
) -> None:
    """ADV-03: DE37 may be that of a bill with several payments."""
    named = Original(rrn=RRN, stan=stan, first_stan=stan, amount_minor=1000)
    advice = buys(1000, kind=Kind.ADVICE, stan=stan, rrn=RRN, about=named, completes=True)
    async with Process(people) as process:
        await in_turn(process, together, sale(), advice)
    assert await one(people, STANDS) == stands


async def test_another_amount_than_the_completion_took_means_something_else(people: str) -> None:
    async with Process(people) as process:
        await in_turn(process, False, sale(Kind.HOLD, 2000), told(Kind.CAPTURE, 1250))
        assert await in_turn(process, False, undo(1249, **BY_THE_ADVICE)) == [
            ("ORIGINAL_NOT_FOUND", 0, "")
        ]
    assert await one(people, STANDS) == 1250
