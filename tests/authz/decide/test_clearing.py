"""What clears a payment: completions and financial advices of holds and of purchases, late too."""

import pytest
from msgspec.structs import replace

from authz.requests import Kind, Original, Request
from authz.state import Payment
from ledger.accounts import lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Reason
from tests.authz.builders import some_holder, some_request, some_state
from tests.authz.sequels import about, answers, decided, moves
from tests.rules.builders import TOP_UP, TUESDAY

LOT, PAYABLE = lot_account(1, 1), payable_account(7)
OK, AMOUNT = Reason.APPROVED, Reason.INVALID_AMOUNT


def told(paid: Request, amount_minor: int, kind: Kind = Kind.ADVICE) -> Request:
    """A 0220 about a payment: with DE38 or DE90 (CAPTURE), or with neither."""
    return about(paid, kind, amount_minor, completes=True)


@pytest.mark.parametrize("kind", [Kind.CAPTURE, Kind.ADVICE])
@pytest.mark.parametrize(
    ("told_minor", "back", "alarm"),
    [(2000, 0, ""), (1900, 100, ""), (2100, 0, "ADVICE_ABOVE_PAYMENT")],
)
def test_a_0220_clears_a_purchase_whatever_it_names_it_by(
    kind: Kind, told_minor: int, back: int, alarm: str
) -> None:
    """ADV-03: lower gives the rest back, higher is for a dispute; DE38 or DE90 change nothing."""
    paid = some_request(2000)
    verdict = decided(paid, told(paid, told_minor, kind), some_request(500 + back))
    assert answers(verdict)[1:] == [(OK, back), (OK, 500 + back)]
    assert verdict.outcomes[1].alarm == alarm
    backs = [("direct", PAYABLE, LOT, back)] * bool(back)
    assert moves(verdict)[1:-1] == backs


@pytest.mark.parametrize("refunded_first", [True, False])
def test_clearing_for_less_gives_back_the_same_before_and_after_a_refund(
    refunded_first: bool,
) -> None:
    """ADV-03: it tells what the sale was, not what is left of it."""
    paid = some_request(2000)
    refund, clearing = about(paid, Kind.REFUND, 500), told(paid, 1800)
    order = (refund, clearing) if refunded_first else (clearing, refund)
    verdict = decided(paid, *order, told(paid, 1800))
    assert answers(verdict)[1:] == [
        *([(OK, 500), (OK, 200)] if refunded_first else [(OK, 200), (OK, 500)]),
        (OK, 0),
    ]
    assert {outcome.alarm for outcome in verdict.outcomes} == {""}


def test_no_more_comes_back_than_refunds_left() -> None:
    paid = some_request(2000)
    verdict = decided(paid, about(paid, Kind.REFUND, 1800), told(paid, 1500))
    assert answers(verdict)[2] == (OK, 200)


def test_a_refund_that_was_reversed_is_left_out_of_what_clearing_is_compared_with() -> None:
    paid = some_request(2000)
    refund = about(paid, Kind.REFUND, 500)
    verdict = decided(paid, refund, about(refund, Kind.REVERSAL, 500), told(paid, 1800))
    assert answers(verdict)[3] == (OK, 200)


@pytest.mark.parametrize("kind", [Kind.CAPTURE, Kind.ADVICE])
@pytest.mark.parametrize("told_minor", [2000, 1500])
def test_clearing_of_what_was_reversed_is_for_a_dispute(kind: Kind, told_minor: int) -> None:
    """The merchant says that the sale was, its acquirer that it was not: somebody must look."""
    paid = some_request(2000)
    undo = about(paid, Kind.REVERSAL, 2000, new_total_minor=900)
    verdict = decided(paid, undo, told(paid, told_minor, kind))
    assert answers(verdict)[2] == (OK, 0)
    assert verdict.outcomes[2].alarm == "ADVICE_ABOVE_PAYMENT"


def test_a_completion_for_nothing_is_refused() -> None:
    paid, held = some_request(1000), some_request(500, kind=Kind.HOLD)
    nothing = [told(paid, 0, Kind.CAPTURE), told(held, 0, Kind.CAPTURE)]
    verdict = decided(paid, held, *nothing)
    assert [reason for reason, _ in answers(verdict)] == [OK, OK, AMOUNT, AMOUNT]


def test_who_asks_first_is_told_that_a_purchase_was_of_another_amount() -> None:
    """A capture over HTTP tells of nothing that has happened."""
    paid = some_request(1000)
    captures = [about(paid, Kind.CAPTURE, amount_minor) for amount_minor in (900, 1000)]
    assert answers(decided(paid, *captures))[1:] == [(AMOUNT, 0), (OK, 0)]
    part = some_request(3000, partial_ok=True)
    captures = [about(part, Kind.CAPTURE, amount_minor) for amount_minor in (2500, 3000, 2501)]
    assert answers(decided(part, *captures))[1:] == [(OK, 0), (OK, 0), (AMOUNT, 0)]


@pytest.mark.parametrize("kind", [Kind.CAPTURE, Kind.ADVICE])
def test_a_0220_takes_a_hold_that_has_expired_whatever_it_names_it_by(kind: Kind) -> None:
    """HLD-03: late, for the day of the hold, if funds and that day's cap still allow."""
    held = some_request(2000, kind=Kind.HOLD)
    over = about(held, Kind.EXPIRY, 0)
    verdict = decided(held, over, told(held, 900, kind), told(held, 900, kind))
    assert answers(verdict)[2:] == [(OK, 900), (OK if kind is Kind.ADVICE else AMOUNT, 0)]
    assert moves(verdict)[2:] == [("direct", LOT, PAYABLE, 900)]
    assert verdict.writes.decided[2][3] == "CAPTURE"
    assert [outcome.alarm for outcome in verdict.outcomes[2:]] == ["", ""]


def test_a_hold_whose_facts_are_forgotten_is_taken_by_nobody() -> None:
    """It fell free long ago: nobody can say any more under which rules it was."""
    hold = Transfer.hold(1, 1, LOT, PAYABLE, 2000, 5, TUESDAY.date(), TUESDAY)
    moved = (hold, Transfer.void(hold, 2, 6, TUESDAY))
    held = Payment(1, 5, 1, Kind.HOLD, TUESDAY.date(), "", 2000, 2000, moved, b"")
    take = some_request(2000, kind=Kind.CAPTURE, about=Original(name=(1, 5)))
    verdict = decided(take, state=some_state(payments={held.name: held}))
    assert answers(verdict) == [(Reason.ORIGINAL_NOT_FOUND, 0)]


@pytest.mark.parametrize("kind", [Kind.CAPTURE, Kind.ADVICE])
def test_what_came_since_may_refuse_a_late_0220(kind: Kind) -> None:
    held = some_request(2000, kind=Kind.HOLD)
    over, since = about(held, Kind.EXPIRY, 0), some_request(1000)
    late = told(held, 2000, kind)
    assert answers(decided(held, over, since, late))[3] == (Reason.DAILY_CAP, 0)
    state = some_state(some_holder(lots=((2026, 2000),)))
    verdict = decided(held, over, since, late, state=state)
    assert answers(verdict)[3] == (Reason.INSUFFICIENT_BALANCE, 0)
    assert len(moves(verdict)) == 3


@pytest.mark.parametrize("bank_open", [True, False])
@pytest.mark.parametrize("partial_ok", [True, False])
def test_a_late_0220_is_paid_whole_by_vouchers_or_refused(
    partial_ok: bool, bank_open: bool
) -> None:
    """HLD-03: what the till could take in part, or a bank card help out with, was then."""
    holder = some_holder()
    (held_account,) = holder.profile.accounts
    linked = replace(held_account, account=replace(held_account.account, top_up=TOP_UP))
    holder = replace(holder, profile=holder.profile.with_account(linked))
    state = replace(some_state(holder), bank_open=bank_open)
    held = some_request(2000, kind=Kind.HOLD, partial_ok=partial_ok)
    over, since = about(held, Kind.EXPIRY, 0), some_request(1000)
    late = told(held, 2000, Kind.CAPTURE)
    verdict = decided(held, over, since, late, state=state)
    assert answers(verdict)[3] == (Reason.DAILY_CAP, 0)
    assert len(moves(verdict)) == 3


def test_a_late_advice_of_more_than_was_held_takes_that_and_the_rest_is_disputed() -> None:
    """ADV-03: posted up to what was held."""
    held = some_request(1500, kind=Kind.HOLD)
    verdict = decided(held, about(held, Kind.EXPIRY, 0), told(held, 1600))
    assert answers(verdict)[2] == (OK, 1500)
    assert verdict.outcomes[2].alarm == "ADVICE_ABOVE_PAYMENT"
    assert moves(verdict)[2:] == [("direct", LOT, PAYABLE, 1500)]


@pytest.mark.parametrize("expired", [True, False])
def test_an_advice_that_a_hold_came_to_nothing_leaves_nothing_of_it(expired: bool) -> None:
    """ADV-03: lower releases, at once."""
    held = some_request(2000, kind=Kind.HOLD)
    over = [about(held, Kind.EXPIRY, 0)] * expired
    verdict = decided(held, *over, told(held, 0), some_request(2500))
    assert answers(verdict)[-2:] == [(OK, 0 if expired else 2000), (OK, 2500)]
    assert verdict.outcomes[-2].alarm == ""
    assert [kind for kind, *_ in moves(verdict)] == ["hold", "void", "direct"]


@pytest.mark.parametrize("undone", [Kind.REVERSAL, Kind.CANCEL])
def test_an_advice_of_a_hold_that_was_undone_takes_nothing(undone: Kind) -> None:
    held = some_request(2000, kind=Kind.HOLD)
    verdict = decided(held, about(held, undone, 2000), told(held, 2000))
    assert answers(verdict)[2] == (OK, 0)
    assert verdict.outcomes[2].alarm == "ADVICE_ABOVE_PAYMENT"
    assert len(moves(verdict)) == 2


def test_a_late_0220_takes_no_more_than_a_reversal_left_of_the_expired_hold() -> None:
    """REV-02: though nothing was held any more when it came."""
    held = some_request(2500, kind=Kind.HOLD)
    less = about(held, Kind.REVERSAL, 2500, new_total_minor=900)
    gone = held, about(held, Kind.EXPIRY, 0), less
    assert answers(decided(*gone, told(held, 2500, Kind.CAPTURE)))[3] == (AMOUNT, 0)
    assert answers(decided(*gone, told(held, 900, Kind.CAPTURE)))[3] == (OK, 900)
    verdict = decided(*gone, told(held, 2500))
    assert answers(verdict)[3] == (OK, 900)
    assert verdict.outcomes[3].alarm == "ADVICE_ABOVE_PAYMENT"


def test_an_offline_advice_takes_no_hold_that_has_expired() -> None:
    """0120 moves no money of a hold: its 0220 is still to come."""
    held = some_request(2000, kind=Kind.HOLD)
    named = Original(keys=(held.key_hash,), amount_minor=2000)
    advice = some_request(2000, kind=Kind.ADVICE, about=named)
    verdict = decided(held, about(held, Kind.EXPIRY, 0), advice)
    assert answers(verdict)[2] == (OK, 0)
    assert len(moves(verdict)) == 2
