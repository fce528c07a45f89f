"""A link matches answers to questions, and tells silence from a broken connection."""

import asyncio

import pytest

from simulators.faults import Proxy
from simulators.link import Link, LinkDownError, UnansweredError, key_of
from simulators.messages import repeat
from simulators.wire import Fields
from tests.simulators.test_wire import some_purchase
from tests.simulators.worlds import approve, hosted


@pytest.mark.parametrize(
    ("profile", "framing"),
    [("ascii", None), ("ascii", "4a-incl"), ("ascii-binary", "2b"), ("bcd", None)],
)
async def test_a_question_gets_its_answer(profile: str, framing: str | None) -> None:
    async with (
        hosted(profile=profile, framing=framing) as host,
        Link(host.address, profile, framing) as link,
    ):
        answer = await link.ask(some_purchase())
    assert answer["t"] == "0210"
    assert answer["39"] == "00"


async def test_answers_may_come_in_any_order() -> None:
    held: list[Fields] = []

    def backwards(question: Fields) -> Fields | None:
        held.append(question)
        return approve(held[0]) if len(held) == 2 else None

    async with hosted(backwards) as host, Link(host.address) as link:
        first, second = some_purchase(), some_purchase() | {"11": "000777"}
        asking = asyncio.create_task(link.ask(first))
        await asyncio.sleep(0)
        with pytest.raises(UnansweredError):
            await link.ask(second, timeout_s=0.2)
        assert (await asking)["11"] == first["11"]
        assert link.in_flight == 0


async def test_a_repeat_under_way_with_its_original_is_answered_too() -> None:
    async with hosted() as host, Link(host.address) as link:
        first = some_purchase()
        answers = await asyncio.gather(link.ask(first), link.ask(repeat(first)))
    assert [answer["t"] for answer in answers] == ["0210", "0210"]
    assert key_of(first) == key_of(repeat(first)) == key_of(answers[0])


async def test_of_two_that_ask_the_same_who_waits_longest_is_answered_first() -> None:
    arrived: list[Fields] = []

    def counted(question: Fields) -> Fields | None:
        arrived.append(question)
        return (approve(question) or {}) | {"38": f"{len(arrived):06d}"}

    async with hosted(counted) as host, Link(host.address) as link:
        first = some_purchase()
        answers = await asyncio.gather(link.ask(first), link.ask(repeat(first)))
    assert [answer["38"] for answer in answers] == ["000001", "000002"]


async def test_silence_is_told_and_a_late_answer_is_a_stray() -> None:
    async with (
        hosted() as host,
        Proxy(host.address) as proxy,
        Link(proxy.address) as link,
    ):
        proxy.delay_s = 0.1
        with pytest.raises(UnansweredError):
            await link.ask(some_purchase(), timeout_s=0.05)
        assert (link.in_flight, link.strays) == (0, 0)
        # On one line answers keep their order: after the second, the first has come.
        await link.ask(some_purchase() | {"11": "000777"})
        assert link.strays == 1


async def test_who_waits_when_the_peer_hangs_up_is_told_so() -> None:
    def hang_up(question: Fields) -> Fields | None:
        raise ConnectionResetError

    async with hosted(hang_up) as host, Link(host.address) as link:
        with pytest.raises(LinkDownError):
            await link.ask(some_purchase(), timeout_s=2)


async def test_a_link_comes_back_by_itself() -> None:
    async with hosted() as host, Link(host.address) as link:
        await link.ask(some_purchase())
        await link.close()
        assert (await link.ask(some_purchase()))["39"] == "00"
        assert host.connections == 2


async def test_nobody_there_is_a_link_that_is_down() -> None:
    async with hosted() as host:
        address = host.address
    with pytest.raises(LinkDownError, match="cannot connect"):
        await Link(address).open()


def test_an_address_is_a_host_and_a_port() -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        Link("localhost")
