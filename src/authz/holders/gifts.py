"""Vouchers given to a charity: debited as a purchase would be, outside the daily cap (VIN-03).

Only charities that the issuer knows can be given to; what they are owed stands on one account.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from authz.holders.withdrawals import customer_of, withdraw
from authz.refusal import Refused
from ledger.accounts import House
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

CHARITY: Final = "select name from charities where charity_id = $1"
ADD_CHARITY: Final = """
    insert into charities (charity_id, name) values ($1, $2) on conflict do nothing
"""
NOTE: Final = """
    insert into gifts (holder_id, last_seq, account_no, charity_id, amount_minor, given_at)
    values ($1, $2, $3, $4, $5, $6)
"""


class Gift(Struct, frozen=True):
    """A gift as it was booked, in cents, with what is left to spend."""

    charity: str
    amount_minor: int
    balance_minor: int


async def add_charity(tx: "Tx", charity_id: str, name: str) -> None:
    """Let people give to this charity; a known one keeps its name."""
    await tx.execute(ADD_CHARITY, charity_id, name)


async def give(
    tx: "Tx", account: str, charity: str, amount_minor: int, books: Mapping[str, Rulebook]
) -> Gift:
    """Give so much, oldest vouchers first, in the caller's SQL transaction.

    Raises Unknown and Refused.
    """
    giver = await customer_of(tx, account, books)
    name = await tx.fetchval(CHARITY, charity)
    if name is None:
        raise Refused("UNKNOWN_CHARITY", "this charity is not known here")
    done = await withdraw(tx, giver, amount_minor, House.CHARITY)
    number = giver.held.account.account_no
    await tx.execute(NOTE, giver.holder_id, done.last_seq, number, charity, amount_minor, giver.now)
    return Gift(name, amount_minor, done.left_minor)
