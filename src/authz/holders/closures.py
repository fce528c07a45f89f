"""Accounts closed for good, by whatever hand: no token lives on, and a row says since when.

By that row the rest of their money finds its way back, and who left is forgotten in time (CRD-06).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from authz.state import Profile
from rules.facts import AccountStatus, TokenStatus

if TYPE_CHECKING:
    from ledger.journal import Tx

NOTE: Final = """
    insert into closures (holder_id, account_no, closed_at, why) values ($1, $2, $3, $4)
    on conflict do nothing
"""


def closed(profile: Profile, account: str) -> Profile:
    """The person without this account: no token of its cards lives on. Pure."""
    held = profile.account_named(account)
    after = replace(held, account=replace(held.account, status=AccountStatus.CLOSED))
    number = held.account.account_no
    cards = {card.card_id for card in profile.cards if card.account_no == number}
    tokens = (
        replace(token, status=TokenStatus.DELETED) if token.card_id in cards else token
        for token in profile.tokens
    )
    return replace(profile.with_account(after), tokens=tuple(tokens))


def closed_of(profile: Profile) -> list[int]:
    """The numbers of the accounts that are closed. Pure."""
    accounts = (held.account for held in profile.accounts)
    return [each.account_no for each in accounts if each.status is AccountStatus.CLOSED]


async def note_closures(
    tx: "Tx", closures: Iterable[tuple[int, int]], at: datetime, why: str
) -> None:
    """Keep since when these are closed, by holder and number; the first time counts."""
    await tx.executemany(NOTE, [(*closure, at, why) for closure in closures])
