"""The linked bank card between its row and the line: in clear for the line only."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from authz.bank.words import BankCard
from authz.pan import Pan
from authz.sealed_numbers import Row, keep
from authz.vault import Sealed, Slot, Vault

if TYPE_CHECKING:
    from asyncpg import Record

    from ledger.journal import Tx


async def keep_number(tx: "Tx", vault: Vault, pan: Pan, holder_id: int, card_no: int) -> None:
    """Keep the number of a holder's bank card."""
    slot = Slot.bank_card(card_no)
    await keep(tx, [Row(holder_id, slot, vault.seal(pan.reveal(), slot))])


def open_card(vault: Vault, row: "Record | Mapping[str, Any]") -> BankCard:
    """The card of a row with `card_no`, `key_id`, `encrypted` and `expiry`. Raises `Unreadable`."""
    sealed = Sealed(row["key_id"], row["encrypted"])
    number = vault.open(sealed, Slot.bank_card(row["card_no"]))
    return BankCard(Pan(number), row["expiry"])
