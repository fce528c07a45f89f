"""The proof of answers and books: tampered with by a superuser, and the broken law is named."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from authz.audit.laws import (
    KEYS_NAME_AN_ANSWER,
    PAYEES_ARE_THE_MERCHANTS,
    REVERSED_STAYS_REVERSED,
)
from authz.audit.replay import REPLAYED
from authz.requests import Kind
from rules.decision import Reason
from tests.authz.builders import again
from tests.authz.sequels import about
from tests.database.conftest import MakeDatabase
from tests.database.roads import Process, audited, buys, people_template, prove
from tests.database.town import town
from tests.road.people import Setting
from tests.rules.builders import some_tap

__all__ = ["people_template"]


class Tampering(NamedTuple):
    """A change by hand, and the law of `authz.audit` that names it."""

    law: str
    sql: str


TAMPERINGS = (
    Tampering(
        "lots_are_as_opened",
        "update ledger_accounts set vintage = vintage - 1 where kind = 'HOLDER_LOT'",
    ),
    Tampering(
        "facts_were_true",
        "update authorizations set facts = (select facts from authorizations b"
        " where b.requested_minor = 400) where requested_minor = 800",
    ),
    Tampering(
        "decisions_repeat",
        "update authorizations set reason = 'INSUFFICIENT_BALANCE' where reason = 'DAILY_CAP'",
    ),
    Tampering(
        "decisions_repeat",
        "update authorizations set approved_minor = 399 where requested_minor = 400",
    ),
    Tampering(
        "answers_are_booked",
        "update authorizations set approved_minor = 399 where requested_minor = 400",
    ),
    Tampering(
        "answers_are_booked",
        "update transfers set authorization_id = null where amount_minor = 400",
    ),
    Tampering(
        "debits_are_decided",
        "update transfers set day = day - 1 where amount_minor = 400",
    ),
    Tampering(
        "debits_are_decided",
        "update transfers set debit_account = debit_account + 1 where amount_minor = 400",
    ),
    Tampering(
        "payees_are_the_merchants",
        "update transfers set credit_account = credit_account - 1 where amount_minor = 400",
    ),
    Tampering(
        "movements_are_answered",
        "delete from authorizations where requested_minor = 400",
    ),
    Tampering(
        "cap_is_kept",
        "update transfers set amount_minor = 4000 where amount_minor = 400",
    ),
    Tampering(
        "taps_pay_once",
        "update authorizations set facts = (select facts from authorizations b"
        " where b.requested_minor = 150) where requested_minor = 160",
    ),
    Tampering(
        "keys_name_an_answer",
        "delete from authorizations where reason = 'DAILY_CAP'",
    ),
    Tampering(
        "reversed_stays_reversed",
        "update authorizations set eligible_minor = 99 where kind = 'REVERSAL'",
    ),
    Tampering(
        "reversed_stays_reversed",
        "insert into transfers select (jsonb_populate_record(t, jsonb_build_object("
        "'seq', seq + 3, 'kind', 'direct', 'about_seq', null))).* from transfers t"
        " where amount_minor = 250",
    ),
)


@pytest.fixture
async def day(people_template: str, make_database: MakeDatabase) -> str:
    """A day of a few people: approvals, a decline, a repeat, two taps."""
    url = await asyncio.to_thread(make_database, people_template)
    paid = buys(400, 1)
    async with Process(url) as engine:
        reasons = await engine.reasons(paid, buys(700, 2), buys(3000, 3), buys(800, 1))
        assert reasons == ["APPROVED", "APPROVED", "DAILY_CAP", "APPROVED"]
        assert await engine.reasons(again(paid), buys(100, 2)) == ["APPROVED"] * 2
        taps = buys(150, 4, tap=some_tap(atc=1)), buys(160, 4, tap=some_tap(atc=2))
        assert await engine.reasons(*taps) == ["APPROVED"] * 2
        half = buys(250, 5)
        undone = about(half, Kind.REVERSAL, 250, card_ref=half.card_ref, new_total_minor=100)
        assert await engine.reasons(half, undone) == ["APPROVED"] * 2
    await prove(url)
    return url


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: f"{each.law}-{each.sql[:30]}")
async def test_each_law_names_who_breaks_it(day: str, tampering: Tampering) -> None:
    sql = await asyncpg.connect(day)
    try:
        assert not (await sql.execute(tampering.sql)).endswith(" 0"), "nothing was tampered with"
    finally:
        await sql.close()
    report = await audited(day)
    assert not report.holds
    assert tampering.law in report.broken
    [law] = [law for law in report.laws if law.name == tampering.law]
    assert law.violations and all(law.violations)


def test_every_law_is_broken_here_once() -> None:
    said = {
        law.name for law in (KEYS_NAME_AN_ANSWER, REVERSED_STAYS_REVERSED, PAYEES_ARE_THE_MERCHANTS)
    }
    assert {tampering.law for tampering in TAMPERINGS} == set(REPLAYED) | said


async def test_an_unknown_rulebook_is_told_and_not_passed_over(day: str) -> None:
    report = await audited(day, books=())
    assert report.decisions == 0
    assert len(report.unread_rulebooks) == 1


async def test_what_another_system_allowed_is_history_and_breaks_no_law(
    calendar_url: str, tmp_path: Path
) -> None:
    used = Setting(used={"2026-11-23": 2501, "2026-11-24": 2000})
    async with town(calendar_url, tmp_path, {1: used}) as t:  # proves at its end
        assert (await t.pay(600)).reason is Reason.DAILY_CAP
        assert (await t.pay(500)).reason is Reason.APPROVED
