"""The top-up: who gets it, how much, and what is left without it."""

from typing import Any

import pytest
from msgspec.structs import replace

from rules.advice import post_advice
from rules.decision import Approved, Reason
from rules.facts import Channel, TopUp
from rules.pipeline import decide, explain
from rules.standing import standing
from tests.rules.builders import BOOK, CARD, TOP_UP, at, derogation, lot, some_facts, used

# What changes, and the bank leg of a bill of 40.00 (a part of it accepted).
LEGS: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("linked", {}, 1500),
    ("not linked", {"top_up": None}, 0),
    ("switched off", {"top_up": replace(TOP_UP, enabled=False)}, 0),
    ("not verified", {"top_up": replace(TOP_UP, verified=False)}, 0),
    ("bank card expired", {"top_up": replace(TOP_UP, expiry="2610")}, 0),
    ("bank card in its last month", {"top_up": replace(TOP_UP, expiry="2611")}, 1500),
    ("no bank", {"bank_open": False}, 0),
    ("online", {"channel": Channel.ECOMMERCE}, 0),
    ("no Conecs logo", {"card": replace(CARD, conecs_logo=False)}, 0),
    ("one cent of balance", {"lots": (lot(2026, 1),)}, 3000),
    ("no balance", {"lots": ()}, 0),
    ("cap used up", {"usage": used("2026-11-24", 2500)}, 3000),
    ("eligible within the vouchers", {"eligible_minor": 2000}, 0),
    ("eligible just above", {"eligible_minor": 2501}, 1),
)


@pytest.mark.parametrize(("changes", "bank"), [r[1:] for r in LEGS], ids=[r[0] for r in LEGS])
def test_the_bank_leg(changes: dict[str, Any], bank: int) -> None:
    facts = some_facts(4000, **{"top_up": TOP_UP, "partial_ok": True, **changes})
    decision = decide(facts, BOOK)
    assert (decision.bank_minor if isinstance(decision, Approved) else 0) == bank


def test_the_maximum_is_for_a_bill_and_a_parameter() -> None:
    facts = some_facts(9000, top_up=TOP_UP, partial_ok=True)
    for most, expected in ((3000, 3000), (5000, 5000), (0, 0)):
        decision = decide(facts, BOOK.derive(topup_max_minor=most))
        assert isinstance(decision, Approved)
        assert decision.bank_minor == expected


def test_the_minimum_balance_is_a_parameter() -> None:
    """TOP-02: another issuer asks for ten cents."""
    facts = some_facts(2000, top_up=TOP_UP, lots=(lot(2026, 9),), partial_ok=True)
    decision = decide(facts, BOOK.derive(topup_min_balance_minor=10))
    assert isinstance(decision, Approved)
    assert decision.bank_minor == 0


RESCUED = BOOK.derive(topup_on_blocked_day=True)
ON_SUNDAY = {"now": at("2026-11-22T12:00:00+01:00")}


@pytest.mark.parametrize(
    ("asked", "changes", "paid"),
    [
        (2000, {}, (0, 2000)),
        (2000, {"derogations": (derogation(sunday=True),)}, (2000, 0)),
        (4000, {"partial_ok": True}, (0, 3000)),
        (4000, {}, None),
        (2000, {"top_up": None}, None),
        (2000, {"bank_open": False}, None),
        (2000, {"lots": ()}, None),
    ],
)
def test_by_a_parameter_the_bank_card_pays_alone_on_a_day_closed_to_vouchers(
    asked: int, changes: dict[str, Any], paid: tuple[int, int] | None
) -> None:
    """P-TOPUP-ON-BLOCKED-DAY, TOP-05: no voucher is touched, and without a bank it is the day."""
    facts = some_facts(asked, **{"top_up": TOP_UP, **ON_SUNDAY, **changes})
    decision = decide(facts, RESCUED)
    assert explain(facts, RESCUED).decision == decision
    if isinstance(decision, Approved):
        assert (decision.voucher_minor, decision.bank_minor) == paid
        assert decision.usable_minor == (500 if decision.voucher_minor else 0)
    else:
        assert (decision.reason, paid) == (Reason.DAY_NOT_ALLOWED, None)


def test_what_such_a_day_says_of_itself() -> None:
    facts = some_facts(2000, top_up=TOP_UP, **ON_SUNDAY)
    (step,) = (s for s in explain(facts, RESCUED).steps if s.rule == "day_is_allowed")
    assert step.held
    assert "only the bank card may pay" in step.words
    assert standing(facts, RESCUED).usable_minor == 0
    assert "DAY_OVERRUN" in post_advice(facts, RESCUED, None).overruns


def test_the_channels_are_a_parameter() -> None:
    facts = some_facts(4000, top_up=TOP_UP, channel=Channel.ECOMMERCE)
    decision = decide(facts, BOOK.derive(topup_channels=["IN_STORE", "ECOMMERCE"]))
    assert isinstance(decision, Approved)
    assert decision.bank_minor == 1500


@pytest.mark.parametrize(
    ("top_up", "words"),
    [
        (None, "40.00 is left"),
        (replace(TOP_UP, verified=False), "not verified or has expired (TOP-12)"),
    ],
)
def test_the_trace_says_why_the_bank_card_did_not_help(top_up: TopUp | None, words: str) -> None:
    facts = some_facts(6500, top_up=top_up, partial_ok=True)
    (step,) = (s for s in explain(facts, BOOK).steps if s.rule == "bank_card_pays_the_rest")
    assert words in step.words
    assert "the bank card pays 0.00" in step.words
