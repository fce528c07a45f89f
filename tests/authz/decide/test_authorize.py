"""The heart: what requests of one batch see of each other, and what is written for them."""

from datetime import date
from typing import Any

import pytest
from msgspec import msgpack
from msgspec.structs import replace

from authz.decide.authorize import Verdict, authorize
from authz.requests import Kind, Request
from authz.state import Credential, HolderAccount, State, UsedDay
from ledger.accounts import lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import CardStatus, Facts
from tests.authz.builders import (
    BOOKS,
    MERCHANT,
    again,
    numbers,
    some_holder,
    some_request,
    some_state,
)
from tests.authz.memory_store import DECIDED
from tests.rules.builders import CARD, TUESDAY

OK, CAP = Reason.APPROVED, Reason.DAILY_CAP


def decided(*requests: Request, state: State | None = None) -> Verdict:
    return authorize(requests, state or some_state(), BOOKS, numbers())


def reasons(*requests: Request, state: State | None = None) -> list[Reason]:
    return [outcome.reason for outcome in decided(*requests, state=state).outcomes]


def rows(verdict: Verdict) -> list[dict[str, Any]]:
    return [dict(zip(DECIDED, row, strict=True)) for row in verdict.writes.decided]


def movements(verdict: Verdict) -> list[Transfer]:
    return [Transfer(*row) for row in verdict.writes.movements]  # type: ignore[arg-type]


def test_requests_are_decided_in_the_order_of_their_arrival() -> None:
    assert reasons(some_request(2000), some_request(501), some_request(500)) == [OK, CAP, OK]


def test_a_decline_takes_nothing_from_those_behind_it() -> None:
    assert reasons(some_request(2501), some_request(2500)) == [CAP, OK]


def test_people_do_not_see_each_other() -> None:
    state = some_state(some_holder(1), some_holder(2))
    assert reasons(some_request(2500, 1), some_request(2500, 2), state=state) == [OK, OK]


def test_two_accounts_of_a_person_share_the_day() -> None:
    """CAP-08: the cap is the person's."""
    one = some_holder(1, ((2026, 10_000), (2026, 10_000)))
    first, lots = one.profile.accounts[0], one.profile.lots
    second = HolderAccount(replace(first.account, account_no=2, account_id="acc-2"), 1)
    other_card = replace(CARD, card_id="card-2", account_no=2)
    profile = replace(
        one.profile,
        accounts=(first, second),
        cards=(CARD, other_card),
        credentials=(*one.profile.credentials, Credential(b"2" * 16, "card-2")),
        lots=(lots[0], replace(lots[1], account_no=2)),
    )
    state = some_state(replace(one, profile=profile))
    asked = [some_request(2000), some_request(600, card_ref=b"2" * 16), some_request(500)]
    assert reasons(*asked, state=state) == [OK, CAP, OK]


def test_what_was_used_before_counts() -> None:
    used = (UsedDay(1, date(2026, 11, 24), 2400),)
    state = some_state(some_holder(used=used))
    assert reasons(some_request(101), some_request(100), state=state) == [CAP, OK]


def test_the_same_key_twice_in_one_batch_is_one_request() -> None:
    request = some_request()
    verdict = decided(request, again(request), request)
    codes = {outcome.approval_code for outcome in verdict.outcomes}
    assert len(codes) == 1 and None not in codes
    assert [outcome.replayed for outcome in verdict.outcomes] == [False, True, True]
    assert len(verdict.writes.keys) == len(verdict.writes.movements) == 1


def test_a_repeat_stamped_anew_in_the_same_batch_debits_nothing() -> None:
    request = some_request()
    repeat = again(request, key_hash=b"r" * 16, transmitted="1124235959")
    verdict = decided(request, repeat)
    assert verdict.outcomes[1].replayed
    assert len(verdict.writes.movements) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"stan": "999999"},
        {"terminal": "TERM0002"},
        {"acquirer": "67890"},
        {"fingerprint": b"f" * 16},
        {"kind": Kind.HOLD},
        {"repeat": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_only_looks_like_a_repeat_is_a_payment_of_its_own(change: dict[str, object]) -> None:
    request = some_request(100)
    other = again(request, key_hash=b"r" * 16)
    verdict = decided(request, replace(other, **change))
    assert len(verdict.writes.keys) == 2


def test_another_content_under_the_same_key_is_a_conflict_and_is_not_kept() -> None:
    request = some_request()
    other = replace(request, fingerprint=b"f" * 16)
    verdict = decided(request, other, again(request))
    assert [o.reason for o in verdict.outcomes] == [OK, Reason.DUPLICATE_CONFLICT, OK]
    assert len(verdict.writes.keys) == 1


def test_an_unknown_card_is_refused_and_is_not_kept() -> None:
    verdict = decided(some_request(card_ref=b"?" * 16))
    assert verdict.outcomes[0].reason is Reason.UNKNOWN_CARD
    assert not verdict.writes.keys and not verdict.writes.decided


def test_a_card_that_left_its_holder_meanwhile_is_unknown() -> None:
    state = some_state()
    state.holder_of[b"n" * 16] = 1
    assert reasons(some_request(card_ref=b"n" * 16), state=state) == [Reason.UNKNOWN_CARD]


def test_a_decline_is_kept_like_an_approval() -> None:
    request = some_request(2501)
    verdict = decided(request, again(request))
    assert [o.reason for o in verdict.outcomes] == [CAP, CAP]
    assert len(verdict.writes.keys) == 1
    assert rows(verdict)[0]["reason"] == "DAILY_CAP"
    assert not verdict.writes.movements


def test_every_holder_of_a_kept_decision_moves_on_from_the_version_that_was_read() -> None:
    state = some_state(some_holder(1, version=4), some_holder(2, version=9), some_holder(3))
    asked = some_request(2501, 2), some_request(100, 1), some_request(0, 3, kind=Kind.INQUIRY)
    writes = decided(*asked, state=state).writes
    assert [after[:2] for after in writes.afters] == [(1, 5), (2, 10)]
    assert writes.holders == [1, 2]


def test_keys_are_written_in_their_own_order() -> None:
    asked = [some_request(1, key_hash=bytes([n] * 16)) for n in (9, 3, 7, 1)]
    keys = [row[0] for row in decided(*asked).writes.keys]
    assert keys == [bytes([n] * 16) for n in (1, 3, 7, 9)]


def test_a_purchase_moves_from_the_oldest_lot_to_what_we_owe_the_merchant() -> None:
    state = some_state(some_holder(3, ((2026, 450), (2025, 200))))
    request = some_request(600, 3)
    verdict = decided(request, state=state)
    payable = payable_account(MERCHANT.merchant_no)
    moved = [(t.kind, t.seq, t.debit_account, t.credit_account, t.amount_minor)
             for t in movements(verdict)]  # fmt: skip
    # At its workplace's date the vintage of 2025 has become one of 2026, exchanged: first in line.
    assert moved == [
        ("direct", 5, lot_account(3, 2), payable, 200),
        ("direct", 6, lot_account(3, 1), payable, 400),
    ]
    assert {t.authorization_id for t in movements(verdict)} == {
        verdict.outcomes[0].authorization_id
    }


def test_a_hold_keeps_the_money_back_and_counts_for_the_day() -> None:
    hold = some_request(2000, kind=Kind.HOLD)
    verdict = decided(hold, some_request(501))
    assert [o.reason for o in verdict.outcomes] == [OK, CAP]
    assert [t.kind for t in movements(verdict)] == ["hold"]
    after = verdict.writes.afters[0]
    assert after[-3:] == ("{8000}", "{2000}", None)


def test_the_facts_are_kept_as_the_rules_saw_them() -> None:
    verdict = decided(some_request(1000), some_request(300))
    first, second = (msgpack.decode(row["facts"], type=Facts) for row in rows(verdict))
    assert (first.lots[0].available_minor, first.usage) == (10_000, ())
    assert second.lots[0].available_minor == 9_000
    assert second.usage[0].used_minor == 1_000
    assert {row["rulebook"] for row in rows(verdict)} == {BOOKS["fr-meal"].version}


def test_the_test_clock_is_the_only_clock_where_it_is_set() -> None:
    sunday = TUESDAY.replace(day=22)
    state = some_state(now=sunday)
    assert reasons(some_request(), state=state) == [Reason.DAY_NOT_ALLOWED]
    assert reasons(some_request(received_at=sunday)) == [Reason.DAY_NOT_ALLOWED]
    assert reasons(some_request()) == [OK]


def test_a_blocked_card_bites_in_the_batch_that_reads_it() -> None:
    holder = some_holder()
    profile = replace(holder.profile, cards=(replace(CARD, status=CardStatus.BLOCKED),))
    state = some_state(replace(holder, profile=profile))
    assert reasons(some_request(), state=state) == [Reason.CARD_BLOCKED]


def test_an_unregistered_merchant_is_not_paid() -> None:
    verdict = decided(some_request(mid="NOBODY"))
    assert verdict.outcomes[0].reason is Reason.MERCHANT_NOT_ELIGIBLE
    assert not verdict.writes.movements
