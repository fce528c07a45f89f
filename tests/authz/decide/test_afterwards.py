"""What is about a payment, in one batch with it: found, undone, posted, given back, or refused."""

from typing import Any

import pytest
from msgspec.structs import replace

from authz.decide.answering import NO_ACCOUNT
from authz.identity import NO_CONTENT
from authz.outcomes import AMBIGUOUS
from authz.requests import Kind, Original
from authz.state import Payment, UsedDay
from ledger.accounts import House, lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import Channel
from tests.authz.builders import some_holder, some_request, some_state
from tests.authz.sequels import about, answers, decided, moves
from tests.rules.builders import TUESDAY

DAY = TUESDAY.date()
LOT, PAYABLE = lot_account(1, 1), payable_account(7)
KEY = b"another identity"


OK, UNKNOWN, AMOUNT = Reason.APPROVED, Reason.ORIGINAL_NOT_FOUND, Reason.INVALID_AMOUNT


def test_a_reversal_gives_back_what_was_paid_and_only_once() -> None:
    paid = some_request(2500)
    undo = about(paid, Kind.REVERSAL, 2500)
    verdict = decided(paid, undo, about(paid, Kind.REVERSAL, 2500), some_request(2500))
    assert answers(verdict) == [(OK, 2500), (OK, 2500), (OK, 0), (OK, 2500)]
    assert moves(verdict)[1] == ("direct", PAYABLE, LOT, 2500)


def test_a_partial_reversal_of_a_hold_voids_it_and_holds_less() -> None:
    held = some_request(2500, kind=Kind.HOLD)
    verdict = decided(held, about(held, Kind.REVERSAL, 2500, new_total_minor=900))
    assert answers(verdict)[1] == (OK, 1600)
    assert moves(verdict) == [
        ("hold", LOT, PAYABLE, 2500), ("void", LOT, PAYABLE, 2500), ("hold", LOT, PAYABLE, 900),
    ]  # fmt: skip


def test_money_leaves_a_payment_newest_lot_first() -> None:
    """REV-02, REF-02: what stays spent is the oldest (VIN-03)."""
    state = some_state(some_holder(lots=((2026, 1000), (2026, 5000))))
    paid = some_request(2500)
    verdict = decided(paid, about(paid, Kind.REFUND, 1700), state=state)
    assert moves(verdict)[2:] == [
        ("direct", PAYABLE, lot_account(1, 2), 1500), ("direct", PAYABLE, LOT, 200),
    ]  # fmt: skip


def test_a_capture_posts_its_amount_and_the_rest_falls_free() -> None:
    held = some_request(2300, kind=Kind.HOLD)
    verdict = decided(held, about(held, Kind.CAPTURE, 1900), some_request(600))
    assert answers(verdict) == [(OK, 2300), (OK, 1900), (OK, 600)]
    assert moves(verdict)[1] == ("post", LOT, PAYABLE, 1900)


@pytest.mark.parametrize(
    ("first", "then", "amount_minor", "reason"),
    [
        (Kind.HOLD, Kind.CAPTURE, 2501, AMOUNT),
        (Kind.HOLD, Kind.REFUND, 100, AMOUNT),
        (Kind.PURCHASE, Kind.REFUND, 2501, AMOUNT),
        (Kind.PURCHASE, Kind.REFUND, 0, AMOUNT),
    ],
)
def test_more_than_there_is_moves_nothing(
    first: Kind, then: Kind, amount_minor: int, reason: Reason
) -> None:
    paid = some_request(2500, kind=first)
    verdict = decided(paid, about(paid, then, amount_minor))
    assert answers(verdict)[1] == (reason, 0)
    assert len(moves(verdict)) == 1


def test_a_hold_is_captured_once() -> None:
    held = some_request(2000, kind=Kind.HOLD)
    verdict = decided(held, about(held, Kind.CAPTURE, 500), about(held, Kind.CAPTURE, 500))
    assert answers(verdict)[2] == (AMOUNT, 0)


@pytest.mark.parametrize("then", [Kind.CAPTURE, Kind.CANCEL, Kind.REFUND])
def test_of_what_was_declined_there_is_nothing_to_take_or_to_give_back(then: Kind) -> None:
    """REF-01: 25, as of a payment that never was, and nothing is kept of it."""
    declined = some_request(2501, kind=Kind.HOLD)
    verdict = decided(declined, about(declined, then, 2501))
    assert answers(verdict) == [(Reason.DAILY_CAP, 0), (UNKNOWN, 0)]
    assert len(verdict.writes.decided) == 1


def test_a_hold_that_was_captured_is_refunded_and_not_cancelled() -> None:
    """HLD-04, API-03."""
    held = some_request(2000, kind=Kind.HOLD)
    verdict = decided(held, about(held, Kind.CAPTURE, 500), about(held, Kind.CANCEL, 0))
    assert answers(verdict)[2] == (Reason.INVALID_TRANSACTION, 0)


@pytest.mark.parametrize("kind", [Kind.REVERSAL, Kind.CAPTURE, Kind.REFUND])
def test_what_names_nothing_or_somebody_elses_payment_moves_nothing(kind: Kind) -> None:
    state = some_state(some_holder(1), some_holder(2))
    paid = some_request(1000, 1)
    stranger = replace(about(paid, kind, 1000), card_ref=some_request(1, 2).card_ref)
    nothing = about(some_request(1000), kind, 1000)
    verdict = decided(paid, stranger, nothing, state=state)
    assert [reason for reason, _ in answers(verdict)] == [OK, UNKNOWN, UNKNOWN]
    assert len(moves(verdict)) == 1


def test_a_reversal_that_overtakes_its_purchase_stops_it() -> None:
    late = some_request(1000)
    verdict = decided(about(late, Kind.REVERSAL, 1000), late)
    assert [reason for reason, _ in answers(verdict)] == [UNKNOWN, Reason.REVERSED_BEFORE_REQUEST]
    assert [row[:3] for row in verdict.writes.keys] == [(late.key_hash, NO_CONTENT, 0)]
    assert moves(verdict) == []


@pytest.mark.parametrize(
    ("completes", "reason"), [(False, Reason.REVERSED_BEFORE_REQUEST), (True, OK)]
)
def test_a_refund_that_is_told_is_heard_though_its_reversal_came_first(
    completes: bool, reason: Reason
) -> None:
    """INTERFACE, originals: a 0200 is declined 21, a 0220 acknowledged; neither moves anything."""
    paid = some_request(1000)
    refund = about(paid, Kind.REFUND, 1000, completes=completes)
    verdict = decided(paid, about(refund, Kind.REVERSAL, 1000), refund)
    assert answers(verdict)[2] == (reason, 0)
    assert len(moves(verdict)) == 1


def test_two_candidates_are_as_good_as_none_and_somebody_must_look() -> None:
    """INTERFACE, originals: no effect, 25, and an alert; so no tombstone either."""
    one, other = some_request(100, rrn="1"), some_request(100, rrn="1")
    vague = Original(keys=(b"?" * 16,), rrn="1")
    verdict = decided(one, other, some_request(100, kind=Kind.REVERSAL, about=vague))
    assert verdict.outcomes[2].reason is UNKNOWN
    assert verdict.outcomes[2].alarm == AMBIGUOUS
    assert len(verdict.writes.keys) == 2
    assert len(moves(verdict)) == 2


def test_an_advice_of_either_of_two_payments_is_not_posted_as_a_third() -> None:
    """INTERFACE, originals: more than one candidate has no effect, and somebody must look."""
    one, other = some_request(100, rrn="1"), some_request(100, rrn="1")
    vague = Original(keys=(b"?" * 16,), rrn="1", amount_minor=100)
    verdict = decided(one, other, some_request(100, kind=Kind.ADVICE, about=vague))
    assert verdict.outcomes[2].reason is UNKNOWN
    assert verdict.outcomes[2].alarm == AMBIGUOUS
    assert len(moves(verdict)) == 2


def test_an_advice_is_posted_whatever_it_breaks_and_says_so() -> None:
    """EX-57, ADV-01: vouchers as far as they go, the rest on the issuer."""
    state = some_state(some_holder(lots=((2026, 1000),)))
    verdict = decided(some_request(3000, kind=Kind.ADVICE, about=Original()), state=state)
    assert answers(verdict) == [(OK, 3000)]
    assert moves(verdict) == [
        ("direct", LOT, PAYABLE, 1000), ("direct", House.ISSUER_LOSS, PAYABLE, 2000),
    ]  # fmt: skip
    assert verdict.outcomes[0].alarm == "ISSUER_LOSS"


def test_an_advice_over_the_cap_is_flagged() -> None:
    state = some_state(some_holder(used=(UsedDay(1, DAY, 2000),)))
    verdict = decided(some_request(600, kind=Kind.ADVICE, about=Original()), state=state)
    assert verdict.outcomes[0].alarm == "CAP_OVERRUN"


def test_an_advice_of_what_we_approved_confirms_it_and_posts_nothing() -> None:
    paid = some_request(1000)
    named = Original(keys=(paid.key_hash,), amount_minor=1000)
    verdict = decided(paid, some_request(1000, kind=Kind.ADVICE, about=named))
    assert answers(verdict) == [(OK, 1000), (OK, 0)]
    assert len(moves(verdict)) == 1


def test_an_advice_of_what_was_approved_in_part_debits_nothing_more() -> None:
    """Its DE4 is what was approved, or what was asked: both are the payment's own."""
    paid = some_request(3000, partial_ok=True)
    for amount_minor in (2500, 3000):
        named = Original(keys=(paid.key_hash,), amount_minor=amount_minor)
        verdict = decided(paid, some_request(amount_minor, kind=Kind.ADVICE, about=named))
        assert answers(verdict) == [(Reason.APPROVED_PARTIAL, 2500), (OK, 0)]
        assert verdict.outcomes[1].alarm == ""
        assert len(moves(verdict)) == 1


@pytest.mark.parametrize(("told_minor", "back", "alarm"), [(1900, 100, ""), (2100, 0, "ABOVE")])
def test_clearing_for_less_releases_and_for_more_is_disputed(
    told_minor: int, back: int, alarm: str
) -> None:
    """ADV-03: never a second debit of the same payment."""
    paid = some_request(2000)
    named = Original(keys=(paid.key_hash,), amount_minor=told_minor, first_stan=paid.stan)
    verdict = decided(paid, some_request(told_minor, kind=Kind.ADVICE, about=named))
    assert answers(verdict)[1] == (OK, back)
    assert alarm in verdict.outcomes[1].alarm
    assert [amount for *_, amount in moves(verdict)] == [2000] + [back] * bool(back)


def test_a_financial_advice_of_a_hold_takes_it() -> None:
    held = some_request(2000, kind=Kind.HOLD)
    named = Original(keys=(held.key_hash,), amount_minor=2000)
    told = some_request(2000, kind=Kind.ADVICE, about=named)
    assert len(moves(decided(held, told))) == 1
    verdict = decided(held, replace(told, completes=True))
    assert moves(verdict)[1] == ("post", LOT, PAYABLE, 2000)


def test_the_issuers_share_of_an_advice_is_undone_with_it() -> None:
    state = some_state(some_holder(lots=((2026, 1000),)))
    told = some_request(3000, kind=Kind.ADVICE, about=Original())
    verdict = decided(told, about(told, Kind.REVERSAL, 3000), state=state)
    assert answers(verdict)[1] == (OK, 3000)
    assert moves(verdict)[2:] == [
        ("direct", PAYABLE, House.ISSUER_LOSS, 2000), ("direct", PAYABLE, LOT, 1000),
    ]  # fmt: skip


def test_an_advice_stands_for_its_own_request_that_comes_later() -> None:
    late = some_request(1000)
    told = replace(late, kind=Kind.ADVICE, key_hash=b"advice" + bytes(10),
                   about=Original(keys=(late.key_hash,), amount_minor=1000))  # fmt: skip
    verdict = decided(told, late)
    assert answers(verdict) == [(OK, 1000), (OK, 1000)]
    assert verdict.outcomes[1].replayed
    assert len(moves(verdict)) == 1


def test_a_hold_that_was_made_smaller_and_then_expired_may_still_be_captured() -> None:
    """HLD-03: only what was undone whole is not there any more."""
    held = some_request(2000, kind=Kind.HOLD)
    less = about(held, Kind.REVERSAL, 2000, new_total_minor=1500)
    expiry, take = about(held, Kind.EXPIRY, 0), about(held, Kind.CAPTURE, 1500)
    assert answers(decided(held, less, expiry, take))[3] == (OK, 1500)
    gone = about(held, Kind.REVERSAL, 2000)
    assert answers(decided(held, gone, expiry, take))[3] == (UNKNOWN, 0)


def test_a_late_capture_online_may_be_smaller_than_a_payment() -> None:
    """HLD-03: funds and cap alone may refuse; P-ONLINE-MIN is of purchases (API-05)."""
    held = some_request(1000, kind=Kind.HOLD, channel=Channel.ECOMMERCE)
    over = about(held, Kind.EXPIRY, 1000)
    verdict = decided(held, over, about(held, Kind.CAPTURE, 100))
    assert answers(verdict)[1:] == [(OK, 1000), (OK, 100)]
    assert moves(verdict)[2] == ("direct", LOT, PAYABLE, 100)


def test_a_refund_that_is_reversed_in_the_same_batch_is_taken_again() -> None:
    paid = some_request(2500)
    back = about(paid, Kind.REFUND, 1700)
    undo = about(back, Kind.REVERSAL, 1700, happened=True)
    again = about(back, Kind.REVERSAL, 1700)
    verdict = decided(paid, back, undo, again, some_request(1))
    assert answers(verdict)[2:4] == [(OK, 1700), (OK, 0)]
    assert verdict.outcomes[4].reason is Reason.DAILY_CAP
    assert moves(verdict)[1:] == [
        ("direct", PAYABLE, LOT, 1700), ("direct", LOT, PAYABLE, 1700),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("happened", "answer"), [(False, (Reason.INSUFFICIENT_BALANCE, 0)), (True, (OK, 700))]
)
def test_what_went_back_to_the_bank_card_is_never_charged_again(
    happened: bool, answer: tuple[Reason, int]
) -> None:
    """Nobody asked its holder: a request is refused, an advice is the issuer's loss."""
    bank, none = Transfer.direct(1, 1, House.BANK_RECEIVABLE, PAYABLE, 900, 5, DAY, TUESDAY), b""
    payment = Payment(1, 5, 1, Kind.PURCHASE, DAY, "", 900, 900, (bank,), none)
    state = some_state(some_holder(last_seq=2), payments={(1, 5): payment})
    back = some_request(700, kind=Kind.REFUND, about=Original(name=(1, 5)), mid="")
    verdict = decided(back, about(back, Kind.REVERSAL, 700, happened=happened), state=state)
    assert answers(verdict)[1] == answer
    loss = [("direct", House.ISSUER_LOSS, PAYABLE, 700)] * happened
    assert moves(verdict) == [("direct", PAYABLE, House.BANK_RECEIVABLE, 700), *loss]


def test_a_refund_of_what_the_issuer_paid_goes_back_to_the_issuer() -> None:
    loss = Transfer.direct(1, 1, House.ISSUER_LOSS, House.SUSPENSE, 900, 5, DAY, TUESDAY)
    payment = Payment(1, 5, NO_ACCOUNT, Kind.ADVICE, DAY, "", 900, 900, (loss,), b"")
    back = some_request(700, kind=Kind.REFUND, about=Original(name=(1, 5)), mid="", card_ref=b"")
    verdict = decided(back, state=some_state(payments={(1, 5): payment}))
    assert moves(verdict) == [("direct", House.SUSPENSE, House.ISSUER_LOSS, 700)]


def test_de3_says_whether_a_reference_means_the_payment_or_its_refund() -> None:
    paid = some_request(2500, rrn="000000000077")
    back = replace(about(paid, Kind.REFUND, 1000), rrn="000000000077")
    vague = Original(rrn="000000000077", amount_minor=1000)
    undo = some_request(1000, kind=Kind.REVERSAL, about=vague, processing="20")
    other = replace(undo, purchase=replace(undo.purchase, processing="00"))
    refunded, payment = decided(paid, back, undo), decided(paid, back, replace(other, key_hash=KEY))
    assert refunded.writes.decided[2][3] == "REFUND_REVERSAL"
    assert answers(payment)[2] == (UNKNOWN, 0)


def test_a_payment_that_is_found_under_another_identity_leaves_no_tombstone() -> None:
    """DE90 named it: a repeat of that message must not be stopped under the identity it has not."""
    paid = some_request(2500)
    undo = some_request(
        2500, kind=Kind.REVERSAL, about=Original(keys=(KEY,), stan=paid.stan, rrn=paid.rrn)
    )
    verdict = decided(paid, undo)
    assert answers(verdict) == [(OK, 2500), (OK, 2500)]
    assert NO_CONTENT not in {row[1] for row in verdict.writes.keys}
    assert verdict.writes.loose_ends == []


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({}, Reason.REVERSED_BEFORE_REQUEST),
        ({"terminal": "TERM0002"}, OK),
        ({"acquirer": "99999"}, OK),
    ],
)
def test_a_reversal_stops_the_repeat_of_its_own_till_only(
    other: dict[str, Any], reason: Reason
) -> None:
    late = some_request(1000, repeat=True)
    named = Original(keys=(KEY,), first_stan=late.stan, amount_minor=1000)
    undo = some_request(1000, kind=Kind.REVERSAL, about=named, **other)
    assert answers(decided(undo, late))[1][0] is reason


@pytest.mark.parametrize("other", [{"acquirer": "99999"}, {"terminal": "TERM0002"}])
def test_a_reference_or_a_stan_means_the_payment_of_its_own_till_only(
    other: dict[str, Any],
) -> None:
    paid = some_request(1000)
    for named in (Original(rrn=paid.rrn), Original(stan=paid.stan)):
        verdict = decided(paid, some_request(1000, kind=Kind.REVERSAL, about=named, **other))
        assert answers(verdict)[1][0] is UNKNOWN
        assert len(moves(verdict)) == 1


@pytest.mark.parametrize(
    "named",
    [
        Original(keys=(KEY,), stan="999999"),
        Original(keys=(KEY,), first_stan="000042"),
    ],
    ids=["no reference is no reference", "only a repeat has a first sending that never came"],
)
def test_what_a_message_leaves_out_names_nothing(named: Original) -> None:
    paid = some_request(1000, rrn=None, stan="000042")
    verdict = decided(paid, some_request(1000, kind=Kind.REVERSAL, about=named))
    assert answers(verdict)[1][0] is UNKNOWN
    assert len(moves(verdict)) == 1


def test_a_refund_is_of_the_merchant_that_was_paid() -> None:
    paid = some_request(1000)
    verdict = decided(paid, about(paid, Kind.REFUND, 1000, mid="MERCH0000000002"))
    assert answers(verdict)[1] == (UNKNOWN, 0)


def test_what_an_unknown_card_paid_comes_back_to_no_card_that_we_know() -> None:
    loss = Transfer.direct(1, 1, House.ISSUER_LOSS, House.SUSPENSE, 900, 5, DAY, TUESDAY)
    payment = Payment(1, 5, NO_ACCOUNT, Kind.ADVICE, DAY, "", 900, 900, (loss,), b"")
    back = some_request(700, kind=Kind.REFUND, about=Original(name=(1, 5)), mid="")
    assert answers(decided(back, state=some_state(payments={(1, 5): payment}))) == [(UNKNOWN, 0)]
