"""A journal is complete: everything that left is in it before it left, with what came back."""

from pathlib import Path

import pytest
from rich.console import Console

from simulators.journal import Answered, Journal, Sent, Silent, fold, read
from simulators.link import Link
from simulators.messages import repeat
from simulators.terminal import Stamps, Terminal, panel
from simulators.wire import Fields
from tests.simulators.test_wire import LATER, some_purchase
from tests.simulators.worlds import approve, hosted


async def test_what_is_asked_is_written_before_it_leaves(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    found: list[int] = []

    def look(question: Fields) -> Fields | None:
        found.append(len(list(read(path))))
        return approve(question)

    async with hosted(look) as host, Link(host.address) as link:
        with Journal(path) as journal:
            await Terminal(link, journal).pay(some_purchase())
            await Terminal(link, journal).pay(some_purchase() | {"11": LATER.stan})
    assert found == [1, 3], "the question's line is there when it arrives"
    assert [type(line) for line in read(path)] == [Sent, Answered, Sent, Answered]


async def test_a_journal_tells_amounts_codes_and_no_card_number(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with hosted() as host, Link(host.address) as link:
        with Journal(path) as journal:
            await Terminal(link, journal).pay(some_purchase(), person="per-1")
            (entry,) = journal.entries()
    question, answer = entry.sent[0], entry.answer
    assert (question.amount_minor, question.card, question.person) == (
        1250,
        "************0012",
        "per-1",
    )
    assert (question.partial, question.eligible_minor) == (True, 900)
    assert answer is not None
    assert (answer.code, answer.amount_minor, answer.approval_code) == ("00", 1250, "000123")
    assert answer.key == question.key
    assert "9999670000000012" not in path.read_text()


async def test_a_silence_is_written_with_its_cause() -> None:
    journal = Journal()
    async with hosted(lambda question: None) as host:
        async with Link(host.address) as link:
            reply = await Terminal(link, journal, timeout_s=0.05).pay(some_purchase())
        address = host.address
    assert reply.answer is None
    await Terminal(Link(address), journal).pay(some_purchase())
    causes = [line.why for line in journal.lines if isinstance(line, Silent)]
    assert causes == ["timeout", "link"]
    assert [len(entry.sent) for entry in journal.entries()] == [2]
    assert journal.entries()[0].answer is None


async def test_a_repeat_has_the_key_of_its_original() -> None:
    journal = Journal()
    async with hosted() as host, Link(host.address) as link:
        terminal = Terminal(link, journal)
        await terminal.pay(some_purchase())
        await terminal.pay(repeat(some_purchase()))
    (entry,) = fold(journal.lines)
    assert [line.mti for line in entry.sent] == ["0200", "0201"]
    assert len(entry.answers) == 2


async def test_a_payment_is_repeated_until_it_is_answered() -> None:
    heard: list[str] = []

    def third_time(question: Fields) -> Fields | None:
        heard.append(question["t"])
        return approve(question) if len(heard) == 3 else None

    async with hosted(third_time) as host, Link(host.address) as link:
        terminal = Terminal(link, Journal(), timeout_s=0.3)
        reply = await terminal.pay_until_answered(some_purchase(), times=5, pause_s=0)
    assert reply.code == "00"
    assert heard == ["0200", "0201", "0201"]


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event":"sent"\n')
    with pytest.raises(ValueError, match=r"journal\.jsonl, line 1"):
        list(read(path))


def test_stamps_never_repeat_and_pass_a_million() -> None:
    stamps = Stamps(first=999_997)
    assert [stamps.next().stan for _ in range(3)] == ["999998", "999999", "000001"]


async def test_a_panel_says_the_answer_in_words() -> None:
    def part(question: Fields) -> Fields | None:
        answer = approve(question) or {}
        amounts = "0057978D000000001250" + "0002978C000000000700"
        return answer | {"39": "10", "4": "000000000800", "54": amounts}

    async with hosted(part) as host, Link(host.address) as link:
        reply = await Terminal(link, Journal()).pay(some_purchase())
    console = Console(width=80)
    with console.capture() as captured:
        console.print(panel(some_purchase(), reply))
    text = captured.get()
    for words in ("10 approved in part", "8.00 EUR", "usable today", "7.00 EUR", "asked"):
        assert words in text
    assert "9999670000000012" not in text
