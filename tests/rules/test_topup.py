"""The top-up: who gets it, how much, and what is left without it."""

from typing import Any

import pytest
from msgspec.structs import replace

from rules.decision import Approved
from rules.facts import Channel, TopUp
from rules.pipeline import decide, explain
from tests.rules.builders import BOOK, CARD, TOP_UP, lot, some_facts, used

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
