"""Counters in the holder's row: races, other offices, the bank leg. The proof ends each test."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec import msgpack

from authz.credentials import life
from authz.credentials.change import By, change
from authz.decide.counters import Counters
from authz.decide.topup import BankWord
from authz.requests import Request
from authz.state import Profile
from rules.decision import Reason
from tests.authz.builders import again
from tests.database.branch import a_branch, forty
from tests.database.roads import Process, buys, one, people, people_template
from tests.road.people import DIGESTER, pan
from tests.rules.builders import some_tap

__all__ = ["people", "people_template"]
KEPT = b"the PIN's own 16"
WRONG, RIGHT = (b"another PIN's 16",), (KEPT,)
WAITS = "select request from pending_payments"
BY = By("HOLDER", "APP", "")


def taps(amount_minor: int, atc: int, person: int = 1, **changes: Any) -> Request:
    return buys(amount_minor, person, tap=some_tap(atc=atc), **changes)


async def counters(url: str, person: int = 1) -> Counters:
    """Those of the person's only credential that has any."""
    row = "select counters from holders h join credentials c using (holder_id) where card_ref = $1"
    stored = await one(url, row, DIGESTER.card_ref(pan(person)))
    (own,) = msgpack.decode(stored, type=tuple[Counters, ...])
    assert own.card_ref == DIGESTER.card_ref(pan(person))
    return own


def with_pin(profile: Profile) -> Profile:
    return life.with_pin(profile, "card-1", KEPT)


async def set_pin(url: str) -> None:
    sql = await asyncpg.connect(url)
    try:
        async with sql.transaction():
            await change(sql, "card", "card-1", "CHANGE_PIN", BY, with_pin)
    finally:
        await sql.close()


async def test_two_engines_take_a_use_of_a_chip_once(people: str) -> None:
    async with Process(people) as first, Process(people) as second:
        rounds = []
        for atc in range(1, 9):
            pair = first.run(taps(100, atc)), second.run(taps(100, atc))
            rounds.append([outcome for batch in await asyncio.gather(*pair) for outcome in batch])
    for outcomes in rounds:
        reasons = sorted(outcome.reason.name for outcome in outcomes if outcome)
        assert reasons == ["APPROVED", "TAP_REPLAYED"]
    window = (await counters(people)).window
    assert (window.highest, window.seen) == (8, 0b1111111)


async def test_a_repeat_counts_nothing_and_is_told_of_the_same_use(people: str) -> None:
    request = taps(100, 3)
    async with Process(people) as engine:
        (said,) = await engine.run(request)
    before = await counters(people)
    async with Process(people) as other:
        (says,) = await other.run(again(request, tap=some_tap(atc=4)))
        restamped = again(request, key_hash=b"r" * 16, transmitted="1124235959")
        (once_more,) = await other.run(restamped)
    assert said and says and once_more
    assert says.replayed and says.chip == said.chip == once_more.chip == some_tap(atc=3).use
    assert await counters(people) == before


async def test_wrong_pins_count_until_another_office_begins_a_new_round(people: str) -> None:
    await set_pin(people)
    async with Process(people) as engine:
        for reason in ("WRONG_PIN", "WRONG_PIN", "WRONG_PIN", "PIN_TRIES"):
            assert await engine.reasons(buys(100, pin_refs=WRONG)) == [reason]
        assert (await counters(people)).pin_tries == 3
        assert await engine.reasons(taps(100, 1)) == ["APPROVED"]
        await set_pin(people)
        # Whoever changes the profile leaves the counters alone.
        assert (await counters(people)).window.highest == 1
        assert await engine.reasons(buys(100, pin_refs=WRONG)) == ["WRONG_PIN"]
        assert (await counters(people)).pin_tries == 1
        assert await engine.reasons(buys(100, pin_refs=RIGHT)) == ["APPROVED"]
        assert (await counters(people)).pin_tries == 0


async def test_a_refused_tap_leaves_the_books_alone(people: str) -> None:
    moved = "select count(*) from transfers"
    before = await one(people, moved)
    async with Process(people) as engine:
        assert await engine.reasons(taps(5001, 1, entry="07")) == ["VERIFY_REQUIRED"]
        assert await engine.reasons(taps(100, 1)) == ["TAP_REPLAYED"]
    assert await one(people, moved) == before


@pytest.mark.parametrize("word", [BankWord.APPROVED, BankWord.NOT_ASKED])
async def test_a_tap_that_waits_for_the_bank_is_counted_once_and_answered(
    word: BankWord, calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty(tap=some_tap(atc=7))
        reserved = await branch.reserve(asked)
        if word is BankWord.APPROVED:
            await branch.ask(asked, reserved)
        told = await branch.finish(asked, reserved, word)
        (answer,) = await branch.run(again(asked))
        (copy,) = await branch.run(forty(tap=some_tap(atc=7)))
    assert answer is not None and copy is not None
    assert told.replayed is False and answer.chip == some_tap(atc=7).use == told.chip
    assert copy.reason is Reason.TAP_REPLAYED


async def test_no_reference_of_a_pin_is_written_while_a_payment_waits(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        await set_pin(branch.url)
        await branch.reserve(forty(pin_refs=RIGHT, tap=some_tap(atc=7)))
        waits = msgpack.decode(await one(branch.url, WAITS), type=Request)
        assert (waits.tap, waits.pin_refs) == (some_tap(atc=7), None)
        assert await branch.recover() == 1
