"""The bank cards that accounts of a world file are linked with, as rows to be kept."""

from collections.abc import Iterable

from authz.world.fold import Part, decode_profile
from authz.world.stage import decode_account
from ledger.journal import Change

LinkedCard = tuple[int, int, bytes, str, str, str]
"""Holder, account number, the number encrypted, the name of its key, expiry, last four digits."""


def bank_cards(holder_id: int, change: Change, parts: Iterable[Part]) -> list[LinkedCard]:
    """The rows of a person's accounts, numbered as the profile has them after the change."""
    drafts = [decode_account(part.body) for part in parts if part.kind == "account"]
    linked = [draft for draft in drafts if draft.bank_card is not None]
    if not linked:
        return []
    assert change.profile is not None, "folding always writes a profile"
    accounts = [held.account for held in decode_profile(change.profile).accounts]
    numbers = {account.account_id: account.account_no for account in accounts}
    rows: list[LinkedCard] = []
    for draft in linked:
        sealed, top_up = draft.bank_card, draft.account.top_up
        assert sealed is not None
        assert top_up is not None, "who is linked has a top-up"
        account_no = numbers[draft.account.account_id]
        rows.append(
            (holder_id, account_no, sealed.encrypted, sealed.key_id, top_up.expiry, sealed.last4)
        )
    return rows
