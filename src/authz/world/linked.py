"""What accounts of a world file are linked with, bank card and telephone, bound to its rows."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg
from msgspec import UNSET, Struct
from msgspec.structs import astuple

from authz.bank.enrolment import remove
from authz.bank.kept import Wallet, keep_card, link_card, renew_card
from authz.bank.words import BankCard
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import Row, find, keep
from authz.custody.vault import Slot, Vault
from authz.holders.contacts import phone_of
from authz.refusal import Refused
from authz.storage.clock_row import civil_instant
from authz.world import statements as sql
from authz.world.fold import Part, decode_profile
from authz.world.records import AccountRecord
from authz.world.stage import BANK_CARD, PHONE, AccountDraft, decode_account
from ledger.journal import Change

LINKED: Final = """
    select card_no, expiry from bank_cards
    where holder_id = $1 and account_no = $2 and removed_at is null
"""
PROFILE: Final = "select profile from holders where holder_id = $1"


class Linked(Struct, frozen=True):
    """An account that has its number now, and what it came with."""

    holder_id: int
    account_no: int
    draft: AccountDraft


def linked_of(holder_id: int, change: Change, parts: Iterable[Part]) -> list[Linked]:
    """The person's accounts that have a link, numbered as the profile has them after the change."""
    drafts = [decode_account(part.body) for part in parts if part.kind == "account"]
    linked = [draft for draft in drafts if draft.bank_card or draft.phone]
    if not linked:
        return []
    assert change.profile is not None, "folding always writes a profile"
    profile = decode_profile(change.profile)
    held = [profile.account_named(draft.account.account_id) for draft in linked]
    numbers = [each.account.account_no for each in held]
    return [Linked(holder_id, no, draft) for no, draft in zip(numbers, linked, strict=True)]


async def keep_linked(
    tx: asyncpg.Connection, linked: Sequence[Linked], vault: Vault, at: datetime
) -> None:
    """Write the rows; what waited sealed is sealed again for its slot."""
    with_card = [each for each in linked if each.draft.bank_card is not None]
    drawn = await tx.fetch(sql.BANK_CARD_NOS, len(with_card))
    cards = [(each, card_no) for each, (card_no,) in zip(with_card, drawn, strict=True)]
    await tx.executemany(sql.ADD_BANK_CARD, [_card(each, card_no, at) for each, card_no in cards])
    rows = [_number(each, card_no, vault) for each, card_no in cards]
    phones = [_phone(each, vault) for each in linked if each.draft.phone is not None]
    await keep(tx, rows + phones)


def _card(each: Linked, card_no: int, at: datetime) -> tuple[object, ...]:
    top_up = each.draft.account.top_up
    assert top_up is not None, "who is linked has a top-up"
    return each.holder_id, card_no, each.account_no, top_up.expiry, each.draft.bank_last4, at


def _number(each: Linked, card_no: int, vault: Vault) -> Row:
    slot, waiting = Slot.bank_card(card_no), each.draft.bank_card
    assert waiting is not None
    waits = Slot.staged(BANK_CARD, each.draft.account.account_id)
    return Row(each.holder_id, slot, vault.again(waiting, waits, slot))


def _phone(each: Linked, vault: Vault) -> Row:
    slot, waiting = Slot.phone(each.holder_id), each.draft.phone
    assert waiting is not None
    waits = Slot.staged(PHONE, each.draft.account.account_id)
    return Row(each.holder_id, slot, vault.again(waiting, waits, slot))


async def is_linked_as(
    tx: asyncpg.Connection, holder_id: int, record: AccountRecord, safe: Safe | None
) -> bool:
    """Whether what is linked is as the record says, as far as it speaks of it.

    Raises `authz.custody.vault.Unreadable`.
    """
    return await _has_phone(tx, holder_id, record, safe) and await _has_bank_card(
        tx, holder_id, record, safe
    )


async def _has_phone(
    tx: asyncpg.Connection, holder_id: int, record: AccountRecord, safe: Safe | None
) -> bool:
    if record.phone is None or safe is None or safe.vault is None:
        return True
    kept = await phone_of(tx, safe.vault, holder_id)
    return kept is not None and kept.reveal() == record.phone.reveal()


async def _has_bank_card(
    tx: asyncpg.Connection, holder_id: int, record: AccountRecord, safe: Safe | None
) -> bool:
    said = record.topup
    if said is UNSET:
        return True
    row = await tx.fetchrow(LINKED, *astuple(await _wallet(tx, holder_id, record)))
    if not said or row is None:
        return not said and row is None
    if said.bank_pan is None or safe is None or safe.vault is None:
        return bool(said.expiry == row["expiry"])
    number = await find(tx, safe.vault, holder_id, Slot.bank_card(row["card_no"]))
    return (number, row["expiry"]) == (said.bank_pan.reveal(), said.expiry)


async def _wallet(tx: asyncpg.Connection, holder_id: int, record: AccountRecord) -> Wallet:
    profile = decode_profile(await tx.fetchval(PROFILE, holder_id))
    return Wallet(holder_id, profile.account_named(record.id).account.account_no)


async def put_bank_card(
    tx: asyncpg.Connection, holder_id: int, record: AccountRecord, safe: Safe | None
) -> None:
    """Link the card of a changed record, let the linked one have its new date, or remove it.

    Raises Refused where nothing is linked that could have one. The holder is locked by the caller.
    """
    linked = record.topup
    if linked is UNSET:
        return
    at = await civil_instant(tx, datetime.now(UTC))
    wallet = await _wallet(tx, holder_id, record)
    if not linked:
        await remove(tx, wallet, at)
    elif linked.bank_pan is not None and safe is not None and safe.vault is not None:
        card = BankCard(linked.bank_pan, linked.expiry)
        await link_card(tx, wallet, await keep_card(tx, safe.vault, wallet, card, at), at)
    elif not await renew_card(tx, wallet, linked.expiry):
        raise Refused("NO_BANK_CARD", "no bank card is linked: topup.bank_pan is wanted")
