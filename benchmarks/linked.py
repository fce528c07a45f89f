"""Bank cards for the holders of a generated world, each sealed as the service would."""

from collections.abc import Iterator
from typing import Any, Final

import asyncpg

from authz.custody.vault import Slot, Vault
from authz.world.generate import BANK_BIN, card_number
from benchmarks.world import EXPIRY, FIRST_HOLDER, OPENED_AT, SEED

CARDS: Final = ("holder_id", "card_no", "account_no", "expiry", "last4", "enrolled_at")
NUMBERS: Final = ("holder_id", "kind", "name", "key_id", "encrypted")


async def link(url: str, holders: int, vault: Vault) -> None:
    """Link one card to each of the first so many holders, whose profiles say so already."""
    sql = await asyncpg.connect(url)
    try:
        async with sql.transaction():
            copy = sql.copy_records_to_table
            await copy("bank_cards", records=_cards(holders), columns=CARDS)
            await copy("sealed_numbers", records=_numbers(holders, vault), columns=NUMBERS)
            await sql.execute("select setval('bank_card_nos', $1)", holders)
    finally:
        await sql.close()


def _cards(holders: int) -> Iterator[tuple[Any, ...]]:
    for number in range(holders):
        last4 = card_number(BANK_BIN, number, SEED).last4
        yield FIRST_HOLDER + number, number + 1, 1, EXPIRY, last4, OPENED_AT


def _numbers(holders: int, vault: Vault) -> Iterator[tuple[Any, ...]]:
    for number in range(holders):
        slot = Slot.bank_card(number + 1)
        sealed = vault.seal(card_number(BANK_BIN, number, SEED).reveal(), slot)
        yield FIRST_HOLDER + number, slot.kind, slot.name, sealed.key_id, sealed.encrypted
