"""Movements of the house: money that is no cardholder's own."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from authz.state import HOUSE_HOLDER
from ledger import journal
from ledger.journal import Change, Locked
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx


async def move_of_house(
    tx: "Tx", debit: int, credit: int, amount_minor: int, day: date, at: datetime
) -> None:
    """Book one movement between two accounts, in the caller's SQL transaction."""

    def build(locked: Locked) -> Change:
        seq = locked.running.last_seq + 1
        move = Transfer.direct(HOUSE_HOLDER, seq, debit, credit, amount_minor, None, day, at)
        return Change(transfers=[move])

    await journal.post_for_holder(tx, HOUSE_HOLDER, build)
