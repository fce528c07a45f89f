"""Who leaves one employer stays with the other: only that account's tokens end (CRD-06)."""

from msgspec.structs import replace

from authz.holders.closures import closed
from authz.state import HolderAccount, Profile
from rules.facts import Account, AccountStatus, Token, TokenStatus, Wallet
from tests.rules.builders import CARD

ACCOUNT = Account(1, "acc-1", "fr-meal", AccountStatus.ACTIVE)
TOKEN = Token("tok-1", CARD.card_id, Wallet.APPLE_PAY, TokenStatus.ACTIVE, "2912")
PERSON = Profile(
    "per-1",
    (
        HolderAccount(ACCOUNT, 1),
        HolderAccount(replace(ACCOUNT, account_no=2, account_id="acc-2"), 2),
    ),
    (CARD, replace(CARD, card_id="card-2", account_no=2)),
    (TOKEN, replace(TOKEN, token_id="tok-2", card_id="card-2")),
)


def test_the_account_is_closed_and_its_tokens_are_deleted() -> None:
    left = closed(PERSON, "acc-1")
    assert [held.account.status for held in left.accounts] == [
        AccountStatus.CLOSED,
        AccountStatus.ACTIVE,
    ]
    assert [token.status for token in left.tokens] == [TokenStatus.DELETED, TokenStatus.ACTIVE]
    assert left.cards == PERSON.cards


def test_closing_twice_is_closing_once() -> None:
    left = closed(PERSON, "acc-1")
    assert closed(left, "acc-1") == left
