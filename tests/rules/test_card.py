"""Card and token: expiry to the last day of the month, and tokens that outlive a block."""

import pytest
from msgspec.structs import replace

from rules.decision import Approved, Reason
from rules.facts import (
    AccountStatus,
    Card,
    CardStatus,
    OpposedAs,
    Token,
    TokenStatus,
    Wallet,
)
from rules.pipeline import decide
from tests.rules.builders import ANDROID, APPLE, BOOK, CARD, TOP_UP, at, some_facts

BLOCKED = replace(CARD, status=CardStatus.BLOCKED)
STOLEN = replace(CARD, status=CardStatus.OPPOSED, opposed_as=OpposedAs.STOLEN)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ("2026-10-31T23:59:59+01:00", Reason.APPROVED),
        ("2026-11-02T12:00:00+01:00", Reason.CARD_EXPIRED),
        ("2027-01-04T12:00:00+01:00", Reason.CARD_EXPIRED),
    ],
)
def test_a_card_lives_to_the_end_of_its_month_in_the_merchants_time(
    now: str, reason: Reason
) -> None:
    facts = some_facts(1000, now=at(now), card=replace(CARD, expiry="2610"))
    assert decide(facts, BOOK).reason is reason


@pytest.mark.parametrize(
    ("presented", "reason"),
    [(None, Reason.APPROVED), ("2912", Reason.APPROVED), ("2911", Reason.CARD_EXPIRED)],
)
def test_another_expiry_than_the_cards_is_declined(presented: str | None, reason: Reason) -> None:
    assert decide(some_facts(1000, expiry=presented), BOOK).reason is reason


def test_the_expiry_presented_with_a_token_is_the_tokens() -> None:
    token = replace(APPLE, expiry="2806")
    assert decide(some_facts(1000, token=token, expiry="2806"), BOOK).reason is Reason.APPROVED
    assert decide(some_facts(1000, token=token, expiry="2912"), BOOK).reason is Reason.CARD_EXPIRED


@pytest.mark.parametrize("presented", ["2912", "2806", None])
def test_crd_04_a_renewed_token_pays_with_the_expiry_that_its_phone_was_given(
    presented: str | None,
) -> None:
    token = replace(APPLE, expiry="2912", former=("2806",))
    later = at("2028-07-03T12:00:00+02:00")
    facts = some_facts(1000, token=token, now=later, expiry=presented)
    assert decide(facts, BOOK).reason is not Reason.CARD_EXPIRED
    facts = some_facts(1000, token=token, expiry="2805")
    assert decide(facts, BOOK).reason is Reason.CARD_EXPIRED


@pytest.mark.parametrize(
    ("expiry", "reason"), [("2610", Reason.CARD_EXPIRED), ("2611", Reason.APPROVED)]
)
def test_a_token_lives_to_the_end_of_its_own_month(expiry: str, reason: Reason) -> None:
    facts = some_facts(1000, token=replace(APPLE, expiry=expiry))
    assert decide(facts, BOOK).reason is reason


def test_a_good_token_of_an_expired_card_is_declined() -> None:
    facts = some_facts(1000, token=APPLE, card=replace(CARD, expiry="2610"))
    assert decide(facts, BOOK).reason is Reason.CARD_EXPIRED


@pytest.mark.parametrize("status", [each for each in TokenStatus if each is not TokenStatus.ACTIVE])
@pytest.mark.parametrize("wallet", Wallet)
def test_a_token_that_is_not_active_is_declined(wallet: Wallet, status: TokenStatus) -> None:
    facts = some_facts(1000, token=replace(APPLE, wallet=wallet, status=status))
    assert decide(facts, BOOK).reason is Reason.TOKEN_SUSPENDED


# TOK-07: which credential pays for a card in this state?
AFTER_A_BLOCK = (
    ("Apple, blocked", BLOCKED, APPLE, "SUSPEND", Reason.APPROVED),
    ("Android, blocked", BLOCKED, ANDROID, "SUSPEND", Reason.CARD_BLOCKED),
    ("card, blocked", BLOCKED, None, "SUSPEND", Reason.CARD_BLOCKED),
    (
        "Apple not active before",
        BLOCKED,
        replace(APPLE, active_before_block=False),
        "SUSPEND",
        Reason.CARD_BLOCKED,
    ),
    (
        "Apple suspended",
        BLOCKED,
        replace(APPLE, status=TokenStatus.SUSPENDED),
        "SUSPEND",
        Reason.CARD_BLOCKED,
    ),
    ("Apple, stolen", STOLEN, APPLE, "SUSPEND", Reason.STOLEN),
    ("Apple, stolen, kept", STOLEN, APPLE, "KEEP", Reason.APPROVED),
    ("Android, stolen, kept", STOLEN, ANDROID, "KEEP", Reason.STOLEN),
    (
        "Apple, replaced",
        replace(CARD, status=CardStatus.REPLACED),
        APPLE,
        "KEEP",
        Reason.CARD_BLOCKED,
    ),
)


@pytest.mark.parametrize(
    ("card", "token", "on_opposed", "reason"),
    [row[1:] for row in AFTER_A_BLOCK],
    ids=[row[0] for row in AFTER_A_BLOCK],
)
def test_who_outlives_a_block(
    card: Card, token: Token | None, on_opposed: str, reason: Reason
) -> None:
    book = BOOK.derive(token_on_opposed=on_opposed)
    assert decide(some_facts(1000, card=card, token=token), book).reason is reason


def test_a_token_that_outlives_its_card_has_no_top_up() -> None:
    """TOP-11: the voucher leg only."""
    facts = some_facts(4000, top_up=TOP_UP, card=BLOCKED, token=APPLE, partial_ok=True)
    decision = decide(facts, BOOK)
    assert isinstance(decision, Approved)
    assert (decision.voucher_minor, decision.bank_minor) == (2500, 0)


def test_a_card_that_leads_to_no_account_is_unknown() -> None:
    assert decide(some_facts(1000, account=None), BOOK).reason is Reason.UNKNOWN_CARD


def test_a_closed_account_pays_nothing() -> None:
    facts = some_facts(1000)
    assert facts.account is not None
    closed = replace(facts, account=replace(facts.account, status=AccountStatus.CLOSED))
    assert decide(closed, BOOK).reason is Reason.CARD_BLOCKED
