"""The line to the bank: sign-on, matching, silence, reconnection and the breaker, over real TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from authz.addresses import Address
from authz.bank.breaker import Breaker
from authz.bank.link import BankLink, NotSent, Patience, Silent
from authz.bank.words import BankCard, Place, Stamp, question, reference_of, reversal
from authz.iso8583.message import Message
from authz.pan import Pan
from simulators.bank import BankHost, Manners
from simulators.bank_books import BankBooks

CARD = BankCard(Pan("9999490000000015"), "2912")
QUICK = Patience(0.5, 0.2, 30.0, 0.02, 0.01, 0.05)
NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


def some_place(number: int = 1) -> Place:
    return Place("99", reference_of(number), "TERM0001", "MERCH0000000001")


def some_question(number: int = 1, amount_minor: int = 1500) -> Message:
    stamp = Stamp(f"{number:06d}", NOON)
    return question(CARD, some_place(number), stamp, amount_minor, hold=False)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def a_line(manners: Manners | None = None) -> AsyncIterator[tuple[BankHost, BankLink]]:
    host = BankHost(BankBooks(), manners)
    address, _, port = (await host.open()).rpartition(":")
    link = BankLink(Address(address, int(port)), "99", QUICK, Breaker(3))
    running = asyncio.create_task(link.run())
    try:
        yield host, link
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await host.close()


async def test_many_questions_in_flight_get_their_own_answers() -> None:
    async with a_line() as (host, link):
        await until(lambda: link.is_open)
        asked = [link.ask(some_question(n, 100 + n), 2.0) for n in range(1, 51)]
        answers = await asyncio.gather(*asked)
        assert [answer.fields[4] for answer in answers] == [f"{100 + n:012d}" for n in range(1, 51)]
        assert host.books.spent_minor(CARD.pan.reveal()) == sum(range(101, 151))


async def test_without_a_line_nothing_is_sent() -> None:
    link = BankLink(Address("127.0.0.1", 9), "99", QUICK)
    with pytest.raises(NotSent):
        await link.ask(some_question(), 1.0)


async def test_no_answer_in_time_is_silence_and_the_late_answer_a_stray() -> None:
    async with a_line(Manners(late=1.0, late_ms=60)) as (_, link):
        await until(lambda: link.is_open)
        with pytest.raises(Silent):
            await link.ask(some_question(), 0.02)
        await until(lambda: link.strays == 1)


async def test_a_duplicated_answer_is_a_stray() -> None:
    async with a_line(Manners(duplicate=1.0)) as (_, link):
        await until(lambda: link.is_open)
        await link.ask(some_question(), 1.0)
        await until(lambda: link.strays == 1)


async def test_a_broken_line_is_silence_for_who_waits_and_comes_back_by_itself() -> None:
    async with a_line(Manners(delay_ms=500, away_ms=30)) as (host, link):
        await until(lambda: link.is_open)
        waiting = asyncio.create_task(link.ask(some_question(), 5.0))
        await until(lambda: link.in_flight == 1 and host.questions == 1)
        await host.restart()
        with pytest.raises(Silent):
            await waiting
        await until(lambda: link.is_open)


async def test_a_bank_that_answers_no_more_is_left_alone_until_it_answers_an_echo() -> None:
    async with a_line() as (host, link):
        await until(lambda: link.is_open)
        host.manners = Manners(silent=True)
        for number in range(1, 4):
            assert link.is_open
            with pytest.raises(Silent):
                await link.ask(some_question(number), 0.02)
        assert not link.is_open
        host.manners = Manners()
        await until(lambda: link.is_open)


async def test_a_silent_bank_never_counts_as_open() -> None:
    async with a_line(Manners(silent=True)) as (_, link):
        await asyncio.sleep(0.3)
        assert not link.is_open


async def test_a_reversal_names_its_original_so_that_the_bank_undoes_it() -> None:
    async with a_line() as (host, link):
        await until(lambda: link.is_open)
        asked = some_question()
        await link.ask(asked, 1.0)
        for left_minor, number in ((500, 2), (0, 3)):
            undo = reversal(
                CARD, some_place(), Stamp(f"{number:06d}", NOON), ("0200", Stamp("000001", NOON)),
                (1500, left_minor), again=False,
            )  # fmt: skip
            assert (await link.ask(undo, 1.0)).fields[39] == "00"
            assert host.books.spent_minor(CARD.pan.reveal()) == left_minor


def test_no_card_number_is_printed() -> None:
    assert CARD.pan.reveal() not in f"{CARD!r} {some_question()!r}"


def test_a_reference_is_twelve_characters_and_names_one_number() -> None:
    numbers = [0, 1, 35, 36, (1 << 62) - 1]
    references = [reference_of(number) for number in numbers]
    assert all(len(reference) == 12 for reference in references)
    assert [int(reference, 36) for reference in references] == numbers
