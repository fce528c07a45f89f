"""Where persons get their codes: telephone numbers, sealed like card numbers.

Personal data: kind PHONE of `sealed_numbers`, forgotten when the person goes.
"""

from typing import TYPE_CHECKING

from authz.custody.phones import Phone
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import Row, find, forget, keep
from authz.custody.vault import Slot, Vault

if TYPE_CHECKING:
    from ledger.journal import Tx


async def keep_phone(tx: "Tx", safe: Safe, holder_id: int, phone: Phone) -> None:
    """Keep a person's number in place of the one that is known; without a vault none is kept."""
    if safe.vault is not None:
        slot = Slot.phone(holder_id)
        await keep(tx, [Row(holder_id, slot, safe.vault.seal(phone.reveal(), slot))])


async def phone_of(tx: "Tx", vault: Vault | None, holder_id: int) -> Phone | None:
    """Where this person gets codes; None where nobody said. Raises `vault.Unreadable`."""
    if vault is None:
        return None
    number = await find(tx, vault, holder_id, Slot.phone(holder_id))
    return None if number is None else Phone(number)


async def forget_phone(tx: "Tx", holder_id: int) -> bool:
    """Forget a person's number; whether there was one."""
    return await forget(tx, holder_id, Slot.phone(holder_id))
