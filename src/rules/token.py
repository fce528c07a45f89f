"""The token: its state, its phone, the verification of the holder, its life (TOK-01 to TOK-10)."""

from rules.case import Case
from rules.chip import holder_was_verified
from rules.decision import Reason
from rules.facts import CardStatus, TokenStatus, Wallet
from rules.parameters import TokenOnOpposed


def token_is_active(case: Case) -> Reason | None:
    """Require a token, if one is presented, that is not requested, suspended or deleted."""
    token = case.facts.token
    return None if token is None or token.status is TokenStatus.ACTIVE else Reason.TOKEN_SUSPENDED


def phone_is_itself(case: Case) -> Reason | None:
    """Require a phone that did not fail to prove itself: "sans doute rooté" (TOK-08)."""
    token = case.facts.token
    return None if token is None or token.attested else Reason.SECURITY


def phone_verified_its_holder(case: Case) -> Reason | None:
    """Require the phone's own word, under a right cryptogram, that its holder is there.

    Apple's always verifies (TOK-10). An Android phone does where it was unlocked longer ago than
    P-PP-UNLOCK, and counts a younger unlocking as its verification (TOK-09): it alone knows when
    that was, so that the flag says both.
    """
    facts = case.facts
    if facts.token is None or facts.tap is None or holder_was_verified(case):
        return None
    return Reason.VERIFY_REQUIRED


def outlives_its_card(case: Case) -> bool:
    """Whether an Apple token, active before the block, still pays for a blocked card (TOK-07).

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


def tell_attestation(case: Case) -> str:
    """Say whether the token's phone is believed."""
    token = case.facts.token
    if token is None:
        return "the card itself was presented"
    return f"the phone {'proved' if token.attested else 'failed to prove'} that it is itself"


def tell_phone(case: Case) -> str:
    """Say whether the phone verified its holder, and within what."""
    if case.facts.token is None or case.facts.tap is None:
        return "no phone was touched to the reader"
    said = "says" if holder_was_verified(case) else "does not say"
    seconds = case.parameters.phone_unlock_s
    return f"the phone {said} that its holder was verified, or unlocked it within {seconds} s"
