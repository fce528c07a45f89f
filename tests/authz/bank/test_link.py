"""The line to the bank: sign-on, matching, silence, reconnection and the breaker, over real TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from authz.bank.breaker import Breaker
from authz.bank.link import BankLink, NotSent, Patience, Silent
from authz.bank.words import BankCard, Place, Stamp, question, reference_of, reversal
from authz.custody.pan import Pan
from authz.door.addresses import Address
from authz.iso8583.message import Message
from simulators.bank import BankHost, Manners, answer_to
from simulators.bank_books import BankBooks
from simulators.frames import FrameReader, framing_of, wrap
from simulators.wire import decode, encode, profile_of

CARD = BankCard(Pan("9999490000000015"), "2912")
QUICK = Patience(0.5, 0.2, 30.0, 0.02, 0.01, 0.05)
NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


def some_place(number: int = 1) -> Place:
    return Place("99", reference_of(number), "TERM0001", "MERCH0000000001", NOON)


def some_question(number: int = 1, amount_minor: int = 1500) -> Message:
    stamp = Stamp(f"{number:06d}", NOON)
    return question(CARD, some_place(number), stamp, amount_minor, hold=False)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(link: BankLink) -> AsyncIterator[BankLink]:
    """The link at work for the length of a block."""
    work = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        work.cancel()
        await asyncio.wait([work])
        await asyncio.sleep(0.02)  # the other end sees that it is over


@asynccontextmanager
async def a_line(manners: Manners | None = None) -> AsyncIterator[tuple[BankHost, BankLink]]:
    host = BankHost(BankBooks(), manners)
    address, _, port = (await host.open()).rpartition(":")
    link = BankLink(Address(address, int(port)), "99", QUICK, Breaker(3))
    try:
        async with running(link):
            yield host, link
    finally:
        await host.close()


class OddBank:
    """Answers a sign-on as it is told to, and is called."""

    def __init__(self, answer: bytes | str, lives_s: float | None = None) -> None:
        """A response code, or any bytes; it hangs up `lives_s` after it answered, None: never."""
        self.answer, self.lives_s, self.calls = answer, lives_s, 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        framing, spoken = framing_of("2b"), profile_of("ascii")
        with suppress(ConnectionError):
            for body in FrameReader(framing).feed(await reader.read(4096)):
                answer = self.answer
                if isinstance(answer, str):
                    answer = wrap(encode(answer_to(decode(body, spoken), answer), spoken), framing)
                writer.write(answer)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.lives_s):
                    await reader.read()
        writer.close()


@asynccontextmanager
async def a_line_to(bank: OddBank, patience: Patience = QUICK) -> AsyncIterator[BankLink]:
    async with await asyncio.start_server(bank.take, "127.0.0.1", 0) as server:
        link = BankLink(Address(*server.sockets[0].getsockname()), "99", patience, Breaker(3))
        async with running(link):
            yield link


async def test_a_line_that_is_lost_is_told_with_its_reason() -> None:
    async with a_line() as (host, link):
        await until(lambda: link.is_open)
        with capture_logs() as logged:
            await host.restart()
            await until(lambda: any(line["event"] == "bank_signed_on" for line in logged))
    (lost,) = (line for line in logged if line["event"] == "bank_line_lost")
    assert (lost["why"], lost["log_level"]) == ("the bank hung up", "warning")


async def test_a_bank_that_answers_no_echo_is_hung_up_on_and_that_is_told() -> None:
    patience = replace(QUICK, network_s=0.05, echo_idle_s=0.05)
    async with a_line() as (host, link):
        link._patience = patience
        await until(lambda: link.is_open)
        with capture_logs() as logged:
            host.manners = Manners(silent=True)
            await until(lambda: bool(logged))
    assert (logged[0]["event"], logged[0]["why"]) == (
        "bank_line_lost",
        "we hung up on a bank that answers no echo",
    )


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the line waits between two attempts, in units of its first pause; see `ODD`."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def listening(delay_s: float) -> None:
        if (times := delay_s / ODD.back_off_s) in (1, 2, 4, 8, 16):
            waited.append(times)
        await sleep(delay_s)

    monkeypatch.setattr(asyncio, "sleep", listening)
    return waited


ODD = replace(QUICK, back_off_s=0.0078125, back_off_max_s=0.125)
"""Pauses that nobody else makes."""


async def test_a_bank_that_signs_on_and_hangs_up_is_called_ever_later(pauses: list[float]) -> None:
    async with a_line_to(OddBank("00", lives_s=0), ODD):
        await until(lambda: len(pauses) == 5)
    assert pauses == [1, 2, 4, 8, 16]


async def test_a_line_that_lived_lets_the_pauses_begin_anew(pauses: list[float]) -> None:
    bank = OddBank("05", lives_s=0)
    async with a_line_to(bank, ODD) as link:
        await until(lambda: len(pauses) == 3)
        bank.answer, bank.lives_s = "00", 4 * ODD.back_off_max_s
        await until(lambda: link.is_open)
        bank.answer, bank.lives_s = "05", 0
        refused = len(pauses)
        await until(lambda: len(pauses) >= refused + 2)
    assert pauses[:3] == [1, 2, 4]
    assert pauses[refused : refused + 2] == [1, 2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("05", "the bank refuses our sign-on, response code 05: does it know our bank_inst"),
        (b"\xff\xff", "we hung up on bytes that cannot be read: frame of 65535 bytes"),
        (b"\0\x08ABCDEFGH", "we hung up on bytes that cannot be read: message at byte 0"),
        (b"", "the bank hung up before it took our sign-on: does it want TLS (bank_tls_ca)?"),
    ],
)
async def test_a_sign_on_that_fails_is_told_once_with_its_reason(
    answer: bytes | str, words: str
) -> None:
    bank = OddBank(answer, 0)
    with capture_logs() as logged:
        async with a_line_to(bank) as link:
            await until(lambda: bank.calls >= 4)
            assert not link.is_open
    (told,) = logged
    assert told["event"] == "bank_not_reached"
    assert told["why"].startswith(words)


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


async def test_a_request_of_the_banks_own_is_no_answer() -> None:
    async with a_line(Manners(delay_ms=100)) as (_, link):
        await until(lambda: link.is_open)
        asked = some_question()
        asking = asyncio.create_task(link.ask(asked, 1.0))
        await asyncio.sleep(0.02)
        link.heard(asked)
        assert link.strays == 1
        assert (await asking).mti != asked.mti


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
