"""A process that dies at each step of a top-up, and what the next one makes of it.

Each test ends with the proof of books, answers and legs, and with both books in agreement.
"""

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from authz.audit.prove import prove_all
from authz.bank.stans import Stans
from authz.bank.teller import finish_of
from authz.decide.authorize import authorize
from authz.decide.topup import BankWord
from authz.outcomes import Later, Outcome, Reserved
from authz.requests import Kind, Original, Request
from authz.storage import database, reading
from authz.storage.store import Conflict
from rules.decision import Reason
from tests.authz.builders import BOOKS, again, numbers
from tests.database.branch import Branch, a_branch, forty
from tests.database.roads import buys


def undo_of(asked: Request) -> Request:
    """The reversal of all of it, by its exact identity."""
    return buys(4000, kind=Kind.REVERSAL, about=Original(keys=(asked.key_hash,)))


async def together(
    branch: Branch, asked: Request, reserved: Reserved, word: BankWord
) -> list[Outcome | None]:
    """The settlement and the reversal, in one batch."""
    name = reserved.holder_id, reserved.authorization_id
    return await branch.run(finish_of(asked, name, word), undo_of(asked))


async def test_died_after_the_reservation_nothing_was_asked_and_nothing_stands(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        await branch.reserve(asked)
        assert await branch.available() == 7500
        (waits,) = await branch.run(again(asked))
        assert isinstance(waits, Later)
        assert await branch.recover() == 1
        assert (await branch.state(), await branch.available()) == (("DECLINED", 0), 10_000)
        (answer,) = await branch.run(again(asked))
        assert answer is not None and answer.reason is Reason.ISSUER_DOWN


async def test_died_before_the_question_left_the_bank_is_told_all_the_same(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        assert await branch.mark(await branch.reserve(forty()))
        assert await branch.recover() == 1
        assert (await branch.state(), await branch.available()) == (("REVERSED", 0), 10_000)
        assert branch.bank.books.messages == {"042": 1}


@pytest.mark.parametrize("kind", [Kind.PURCHASE, Kind.HOLD])
async def test_died_while_the_bank_had_approved_both_legs_are_undone(
    kind: Kind, calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty(kind=kind)
        await branch.reserve_and_ask(asked)
        assert await branch.state() == ("ASKED", 1500)
        assert await branch.recover() == 1
        assert (await branch.state(), await branch.available()) == (("REVERSED", 0), 10_000)


async def test_died_after_the_settlement_the_repeat_gets_its_answer(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        told = await branch.finish(asked, reserved, BankWord.APPROVED)
        assert await branch.recover() == 0
        (answer,) = await branch.run(again(asked))
        assert answer is not None
        assert (answer.reason, answer.approved_minor, answer.approval_code) == (
            Reason.APPROVED, 4000, told.approval_code,
        )  # fmt: skip
        assert (await branch.state(), await branch.available()) == (("APPROVED", 1500), 7500)


async def test_a_payment_is_settled_once_whoever_comes_second(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        assert await branch.recover() == 1
        late = await branch.finish(asked, reserved, BankWord.APPROVED)
        assert late.reason is Reason.ISSUER_DOWN
        assert await branch.state() == ("REVERSED", 0)


async def test_an_approval_that_nobody_waits_for_any_more_is_undone(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        over = replace(asked, deadline_s=monotonic() - 1)
        outcome = await branch.finish(over, reserved, BankWord.APPROVED)
        assert outcome.reason is Reason.ISSUER_DOWN
        assert await branch.state() == ("REVERSAL_DUE", 1500)
        await branch.recover()
        assert (await branch.state(), await branch.available()) == (("REVERSED", 0), 10_000)


async def test_an_advice_of_what_was_undone_while_it_waited_is_not_posted_again(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        await branch.run(undo_of(asked))
        undone = await branch.finish(asked, reserved, BankWord.APPROVED)
        assert undone.reason is Reason.REVERSED_BEFORE_REQUEST
        (told,) = await branch.run(
            buys(4000, kind=Kind.ADVICE, about=Original(keys=(asked.key_hash,)))
        )
        assert told is not None
        assert (told.reason, told.approved_minor) == (Reason.APPROVED, 0)
        await branch.recover_notices(branch.desk)
        assert (await branch.state(), await branch.available()) == (("REVERSED", 0), 10_000)


@pytest.mark.parametrize("field", ["rrn", "stan"])
async def test_a_reference_or_a_stan_means_what_waits_for_its_own_till_only(
    calendar_url: str, tmp_path: Path, field: str
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve(asked)
        about = Original(**{field: getattr(asked, field)})
        others: list[dict[str, Any]] = [
            {"acquirer": "99999"}, {"terminal": "TERM0009"}, {"card_ref": b"another card...."},
        ]  # fmt: skip
        for other in others:
            (answer,) = await branch.run(buys(4000, kind=Kind.REVERSAL, about=about, **other))
            assert answer is not None and answer.reason is Reason.ORIGINAL_NOT_FOUND
        (answer,) = await branch.run(buys(4000, kind=Kind.REVERSAL, about=about))
        assert answer is not None and answer.reason is Reason.APPROVED
        assert (await branch.finish(asked, reserved, BankWord.SILENT)).approved_minor == 0


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
async def test_an_advice_of_another_amount_waits_for_the_payment_of_its_stan(
    calendar_url: str, tmp_path: Path, together: bool
) -> None:
    """ADV-03: it is no second payment beside the one whose bank has not spoken yet."""
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        named = Original(stan=asked.stan, first_stan=asked.stan, amount_minor=3000)
        told = replace(buys(3000, kind=Kind.ADVICE, about=named, completes=True), stan=asked.stan)
        if together:
            reserved, waits = await branch.run(asked, told)
            assert isinstance(reserved, Reserved)
            await branch.ask(asked, reserved)
        else:
            reserved = await branch.reserve_and_ask(asked)
            (waits,) = await branch.run(told)
        assert isinstance(waits, Later)
        await branch.finish(asked, reserved, BankWord.APPROVED)
        (cleared,) = await branch.run(told)
        assert cleared is not None and cleared.approved_minor == 1000, "what was given back"
        await branch.recover_notices(branch.desk)
        assert await branch.available() == 7500


async def test_a_repeat_with_another_card_is_told_so_while_the_first_waits(
    calendar_url: str, tmp_path: Path
) -> None:
    """AUT-06: 94, though nobody's books were to be read for it."""
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        other = again(replace(asked, card_ref=b"nobody's card...", fingerprint=b"other content..."))
        (told,) = await branch.run(other)
        assert told is not None and told.reason is Reason.DUPLICATE_CONFLICT
        await branch.finish(asked, reserved, BankWord.APPROVED)


async def test_a_reversal_of_a_part_waits_for_what_there_will_be_to_reduce(
    calendar_url: str, tmp_path: Path
) -> None:
    """REV-02: 25 + 15 reduced to 30; the bank card's part first."""
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        part = replace(undo_of(asked), new_total_minor=3000)
        (waits,) = await branch.run(part)
        assert isinstance(waits, Later)
        assert (await branch.finish(asked, reserved, BankWord.APPROVED)).approved_minor == 4000
        (answer,) = await branch.run(part)
        assert answer is not None and answer.approved_minor == 1000
        await branch.recover_notices(branch.desk)
        assert (await branch.state(), await branch.available()) == (("APPROVED", 500), 7500)


async def test_a_reversal_before_the_question_stops_it(calendar_url: str, tmp_path: Path) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve(asked)
        undo = undo_of(asked)
        (undone,) = await branch.run(undo)
        assert undone is not None and undone.reason is Reason.APPROVED
        assert not await branch.mark(reserved)
        outcome = await branch.finish(asked, reserved, BankWord.NOT_ASKED)
        assert outcome.reason is Reason.REVERSED_BEFORE_REQUEST
        assert (await branch.state(), await branch.available()) == (("DECLINED", 0), 10_000)


@pytest.mark.parametrize("kind", [Kind.PURCHASE, Kind.HOLD])
async def test_a_reversal_in_the_very_batch_of_the_settlement_undoes_both_legs(
    calendar_url: str, tmp_path: Path, kind: Kind
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty(kind=kind)
        reserved = await branch.reserve_and_ask(asked)
        settled, undone = await together(branch, asked, reserved, BankWord.APPROVED)
        assert settled is not None and settled.approved_minor == 4000
        assert undone is not None and undone.approved_minor == 4000
        await branch.recover_notices(branch.desk)
        assert (await branch.state(), await branch.available()) == (("REVERSED", 0), 10_000)


async def test_and_what_vouchers_paid_alone(calendar_url: str, tmp_path: Path) -> None:
    """TOP-10: the bank says no, a part is approved, and all of that comes back."""
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        asked = replace(asked, purchase=replace(asked.purchase, partial_ok=True))
        reserved = await branch.reserve(asked)
        settled, undone = await together(branch, asked, reserved, BankWord.NOT_ASKED)
        assert settled is not None and settled.approved_minor == 2500
        assert undone is not None and undone.approved_minor == 2500
        assert (await branch.state(), await branch.available()) == (("DECLINED", 0), 10_000)


async def test_a_settlement_between_two_readings_of_a_reversal_is_not_overlooked(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is read first, the payments that wait or those that are settled."""
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        read: list[str] = []

        def settled_behind(name: str) -> None:
            usual = getattr(reading, name)

            async def first_this(*arguments: Any) -> Any:
                found = await usual(*arguments)
                read.append(name)
                if len(read) == 1:
                    monkeypatch.undo()
                    await branch.finish(asked, reserved, BankWord.APPROVED)
                return found

            monkeypatch.setattr(reading, name, first_this)

        settled_behind("read_payments")
        settled_behind("read_pending")
        undo = undo_of(asked)
        (undone,) = await branch.run(undo)
        assert len(read) >= 1
        assert undone is not None and undone.approved_minor == 4000
        await branch.recover_notices(branch.desk)
        assert (await branch.state(), await branch.available()) == (("REVERSED", 0), 10_000)


async def test_a_leg_that_is_asked_meanwhile_is_not_dropped_as_never_asked(
    calendar_url: str, tmp_path: Path
) -> None:
    """The mark moves no holder's version: the leg's own state keeps its settlement out (MV003)."""
    async with a_branch(calendar_url, tmp_path) as branch:
        reserved = await branch.reserve(asked := forty())
        name = reserved.holder_id, reserved.authorization_id
        drop = finish_of(asked, name, None, late=True)
        writes = authorize([drop], await branch.store.load([drop], {}), BOOKS, numbers(9)).writes
        assert await branch.mark(reserved)
        with pytest.raises(Conflict, match="MV003"):
            await branch.store.save(writes)
        assert await branch.recover() == 1
        assert await branch.state() == ("REVERSED", 0)


@pytest.mark.parametrize("word", [BankWord.APPROVED, BankWord.SILENT])
async def test_a_settlement_in_doubt_counts_only_as_what_stands_in_the_books(
    calendar_url: str, tmp_path: Path, word: BankWord
) -> None:
    """Our commit was lost; another worker has settled the payment since, perhaps the other way."""
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        ours = finish_of(asked, (reserved.holder_id, reserved.authorization_id), BankWord.APPROVED)
        lost = authorize([ours], await branch.store.load([ours], {}), BOOKS, numbers(9)).writes
        await branch.finish(asked, reserved, word)
        assert await branch.store.committed(lost) is (word is BankWord.APPROVED)
        await branch.recover_notices(branch.desk)


@pytest.mark.parametrize(
    ("tampering", "law"),
    [
        ("update bank_legs set state = 'UNKNOWN', left_minor = 0", "bank_is_told"),
        ("update bank_legs set state = 'DECLINED'", "both_legs"),
        ("delete from bank_legs", "both_legs"),
        ("update bank_legs set left_minor = 1499", "legs_are_booked"),
        ("update bank_legs set state = 'ASKED'", "legs_have_one_answer"),
        ("update authorizations set bank_minor = 1499 where bank_minor > 0", "both_legs"),
        ("update bank_legs set notices = 1", "bank_is_told"),
        ("update bank_legs set state = 'CAPTURED'", "legs_keep_to_their_road"),
        ("delete from bank_leg_moves", "legs_keep_to_their_road"),
        ("delete from bank_leg_moves where state = 'ASKED'", "legs_keep_to_their_road"),
        (
            "update bank_leg_moves set event = 'DROP' where state = 'APPROVED'",
            "legs_keep_to_their_road",
        ),
        (
            "insert into bank_leg_moves select holder_id, number, 'DECLINED', 'DROP', '', '', at"
            " from bank_leg_moves where state = 'ASKED'",
            "legs_keep_to_their_road",
        ),
        ("update bank_leg_moves set number = 1", "legs_keep_to_their_road"),
    ],
)
async def test_a_leg_that_is_not_as_it_was_answered_is_found(
    tampering: str, law: str, calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        await branch.finish(asked, reserved, BankWord.APPROVED)
        sql = await asyncpg.connect(calendar_url)
        tampered = sql.transaction(isolation="repeatable_read")
        await tampered.start()
        await sql.execute(tampering)
        report = await prove_all(sql, {book.version: book for book in BOOKS.values()})
        await tampered.rollback()
        await sql.close()
        assert law in report.broken


async def test_stans_are_never_given_twice_whoever_takes_them(
    calendar_url: str, tmp_path: Path
) -> None:
    pool = await database.open_pool(calendar_url, size=4)
    try:
        takers = [Stans(pool, "99") for _ in range(4)]
        taken = await asyncio.gather(*(taker.stamps(130) for taker in takers))
        stans = [(stamp.stan, stamp.at.date()) for stamps in taken for stamp in stamps]
        assert len(set(stans)) == len(stans) == 520
    finally:
        await pool.close()
