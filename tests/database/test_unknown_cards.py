"""An advice of a card that nobody issued: booked once under the house, undone like any other."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from msgspec.structs import replace

from authz.requests import Kind, Original, Request
from rules.decision import Reason
from tests.authz.builders import again
from tests.database.roads import Process, buys, one, people, people_template

__all__ = ["people", "people_template"]

LOSS = "select coalesce(sum(case when debit_account = 500 then amount_minor else -amount_minor end)"
LOST = LOSS + ", 0)::int from transfers where 500 in (debit_account, credit_account)"


def advises(**changes: Any) -> Request:
    """An offline payment of 3.00 by a card that is not ours."""
    plain = buys(300, kind=Kind.ADVICE, card_ref=b"u" * 16, completes=True)
    about = Original(stan=plain.stan, month_day="1124", amount_minor=300)
    return replace(plain, about=about, **changes)


async def test_a_restamped_repeat_pays_the_merchant_once(people: str) -> None:
    told = advises()
    async with Process(people) as engine:
        await engine.run(told)
        for stamp in ("1124235958", "1124235959"):
            repeat = again(told, key_hash=stamp.encode() + b"......", transmitted=stamp)
            (outcome,) = await engine.run(repeat)
            assert outcome is not None
            assert (outcome.reason, outcome.replayed) == (Reason.APPROVED, True)
    assert await one(people, LOST) == 300


async def test_it_is_undone_whole_with_or_without_the_card(people: str) -> None:
    async with Process(people) as engine:
        for card_ref in (b"u" * 16, b""):
            told = advises(key_hash=b"told" + card_ref[:12].ljust(12, b"-"))
            await engine.run(told)
            about = Original(keys=(told.key_hash,), amount_minor=300)
            undo = buys(300, kind=Kind.REVERSAL, about=about)
            (outcome,) = await engine.run(replace(undo, card_ref=card_ref, terminal=told.terminal))
            assert outcome is not None
            assert (outcome.reason, outcome.approved_minor) == (Reason.APPROVED, 300)
    assert await one(people, LOST) == 0


async def test_engines_that_book_them_at_the_same_time_answer_all_of_them(people: str) -> None:
    """They meet at the house's row: the second attempt must hold it, or it loses it once more."""
    rounds, engines = 25, 4

    async def tell(engine: Process, place: int) -> list[Reason | None]:
        card_ref, key_hash = place.to_bytes(16, "big"), b"advice" + place.to_bytes(10, "big")
        outcomes = await engine.run(advises(card_ref=card_ref, key_hash=key_hash))
        return [outcome.reason if outcome else None for outcome in outcomes]

    async with AsyncExitStack() as stack:
        crew = [await stack.enter_async_context(Process(people)) for _ in range(engines)]
        for first in range(0, rounds * engines, engines):
            told = (tell(engine, 1_000 + first + n) for n, engine in enumerate(crew))
            assert await asyncio.gather(*told) == [[Reason.APPROVED]] * engines
        assert sum(engine.metrics.conflicts for engine in crew) > 0
    assert await one(people, LOST) == 300 * rounds * engines
