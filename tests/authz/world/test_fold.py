"""What a person's new records mean: the profile, and movements that leave what the file says."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from authz.custody.pan import PanDigester
from authz.state import Profile
from authz.world.fold import Part, decode_profile, figures, fold, new_running
from authz.world.read import WorldError, read_world
from authz.world.stage import stage
from ledger.journal import Change
from ledger.running import Running
from tests.authz.hsm.keys import some_safe
from tests.authz.world.builders import World, some_world, write
from tests.road.people import bank_pan

AT = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
TRUST_CASH, PREPAID, SPENT_BEFORE = 100, 200, 400
HOLDER = 7
LOT_1 = 7 * 4096 + 1


def parts_of(tmp_path: Path, world: World) -> list[Part]:
    digester = PanDigester(b"k" * 32, "test")
    rows = [
        stage(n, each, digester, frozenset({"fr-meal"}), some_safe())
        for n, each in enumerate(read_world(write(tmp_path / "w.json", world)))
    ]
    return [
        Part(row.kind, row.parent or "", row.card_ref, row.body, 3)
        for row in rows
        if row.body is not None
    ]


def folded(tmp_path: Path, **account: Any) -> tuple[Profile, Change, Running]:
    world = some_world()
    world["accounts"][0] |= account
    empty = new_running(HOLDER)
    change = fold(empty, Profile("per-1"), parts_of(tmp_path, world), AT)
    assert change.profile is not None
    return decode_profile(change.profile), change, figures(empty, change)


def moved(change: Change) -> list[tuple[int, int, int, date]]:
    return [(t.debit_account, t.credit_account, t.amount_minor, t.day) for t in change.transfers]


def test_a_lot_is_paid_for_and_then_delivered(tmp_path: Path) -> None:
    _, change, running = folded(tmp_path)
    day = date(2026, 1, 5)
    assert moved(change) == [
        (TRUST_CASH, PREPAID, 10_000, day),
        (PREPAID, LOT_1, 10_000, day),
    ]
    assert (running.lot_available, running.lot_held, running.last_seq) == ((10_000,), (0,), 2)
    opened = [(row.account_id, row.vintage, row.origin, row.loaded_on) for row in change.accounts]
    assert opened == [(LOT_1, 2026, "OPENING", day)]


def test_a_lot_without_a_date_came_on_the_first_day_of_its_vintage(tmp_path: Path) -> None:
    profile, _, _ = folded(tmp_path, lots=[{"vintage": 2025, "amount": 1}])
    assert profile.lots[0].loaded_on == date(2025, 1, 1)


def test_what_was_used_leaves_the_balance_and_fills_the_day(tmp_path: Path) -> None:
    used = [{"day": "2026-11-24", "amount": 700}, {"day": "2026-11-23", "amount": 2_500}]
    _, change, running = folded(tmp_path, used=used)
    assert running.lot_available == (10_000,)
    spent = [(debit, minor, day) for debit, credit, minor, day in moved(change) if credit == 400]
    assert spent == [(LOT_1, 700, date(2026, 11, 24)), (LOT_1, 2_500, date(2026, 11, 23))]
    usage = zip(running.usage_accounts, running.usage_days, running.usage_minor, strict=True)
    assert set(usage) == {(1, date(2026, 11, 24), 700), (1, date(2026, 11, 23), 2_500)}


def test_what_was_used_goes_through_the_oldest_lot(tmp_path: Path) -> None:
    lots = [{"vintage": 2026, "amount": 5}, {"vintage": 2025, "amount": 6}]
    used = [{"day": "2026-02-02", "amount": 1}]
    _, change, running = folded(tmp_path, lots=lots, used=used)
    assert [debit for debit, credit, _, _ in moved(change) if credit == 400] == [LOT_1 + 1]
    assert running.lot_available == (5, 6)


def test_what_was_used_without_any_lot_gets_one(tmp_path: Path) -> None:
    profile, _, running = folded(tmp_path, lots=[], used=[{"day": "2026-02-02", "amount": 9}])
    assert (running.lot_available, running.usage_minor) == ((0,), (9,))
    assert [lot.vintage for lot in profile.lots] == [2026]


def test_a_person_has_no_more_lots_than_have_numbers(tmp_path: Path) -> None:
    lots = [{"vintage": 2026, "amount": 1}] * 4096
    assert len(folded(tmp_path, lots=lots[1:])[0].lots) == 4095
    with pytest.raises(WorldError, match="per-1: more than 4095 lots"):
        folded(tmp_path, lots=lots)


def test_nothing_is_booked_for_nothing(tmp_path: Path) -> None:
    nothing = {"vintage": 2026, "amount": 0}
    _, change, running = folded(tmp_path, lots=[nothing], used=[{"day": "2026-02-02", "amount": 0}])
    assert (change.transfers, change.accounts, running.lot_available) == ([], [], ())


def test_the_profile_knows_account_card_token_and_credentials(tmp_path: Path) -> None:
    profile, _, _ = folded(
        tmp_path, topup={"bank_pan": bank_pan(1), "bank_expiry": "2912", "verified": True}
    )
    held = profile.accounts[0]
    assert (held.account.account_id, held.account.account_no, held.employer_no) == ("acc-1", 1, 3)
    assert held.account.top_up is not None
    assert held.account.top_up.verified
    assert (profile.cards[0].card_id, profile.cards[0].account_no) == ("card-1", 1)
    assert profile.tokens[0].card_id == "card-1"
    assert [(c.card_id, c.token_id) for c in profile.credentials] == [
        ("card-1", None),
        ("card-1", "tok-1"),
    ]


def test_a_second_account_of_the_person_takes_the_next_numbers(tmp_path: Path) -> None:
    profile, _, running = folded(tmp_path)
    again = some_world()
    again["accounts"][0] |= {"id": "acc-2"}
    again["cards"][0] |= {"id": "card-2", "account": "acc-2", "pan": "9999670000000020"}
    del again["tokens"]
    more = fold(running, profile, parts_of(tmp_path, again), AT)
    assert more.profile is not None
    after = decode_profile(more.profile)
    assert [held.account.account_no for held in after.accounts] == [1, 2]
    assert [card.account_no for card in after.cards] == [1, 2]
    assert [(lot.lot_no, lot.account_no) for lot in after.lots] == [(1, 1), (2, 2)]
    assert [t.seq for t in more.transfers] == [3, 4]
    assert figures(running, more).lot_available == (10_000, 10_000)
