"""The token of a phone: its state, and whether it outlives its blocked card (TOK-01, TOK-07)."""

from rules.case import Case
from rules.decision import Reason
from rules.facts import CardStatus, TokenStatus, Wallet
from rules.parameters import TokenOnOpposed


def token_is_active(case: Case) -> Reason | None:
    """Require a token, if one is presented, that is not requested, suspended or deleted."""
    token = case.facts.token
    return None if token is None or token.status is TokenStatus.ACTIVE else Reason.TOKEN_SUSPENDED


def outlives_its_card(case: Case) -> bool:
    """Tell whether an Apple token, active before the block, still pays for a blocked card (TOK-07).

    For an opposed card only where P-TOK-ON-OPPOSED says KEEP. Android tokens never do.
    """
    card, token = case.facts.card, case.facts.token
    if card is None or token is None or token.wallet is not Wallet.APPLE_PAY:
        return False
    if token.status is not TokenStatus.ACTIVE or not token.active_before_block:
        return False
    if card.status is CardStatus.BLOCKED:
        return True
    keep = case.parameters.token_on_opposed is TokenOnOpposed.KEEP
    return keep and card.status is CardStatus.OPPOSED


def tell_token(case: Case) -> str:
    """Say the token's state."""
    token = case.facts.token
    if token is None:
        return "the card itself was presented"
    return f"the {token.wallet.value} token {token.token_id} is {token.status.value}"
