"""The card: known, not expired, in a state that may pay (CRD-02 to CRD-04).

What is wrong with a card or an account (`*_fault`) is wrong for a payment and for a phone alike.
"""

from rules.case import Case
from rules.decision import Reason
from rules.facts import Account, AccountStatus, Card, CardStatus, OpposedAs
from rules.token import outlives_its_card


def expiry_fault(card: Card, month: str) -> Reason | None:
    """What a card is declined for whose last month is over in this civil month (YYMM)."""
    return Reason.CARD_EXPIRED if card.expiry < month else None


def card_fault(card: Card) -> Reason | None:
    """What a card is declined for whose state lets it do nothing; None for an active one."""
    match card.status:
        case CardStatus.ACTIVE:
            return None
        case CardStatus.ISSUED:
            return Reason.NOT_ACTIVATED
        case CardStatus.OPPOSED:
            return Reason.STOLEN if card.opposed_as is OpposedAs.STOLEN else Reason.LOST
        case CardStatus.EXPIRED:
            return Reason.CARD_EXPIRED
        case CardStatus.BLOCKED | CardStatus.REPLACED:
            return Reason.CARD_BLOCKED


def account_fault(account: Account) -> Reason | None:
    """What is declined of an account whose employee has left; None for one that is open."""
    return None if account.status is AccountStatus.ACTIVE else Reason.CARD_BLOCKED


def card_is_known(case: Case) -> Reason | None:
    """Require a credential that somebody issued and that leads to an account."""
    facts = case.facts
    return Reason.UNKNOWN_CARD if facts.card is None or facts.account is None else None


def card_is_not_expired(case: Case) -> Reason | None:
    """Require a day within the month printed, and a presented expiry that is the credential's."""
    facts = case.facts
    card, token, presented = facts.card, facts.token, facts.purchase.expiry
    assert card is not None
    if (fault := expiry_fault(card, case.parameters.month)) is not None:
        return fault
    if token is not None and token.expiry < case.parameters.month:
        return Reason.CARD_EXPIRED
    own = (card.expiry,) if token is None else (token.expiry, *token.former)
    return Reason.CARD_EXPIRED if presented is not None and presented not in own else None


def card_is_active(case: Case) -> Reason | None:
    """Require a card activated, not blocked, opposed or replaced, or a token that outlives it."""
    card = case.facts.card
    assert card is not None
    fault = card_fault(card)
    return None if fault is None or outlives_its_card(case) else fault


def account_is_open(case: Case) -> Reason | None:
    """Require an employee who has not left: a closed account pays nothing more (CRD-06)."""
    account = case.facts.account
    assert account is not None
    return account_fault(account)


def tell_known(case: Case) -> str:
    """Say which card and account."""
    card, account = case.facts.card, case.facts.account
    if card is None or account is None:
        return "nobody issued this card or token"
    return f"card {card.card_id} of account {account.account_id}"


def tell_expiry(case: Case) -> str:
    """Say the expiries and the month of the day."""
    card, token, presented = (
        case.facts.card,
        case.facts.token,
        case.facts.purchase.expiry,
    )
    assert card is not None
    parts = [f"card {card.status.value} to the end of {_month(card.expiry)}"]
    if token is not None:
        parts.append(f"token to the end of {_month(token.expiry)}")
    if presented is not None:
        parts.append(f"{_month(presented)} was presented")
    return f"{', '.join(parts)}; the day is {case.day}"


def tell_card(case: Case) -> str:
    """Say the card's state, and whether a token outlives it."""
    card = case.facts.card
    assert card is not None
    words = f"the card is {card.status.value}"
    if card.opposed_as is not None:
        words += f" as {card.opposed_as.value}"
    if outlives_its_card(case):
        words += "; the Apple Pay token was active before and still pays with vouchers alone"
    return words


def tell_account(case: Case) -> str:
    """Say the account's state."""
    account = case.facts.account
    assert account is not None
    return f"account {account.account_id} is {account.status.value}"


def _month(expiry: str) -> str:
    return f"20{expiry[:2]}-{expiry[2:]}"
