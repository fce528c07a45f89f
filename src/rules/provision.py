"""Whether a card may go into a phone: ordered rules, like those of a payment (TOK-01 to TOK-08).

Apple's wallet asks for a code that is sent to the holder; Pluxee Pay, where the holder is signed
in, does not.
"""

from collections.abc import Callable
from enum import Enum

from msgspec import Struct

from rules.card import account_fault, card_fault, expiry_fault
from rules.decision import Reason, Step
from rules.facts import Account, Card, Wallet

FOUR_CORNERS = frozenset({"4-corners", "4 corners", "4 coins"})
"""The old generation, without a chip of its own for the network (CRD-05)."""
ROOTED = 22
"""What the app shows of a phone that is not itself any more (TOK-08)."""


class Path(Enum):
    """Where the holder began: in the programme's app, or in the phone's own wallet."""

    APP = "APP"
    WALLET = "WALLET"


class Verdict(Enum):
    """What a wallet is told."""

    APPROVED = "APPROVED"
    REQUIRE_CODE = "REQUIRE_CODE"
    DECLINED = "DECLINED"


class Wish(Struct, frozen=True, gc=False):
    """What a wallet asks.

    `month` is the civil month of Paris, YYMM; `attested` says whether the phone proved that it is
    itself.
    """

    card: Card
    account: Account
    wallet: Wallet
    path: Path
    attested: bool
    month: str


class Provision(Struct, frozen=True):
    """The decision; `reason` is APPROVED unless it was declined, `error` what the app shows."""

    verdict: Verdict
    reason: Reason
    steps: tuple[Step, ...]
    error: int | None = None


def account_is_open(wish: Wish) -> Reason | None:
    """Require an account that still pays (CRD-06)."""
    return account_fault(wish.account)


def card_is_active(wish: Wish) -> Reason | None:
    """Require a card in use: nothing new is made of a blocked one (TOK-07)."""
    return card_fault(wish.card)


def card_is_not_expired(wish: Wish) -> Reason | None:
    """Require a month within the one printed."""
    return expiry_fault(wish.card, wish.month)


def generation_fits_the_wallet(wish: Wish) -> Reason | None:
    """Require three corners, or for Apple four with the Visa logo (CRD-05)."""
    if wish.card.generation not in FOUR_CORNERS:
        return None
    apple = wish.wallet is Wallet.APPLE_PAY
    return None if apple and wish.card.visa_logo else Reason.TYPE_NOT_ALLOWED


def path_is_open(wish: Wish) -> Reason | None:
    """Require the Visa logo of a card that is added in the phone's own wallet (CRD-05).

    A product may be made for Apple's: the "carte JO" is added there without one (F-26).
    """
    if wish.path is Path.APP or wish.card.visa_logo:
        return None
    made_for_it = wish.card.direct_wallet_add and wish.wallet is Wallet.APPLE_PAY
    return None if made_for_it else Reason.TYPE_NOT_ALLOWED


def phone_is_itself(wish: Wish) -> Reason | None:
    """Require a phone that is not rooted, and can prove it (TOK-08)."""
    return None if wish.attested else Reason.SECURITY


Rule = tuple[Callable[[Wish], Reason | None], str]

RULES: tuple[Rule, ...] = (
    (account_is_open, "CRD-06"),
    (card_is_active, "CRD-02, TOK-07"),
    (card_is_not_expired, "AUT-01"),
    (generation_fits_the_wallet, "CRD-05"),
    (path_is_open, "CRD-05, F-26"),
    (phone_is_itself, "TOK-08"),
)
"""In the order in which the first failure wins."""


def provide(wish: Wish) -> Provision:
    """Decide on a wish and tell every rule that was looked at."""
    steps: list[Step] = []
    for holds, source in RULES:
        reason = holds(wish)
        words = "holds" if reason is None else reason.value
        steps.append(Step(holds.__name__, source, reason is None, words))
        if reason is not None:
            error = ROOTED if reason is Reason.SECURITY else None
            return Provision(Verdict.DECLINED, reason, tuple(steps), error)
    coded = wish.wallet is Wallet.APPLE_PAY
    verdict = Verdict.REQUIRE_CODE if coded else Verdict.APPROVED
    return Provision(verdict, Reason.APPROVED, tuple(steps))
