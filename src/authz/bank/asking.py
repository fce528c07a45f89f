"""From reserved to asked: the row says so before the question leaves, so that a crash is undone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
from msgspec import Struct

from authz.bank.kept import open_card
from authz.bank.moves import note_moves
from authz.bank.stans import Stans
from authz.bank.words import BankCard, Stamp
from authz.custody.vault import Unreadable, Vault
from authz.decide.topup import Event, LegState, moved
from authz.storage.rows import columns

# Only a leg that nobody settled or reversed meanwhile, and only with a card that is still linked.
MARK: Final = """
    update bank_legs l set state = $4, stan = a.stan, asked_at = a.at, card_no = c.card_no
    from unnest($1::bigint[], $2::bigint[], $3::text[], $5::timestamptz[])
        as a (holder_id, number, stan, at)
    join pending_payments p on p.holder_id = a.holder_id and p.number = a.number
    join bank_cards c on c.holder_id = p.holder_id and c.account_no = p.account_no
        and c.removed_at is null
    join sealed_numbers s on s.holder_id = c.holder_id and s.kind = 'BANK_CARD'
        and s.name = int8send(c.card_no)
    where l.holder_id = a.holder_id and l.number = a.number and l.state = $6
        and p.reversed_by is null
    returning l.holder_id, l.number, l.stan, l.asked_at, c.card_no, c.expiry,
        s.key_id, s.encrypted, p.reserved_at
"""
Name = tuple[int, int]


class Asked(Struct, frozen=True):
    """A leg that may be asked for now: the card, the identity of the question, when it is paid."""

    card: BankCard
    stamp: Stamp
    at: datetime


async def mark_asked(
    pool: asyncpg.Pool, vault: Vault, stans: Stans, names: Sequence[Name]
) -> dict[Name, Asked]:
    """Those of the legs that may be asked for, and are now marked so. Raises what the pool raises.

    The others have no card any more, or were settled or reversed before the question left.
    """
    stamps = await stans.stamps(len(names))
    wanted = [(*name, stamp.stan, stamp.at) for name, stamp in zip(names, stamps, strict=True)]
    holders, numbers, texts, instants = columns(sorted(wanted))
    state = moved(LegState.RESERVED, Event.ASK)
    async with pool.acquire() as sql, sql.transaction():
        rows = await sql.fetch(
            MARK, holders, numbers, texts, state.value, instants, LegState.RESERVED.value
        )
        if rows:
            places = [(row[0], row[1], row[3]) for row in rows]
            await note_moves(sql, places, state, Event.ASK, "the question leaves", "engine")
    asked: dict[Name, Asked] = {}
    for row in rows:
        try:
            card = open_card(vault, row)
        except Unreadable:
            continue  # it stays unasked: the leg is declined
        stamp = Stamp(row["stan"], row["asked_at"])
        asked[row["holder_id"], row["number"]] = Asked(card, stamp, row["reserved_at"])
    return asked
