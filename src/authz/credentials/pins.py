"""A new PIN that came as a block: opened with the card's own number, which is kept sealed."""

from typing import TYPE_CHECKING

from authz.credentials.change import profile_of
from authz.credentials.life import own_credential
from authz.custody.pan import Pan
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import find_card
from authz.hsm import Pin
from authz.refusal import Refused

if TYPE_CHECKING:
    from ledger.journal import Tx


async def pin_from_block(tx: "Tx", safe: Safe, card_id: str, block: str) -> Pin:
    """The PIN.

    Raises Unknown, Refused where the card's number is not kept, so that no block of it can be
    opened, and ValueError for what is no block of the card.
    """
    profile = await profile_of(tx, "card", card_id)
    ref = own_credential(profile, card_id).card_ref
    number = None if safe.vault is None else await find_card(tx, safe.vault, ref)
    if number is None:
        raise Refused("NUMBER_NOT_KEPT", "the number of this card is not kept here")
    return safe.pin_of_block(block, Pan(number))
