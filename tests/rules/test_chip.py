"""Chip, PIN and phone: what each says, when it is believed, and what is asked for instead."""

from typing import Any

import pytest

from rules.decision import Approved, Declined, Reason
from rules.facts import AtcWindow, CryptogramCheck, Facts, PinCheck, Tap, Token
from rules.pipeline import PRESENTED, came_to, decide, explain
from tests.rules.builders import ANDROID, APPLE, BOOK, some_facts, some_tap

GOOD, WRONG = some_tap(), some_tap(CryptogramCheck.WRONG)
OTHER, UNKNOWN = some_tap(CryptogramCheck.OTHER_AMOUNT), some_tap(CryptogramCheck.NO_KEY)
VERIFIED = some_tap(verified=True)
CLAIMED = some_tap(CryptogramCheck.NO_KEY, verified=True)
SEEN = AtcWindow(40)
LARGE, SMALL = 5001, 5000
OK, PIN = PinCheck.RIGHT, Reason.VERIFY_REQUIRED

# What is presented, and how it is answered.
TAPS: tuple[tuple[str, dict[str, Any], Reason | None], ...] = (
    ("a good one", {"tap": GOOD}, None),
    ("a wrong one", {"tap": WRONG}, Reason.WRONG_CRYPTOGRAM),
    ("over another amount", {"tap": OTHER}, Reason.WRONG_CRYPTOGRAM),
    ("nobody can tell", {"tap": UNKNOWN}, None),
    ("nobody can tell and it must", {"tap": UNKNOWN, "chip_wanted": True}, Reason.WRONG_CRYPTOGRAM),
    ("declined by itself", {"tap": some_tap(asks=False)}, Reason.WRONG_CRYPTOGRAM),
    ("none", {}, None),
    ("none and it must", {"chip_wanted": True}, PIN),
    ("again", {"tap": GOOD, "window": SEEN}, Reason.TAP_REPLAYED),
    ("again unasked with a PIN", {"tap": GOOD, "window": SEEN, "pin": OK}, Reason.TAP_REPLAYED),
    ("again as asked", {"tap": GOOD, "window": SEEN, "pin": OK, "asked_again": True}, None),
    (
        "again as asked but without the PIN",
        {"tap": GOOD, "window": SEEN, "asked_again": True},
        Reason.TAP_REPLAYED,
    ),
    ("again but nobody can tell", {"tap": UNKNOWN, "window": SEEN}, None),
    ("large", {"tap": GOOD, "amount_minor": LARGE}, PIN),
    ("at the limit", {"tap": GOOD, "amount_minor": SMALL}, None),
    ("large with the PIN", {"tap": GOOD, "amount_minor": LARGE, "pin": OK}, None),
    ("large and verified", {"tap": VERIFIED, "amount_minor": LARGE}, None),
    ("large and claims so", {"tap": CLAIMED, "amount_minor": LARGE}, PIN),
    ("large in the slot", {"tap": GOOD, "amount_minor": LARGE, "entry": "05"}, None),
    ("a wrong PIN", {"pin": PinCheck.WRONG}, Reason.WRONG_PIN),
    ("no PIN in it", {"pin": PinCheck.UNREADABLE}, Reason.WRONG_PIN),
    ("a card without PIN", {"pin": PinCheck.NOT_SET}, Reason.WRONG_PIN),
    ("a third try", {"pin": OK, "pin_tries": 2}, None),
    ("a fourth try", {"pin": OK, "pin_tries": 3}, Reason.PIN_TRIES),
    ("tries used up, no PIN", {"pin_tries": 3}, None),
)


def presented(**changes: Any) -> Facts:
    plain: dict[str, Any] = {"amount_minor": 1250, "entry": "07", "partial_ok": True}
    return some_facts(**(plain | changes))


@pytest.mark.parametrize(("changes", "reason"), [row[1:] for row in TAPS], ids=[r[0] for r in TAPS])
def test_a_card_is_answered_as_the_table_says(
    changes: dict[str, Any], reason: Reason | None
) -> None:
    facts = presented(**changes)
    decision = decide(facts, BOOK)
    assert (decision.reason if isinstance(decision, Declined) else None) is reason
    assert explain(facts, BOOK).decision == decision


@pytest.mark.parametrize("token", [ANDROID, APPLE])
@pytest.mark.parametrize(
    ("tap", "reason"), [(VERIFIED, None), (GOOD, PIN), (CLAIMED, PIN), (None, None)]
)
def test_a_phone_says_that_it_verified_its_holder(
    token: Token, tap: Tap | None, reason: Reason | None
) -> None:
    """TOK-09, TOK-10; above the limit for cards as well as below."""
    for amount_minor in (1, LARGE):
        decision = decide(presented(tap=tap, token=token, amount_minor=amount_minor), BOOK)
        assert (decision.reason if isinstance(decision, Declined) else None) is reason


def test_the_trace_tells_of_chip_and_pin_where_there_is_one() -> None:
    names = {rule.holds.__name__ for rule in PRESENTED}
    told = explain(presented(tap=GOOD, pin=OK), BOOK)
    assert names <= {step.rule for step in told.steps}
    assert all(step.words for step in told.steps)
    assert names.isdisjoint(step.rule for step in explain(presented(), BOOK).steps)


def test_a_decision_says_how_far_it_came() -> None:
    assert came_to("pin_is_right", decide(presented(), BOOK))
    assert isinstance(decide(presented(), BOOK), Approved)
    assert came_to("pin_is_right", decide(presented(merchant=None), BOOK))
    assert came_to("pin_is_right", decide(presented(lots=()), BOOK))
    assert came_to("pin_is_right", decide(presented(pin=PinCheck.WRONG), BOOK))
    assert not came_to("pin_is_right", decide(presented(pin=OK, pin_tries=3), BOOK))
    assert not came_to("pin_is_right", decide(presented(pin=OK, tap=WRONG), BOOK))
