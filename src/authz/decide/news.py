"""What a holder must hear of, and when a payment is such a thing. Pure."""

from enum import Enum

from msgspec.structs import replace

from rules.case import open_case
from rules.decision import Approved, Decision, Reason
from rules.facts import Facts
from rules.pipeline import decide
from rules.rulebook import Rulebook


class News(Enum):
    """What happened."""

    BANK_CARD_EXPIRED = "BANK_CARD_EXPIRED"
    """A payment had no top-up since the linked bank card has expired (TOP-12)."""
    BANK_CARD_UNVERIFIED = "BANK_CARD_UNVERIFIED"
    """A payment had no top-up since the linked bank card was never verified (TOP-12)."""
    BANK_CARD_REMOVED = "BANK_CARD_REMOVED"
    """The top-up is off since the bank card was removed (TOP-08, TOP-12)."""


def top_up_missed(facts: Facts, decision: Decision, book: Rulebook) -> News | None:
    """Whether a good bank card would have paid what this one could not, and what is wrong with it.

    Asked of few payments only: of accounts with a bank card that is no good.
    """
    account = facts.account
    if account is None or (top_up := account.top_up) is None:
        return None
    month = open_case(facts, book).parameters.month
    if top_up.verified and top_up.expiry >= month:
        return None
    if decision.reason is Reason.APPROVED:
        return None
    good = replace(account, top_up=replace(top_up, verified=True, expiry=month))
    other = decide(replace(facts, account=good, bank_open=True), book)
    if not (isinstance(other, Approved) and other.bank_minor):
        return None
    return News.BANK_CARD_EXPIRED if top_up.verified else News.BANK_CARD_UNVERIFIED
