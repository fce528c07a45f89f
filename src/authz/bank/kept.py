"""The linked bank card between its row and the line: in clear for the line only.

One is linked to an account at a time; a removed one stays for refunds of what it paid (REF-04), and
the number of one that paid nothing goes.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from msgspec import Struct

from authz.bank.words import BankCard
from authz.custody.pan import Pan
from authz.custody.sealed_numbers import Row, keep
from authz.custody.vault import Sealed, Slot, Vault
from authz.decide.topup import OWED, LegState

if TYPE_CHECKING:
    from asyncpg import Record

    from ledger.journal import Tx


ADD: Final = """
    insert into bank_cards (holder_id, card_no, account_no, expiry, last4, enrolled_at, removed_at)
    values ($1, nextval('bank_card_nos'), $2, $3, $4, $5, $5) returning card_no
"""
LINK: Final = "update bank_cards set removed_at = null where holder_id = $1 and card_no = $2"
REMOVE: Final = """
    update bank_cards set removed_at = $3
    where holder_id = $1 and account_no = $2 and removed_at is null
"""
RENEW: Final = """
    update bank_cards set expiry = $3
    where holder_id = $1 and account_no = $2 and removed_at is null
"""
FORGET_AFTER: Final = timedelta(hours=1)
"""Nobody links a card any more as long after its bank was asked about it."""
OPEN: Final = [state.value for state in (LegState.ASKED, *OWED)]
# Nothing can be refunded to it, and of what verified it the bank has heard everything.
FORGET: Final = """
    delete from sealed_numbers s using bank_cards c
    where s.holder_id = c.holder_id and s.kind = 'BANK_CARD' and s.name = int8send(c.card_no)
        and c.removed_at < clock_timestamp() - $1::interval and not exists (
            select from bank_legs l where l.holder_id = c.holder_id and l.card_no = c.card_no
                and (l.kind <> 'VERIFY' or l.state = any ($2)))
"""


class Wallet(Struct, frozen=True):
    """Whose account is linked."""

    holder_id: int
    account_no: int


async def keep_card(tx: "Tx", vault: Vault, wallet: Wallet, card: BankCard, at: datetime) -> int:
    """Keep a card that is not linked yet; its number among all."""
    card_no: int = await tx.fetchval(
        ADD, wallet.holder_id, wallet.account_no, card.expiry, card.pan.last4, at
    )
    slot = Slot.bank_card(card_no)
    await keep(tx, [Row(wallet.holder_id, slot, vault.seal(card.pan.reveal(), slot))])
    return card_no


async def link_card(tx: "Tx", wallet: Wallet, card_no: int, at: datetime) -> None:
    """Link a kept card in place of any other."""
    await remove_card(tx, wallet, at)
    await tx.execute(LINK, wallet.holder_id, card_no)


async def remove_card(tx: "Tx", wallet: Wallet, at: datetime) -> bool:
    """Unlink; whether anything was linked."""
    done: str = await tx.execute(REMOVE, wallet.holder_id, wallet.account_no, at)
    return done != "UPDATE 0"


async def renew_card(tx: "Tx", wallet: Wallet, expiry: str) -> bool:
    """The linked card has a new date; whether there is one."""
    done: str = await tx.execute(RENEW, wallet.holder_id, wallet.account_no, expiry)
    return done != "UPDATE 0"


async def forget_unused(pool: asyncpg.Pool) -> int:
    """Forget the numbers of cards that are not linked and never paid: declined ones, above all."""
    done: str = await pool.execute(FORGET, FORGET_AFTER, OPEN)
    return int(done.removeprefix("DELETE "))


def open_card(vault: Vault, row: "Record | Mapping[str, Any]") -> BankCard:
    """The card of a row with `card_no`, `key_id`, `encrypted` and `expiry`. Raises `Unreadable`."""
    sealed = Sealed(row["key_id"], row["encrypted"])
    number = vault.open(sealed, Slot.bank_card(row["card_no"]))
    return BankCard(Pan(number), row["expiry"])
