"""The bank as a host on the wire: what it answers, and each of its faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulators.bank import BankHost, Manners, fate_of, order
from simulators.bank_books import BankBooks
from simulators.link import Link, LinkDownError, UnansweredError
from simulators.wire import Fields
from tests.simulators.test_bank_books import CARD, ask

SIGN_ON: Fields = {"t": "0800", "7": "1124113000", "11": "000001", "70": "001"}


@asynccontextmanager
async def a_bank(manners: Manners | None = None) -> AsyncIterator[tuple[BankHost, Link]]:
    host = BankHost(BankBooks(), manners)
    async with Link(await host.open()) as link:
        yield host, link
    await host.close()


async def test_it_signs_on_and_answers_with_the_fields_of_the_question() -> None:
    async with a_bank() as (_, link):
        assert (await link.ask(SIGN_ON))["39"] == "00"
        answer = await link.ask(ask(1, 1500))
        assert (answer["t"], answer["39"], answer["37"]) == ("0210", "00", "000000000001")
        assert answer["38"]


async def test_a_dropped_answer_was_booked_and_a_lost_question_was_not() -> None:
    for manners, booked_minor in ((Manners(drop=1.0), 1500), (Manners(lose=1.0), 0)):
        async with a_bank(manners) as (host, link):
            with pytest.raises(UnansweredError):
                await link.ask(ask(1, 1500), timeout_s=0.1)
            assert host.books.spent_minor(CARD) == booked_minor


async def test_a_late_answer_comes_after_its_time() -> None:
    async with a_bank(Manners(late=1.0, late_ms=80)) as (_, link):
        with pytest.raises(UnansweredError):
            await link.ask(ask(1, 1500), timeout_s=0.02)
        await asyncio.sleep(0.15)
        assert link.strays == 1


async def test_a_duplicated_answer_comes_twice() -> None:
    async with a_bank(Manners(duplicate=1.0)) as (_, link):
        await link.ask(ask(1, 1500))
        await asyncio.sleep(0.05)
        assert link.strays == 1


async def test_a_restart_hangs_up_and_keeps_port_and_books() -> None:
    async with a_bank(Manners(restart_every=1, away_ms=30, delay_ms=20)) as (host, link):
        with pytest.raises(LinkDownError):
            await link.ask(ask(1, 1500))
        await asyncio.sleep(0.1)
        async with Link(f"127.0.0.1:{host.port}") as again:
            assert (await again.ask(SIGN_ON))["39"] == "00"
        assert (host.books.spent_minor(CARD), host.restarts) == (1500, 1)


async def test_a_silent_bank_answers_not_even_an_echo() -> None:
    async with a_bank(Manners(silent=True)) as (_, link):
        with pytest.raises(UnansweredError):
            await link.ask(SIGN_ON, timeout_s=0.05)


async def test_the_control_port_changes_manners_and_tells_the_books() -> None:
    async with a_bank() as (host, link):
        control = await host.open_control()
        await link.ask(ask(1, 1500))
        assert (await order(control, do="books"))["charged"] == 1500
        assert (await order(control, do="set", silent=True))["done"]
        assert not (await order(control, do="set", nonsense=1))["done"]
        assert host.manners.silent


def test_the_same_seed_gives_the_same_faults_and_a_repeat_another_chance() -> None:
    manners = Manners(drop=0.3, seed=7)
    fates = [fate_of(ask(n, 1), manners, 1).dropped for n in range(200)]
    assert fates == [fate_of(ask(n, 1), manners, 1).dropped for n in range(200)]
    assert 30 < sum(fates) < 90
    assert fates != [fate_of(ask(n, 1), manners, 2).dropped for n in range(200)]
