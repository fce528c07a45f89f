"""The euro that verifies a bank card is undone, whatever breaks on the way (TOP-08)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from authz.bank import enrolment
from authz.bank.enrolment import Enrolment
from authz.bank.kept import Wallet
from authz.bank.laws import LAWS
from authz.bank.matters import read_matters
from authz.bank.verification import undo_left_behind
from authz.bank.words import BankCard
from authz.custody.pan import Pan
from authz.decide.topup import BankWord
from authz.jobs.timers import JOBS, Work
from authz.outcomes import Outcome
from authz.refusal import Refused
from authz.requests import Request
from ledger.audit import check
from simulators.bank import Manners
from simulators.bank_books import BankRules
from tests.authz.builders import BOOKS
from tests.database.branch import NAME_ONE, Branch, a_branch, forty
from tests.road.people import Setting, bank_pan

CARD = BankCard(Pan(bank_pan(1)), "2912")
AT_ONCE = timedelta(0)
AWAY = "the database is away"
LONG_AGO = """
    update bank_cards set enrolled_at = enrolled_at - interval '1 hour',
        removed_at = removed_at - interval '1 hour'
"""
OLDER = "update bank_legs set asked_at = asked_at - $1::interval where number = 1"


NUMBERS = "select count(*) from sealed_numbers where kind = 'BANK_CARD'"


async def link(branch: Branch, numbers: "count[int]", card: BankCard = CARD) -> BankWord:
    """As HTTP does it; what the bank said."""
    wallet = Wallet(await branch.pool.fetchval(NAME_ONE), 1)
    enrolling = Enrolment(branch.desk, numbers.__next__)
    stamp = await enrolling.stamp()
    assert stamp is not None
    async with branch.pool.acquire() as sql, sql.transaction():
        begun = await enrolling.begin(sql, wallet, card, stamp, 100)
    word = await enrolling.ask(begun)
    if word is BankWord.APPROVED:
        async with branch.pool.acquire() as sql, sql.transaction():
            await enrolling.link(sql, begun)
    return word


async def not_linked(*_: object) -> None:
    raise ConnectionError(AWAY)


async def nobody_decides(asked: Sequence[Request]) -> Sequence[Outcome | None]:
    raise AssertionError(asked)


async def left_behind(branch: Branch, numbers: "count[int]") -> None:
    """The process dies while the bank, which has booked the euro, is answering."""
    branch.bank.manners = Manners(delay_ms=300)
    before = branch.bank.books.spent_minor(CARD.pan.reveal())
    linking = asyncio.create_task(link(branch, numbers))
    while branch.bank.books.spent_minor(CARD.pan.reveal()) == before:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.01)
    linking.cancel()
    await asyncio.wait([linking])
    branch.bank.manners = Manners()


async def test_a_process_that_dies_leaves_nothing_at_the_bank(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        await left_behind(branch, count(1))
        assert await branch.state() == ("ASKED", 100)
        waiting = await read_matters(branch.pool)
        assert (waiting.waiting, waiting.waiting_s > 0) == (1, True)
        assert await undo_left_behind(branch.pool) == 0  # somebody may wait for it
        undone = await asyncio.gather(*(undo_left_behind(branch.pool, AT_ONCE) for _ in range(2)))
        assert sum(undone) == 1
        await branch.recover_notices(branch.desk)
        assert await branch.state() == ("REVERSED", 0)
        assert (await read_matters(branch.pool)).waiting == 0


async def test_the_job_finds_what_is_old(calendar_url: str, tmp_path: Path) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        await left_behind(branch, count(1))
        work = Work(branch.pool, nobody_decides, BOOKS, datetime.now(UTC))
        assert (await JOBS["store-and-forward"].run(work))["settled"] == 0
        await branch.pool.execute(OLDER, timedelta(minutes=1))
        assert (await JOBS["store-and-forward"].run(work))["settled"] == 1
        await branch.pool.execute(OLDER, -timedelta(minutes=1))
        await branch.recover_notices(branch.desk)
        assert await branch.state() == ("REVERSED", 0)


async def test_the_euro_is_undone_though_the_card_cannot_be_linked(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        monkeypatch.setattr(enrolment, "link_card", not_linked)
        with pytest.raises(ConnectionError, match=AWAY):
            await link(branch, count(1))
        assert (await branch.state())[0] == "REVERSAL_DUE"
        await branch.recover_notices(branch.desk)
        assert await branch.state() == ("REVERSED", 0)


async def test_an_answer_that_comes_after_all_links_the_card_and_undoes_nothing_twice(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        branch.bank.manners = Manners(delay_ms=300)
        linking = asyncio.create_task(link(branch, count(1)))
        while not branch.bank.books.spent_minor(CARD.pan.reveal()):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        assert await undo_left_behind(branch.pool, AT_ONCE) == 1
        assert await linking is BankWord.APPROVED
        await branch.recover_notices(branch.desk)
        assert await branch.state() == ("REVERSED", 0)


async def test_the_proof_sees_one_that_nobody_undoes(calendar_url: str, tmp_path: Path) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        numbers = count(1)
        await left_behind(branch, numbers)
        assert await broken(branch) == []
        await branch.pool.execute(OLDER, timedelta(hours=2))
        assert await broken(branch) == []
        assert await link(branch, numbers) is BankWord.APPROVED
        assert await broken(branch) == ["verified_for_nothing"]
        await branch.pool.execute(OLDER, -timedelta(hours=2))
        assert await undo_left_behind(branch.pool, AT_ONCE) == 1
        await branch.recover_notices(branch.desk)


async def test_the_number_of_a_card_that_was_declined_is_forgotten(
    calendar_url: str, tmp_path: Path
) -> None:
    rules = BankRules(declines={bank_pan(2): "05"})
    async with a_branch(calendar_url, tmp_path, Setting(), rules) as branch:
        numbers = count(1)
        assert await link(branch, numbers) is BankWord.APPROVED
        declined = BankCard(Pan(bank_pan(2)), "2912")
        assert await link(branch, numbers, declined) is BankWord.DECLINED
        assert await forgotten(branch) == 0  # somebody may still link it
        await branch.pool.execute(LONG_AGO)
        assert await forgotten(branch) == 1
        await branch.recover_notices(branch.desk)
        assert await forgotten(branch) == 0
        assert await branch.pool.fetchval(NUMBERS) == 1


async def test_the_number_of_a_card_that_paid_is_kept_for_refunds(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        assert (await branch.pay(forty())).approved
        await branch.unlink(Wallet(await branch.pool.fetchval(NAME_ONE), 1))
        assert await link(branch, count(1)) is BankWord.APPROVED
        await branch.recover_notices(branch.desk)
        await branch.unlink(Wallet(await branch.pool.fetchval(NAME_ONE), 1))
        await branch.pool.execute(LONG_AGO)
        assert await forgotten(branch) == 1
        assert await branch.pool.fetchval(NUMBERS) == 1


async def test_the_number_is_kept_while_the_bank_must_hear_of_it(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path, Setting()) as branch:
        await left_behind(branch, count(1))
        await branch.pool.execute(LONG_AGO)
        assert await forgotten(branch) == 0
        assert await undo_left_behind(branch.pool, AT_ONCE) == 1
        assert await forgotten(branch) == 0
        await branch.recover_notices(branch.desk)
        assert await forgotten(branch) == 1


async def forgotten(branch: Branch) -> int:
    return (await branch.job("retain"))["bank_cards"]


async def test_a_person_may_try_a_few_cards_a_day_and_no_more(
    calendar_url: str, tmp_path: Path
) -> None:
    """However many are tried at once: nobody finds out here which of many numbers are good."""
    async with a_branch(calendar_url, tmp_path, Setting()) as branch:
        numbers = count(1)
        tries = [link(branch, numbers, BankCard(Pan(bank_pan(n)), "2912")) for n in range(1, 9)]
        said = await asyncio.gather(*tries, return_exceptions=True)
        refused = [each.code for each in said if isinstance(each, Refused)]
        assert refused == ["BANK_CARD_TRIES"] * 3
        assert await branch.pool.fetchval("select count(*) from bank_cards") == 5
        await branch.recover_notices(branch.desk)
        day = timedelta(days=1)
        await branch.pool.execute("update bank_legs set asked_at = asked_at - $1::interval", day)
        assert await link(branch, numbers) is BankWord.APPROVED
        await branch.recover_notices(branch.desk)


async def broken(branch: Branch) -> list[str]:
    async with branch.pool.acquire() as sql:
        return [law.name for law in LAWS if (await check(sql, law)).violations]
