"""Provisioning as a table: each row breaks one more rule, the first broken one wins."""

import pytest
from msgspec.structs import replace

from rules.decision import Reason
from rules.facts import Account, AccountStatus, Card, CardStatus, OpposedAs, Wallet
from rules.provision import ROOTED, RULES, Path, Verdict, Wish, provide

WISH = Wish(
    Card("card-1", 1, CardStatus.ACTIVE, "2912"),
    Account(1, "acc-1", "fr-meal", AccountStatus.ACTIVE),
    Wallet.PLUXEE_PAY,
    Path.APP,
    True,
    "2611",
)


def card(**changes: object) -> Wish:
    return replace(WISH, card=replace(WISH.card, **changes))


def test_pluxee_pay_is_approved_and_apple_asks_for_the_code() -> None:
    assert provide(WISH).verdict is Verdict.APPROVED
    apple = provide(replace(WISH, wallet=Wallet.APPLE_PAY))
    assert (apple.verdict, apple.reason, apple.error) == (
        Verdict.REQUIRE_CODE,
        Reason.APPROVED,
        None,
    )
    assert [step.rule for step in apple.steps] == [rule.__name__ for rule, _ in RULES]


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (card(status=CardStatus.BLOCKED), Reason.CARD_BLOCKED),
        (card(status=CardStatus.ISSUED), Reason.NOT_ACTIVATED),
        (card(status=CardStatus.OPPOSED, opposed_as=OpposedAs.LOST), Reason.LOST),
        (card(status=CardStatus.OPPOSED, opposed_as=OpposedAs.STOLEN), Reason.STOLEN),
        (card(status=CardStatus.EXPIRED), Reason.CARD_EXPIRED),
        (card(status=CardStatus.REPLACED), Reason.CARD_BLOCKED),
        (card(expiry="2610"), Reason.CARD_EXPIRED),
        (replace(WISH, attested=False), Reason.SECURITY),
        (
            replace(WISH, account=replace(WISH.account, status=AccountStatus.CLOSED)),
            Reason.CARD_BLOCKED,
        ),
    ],
)
def test_what_breaks_a_rule_is_declined(wish: Wish, reason: Reason) -> None:
    for wallet in Wallet:
        told = provide(replace(wish, wallet=wallet))
        assert (told.verdict, told.reason) == (Verdict.DECLINED, reason)
        assert not told.steps[-1].held and all(step.held for step in told.steps[:-1])


def test_the_last_month_of_the_card_is_still_in_time() -> None:
    assert provide(card(expiry="2611")).verdict is Verdict.APPROVED


def test_tok_08_a_rooted_phone_is_error_22_and_nothing_else_is() -> None:
    assert provide(replace(WISH, attested=False)).error == ROOTED == 22
    assert provide(card(status=CardStatus.BLOCKED)).error is None


@pytest.mark.parametrize(
    ("wallet", "generation", "logo", "path", "fits"),
    [
        (Wallet.APPLE_PAY, "hybrid", False, Path.APP, True),
        (Wallet.APPLE_PAY, "4-corners", False, Path.APP, False),
        (Wallet.APPLE_PAY, "4-corners", True, Path.APP, True),
        (Wallet.PLUXEE_PAY, "hybrid", False, Path.APP, True),
        (Wallet.PLUXEE_PAY, "4-corners", True, Path.APP, False),
        (Wallet.APPLE_PAY, "hybrid", False, Path.WALLET, False),
        (Wallet.APPLE_PAY, "hybrid", True, Path.WALLET, True),
    ],
)
def test_crd_05_which_card_goes_into_which_wallet(
    wallet: Wallet, generation: str, logo: bool, path: Path, fits: bool
) -> None:
    wish = replace(card(generation=generation, visa_logo=logo), wallet=wallet, path=path)
    told = provide(wish)
    assert (told.reason is Reason.APPROVED) is fits
    assert fits or told.reason is Reason.TYPE_NOT_ALLOWED


@pytest.mark.parametrize(
    ("wallet", "generation", "fits"),
    [
        (Wallet.APPLE_PAY, "hybrid", True),
        (Wallet.APPLE_PAY, "4-corners", False),
        (Wallet.PLUXEE_PAY, "hybrid", False),
    ],
)
def test_f_26_a_product_may_be_made_for_apples_own_wallet(
    wallet: Wallet, generation: str, fits: bool
) -> None:
    made = card(generation=generation, direct_wallet_add=True)
    told = provide(replace(made, wallet=wallet, path=Path.WALLET))
    assert (told.reason is Reason.APPROVED) is fits
