"""The leg that verifies a bank card: asked for 1.00 EUR, and undone whatever comes of it (TOP-08).

It pays nothing and no answer of a payment waits for it: who asked undoes it. What a process left
behind is undone by the next one, as if the bank had been silent.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from authz.bank.kept import Wallet
from authz.bank.moves import note_moves
from authz.bank.words import Stamp
from authz.decide.legs import AT_ONCE
from authz.decide.topup import ENDINGS, OWED, BankWord, Event, LegState, moved
from authz.storage.clock_row import civil_instant
from ledger import journal

if TYPE_CHECKING:
    from ledger.journal import Tx

TERMINAL: Final = "ENROL001"
MID: Final = "MILLESIME ENROL"
CHUNK: Final = 100
LEFT_AFTER: Final = timedelta(seconds=30)
"""Nobody waits for the bank's answer as long as that: whoever asked is gone."""

ADD_LEG: Final = """
    insert into bank_legs values ($1, $2, $3, 'VERIFY', $4, $5, $5, 0, 0, $6, $7, $8, $9, $10)
"""
# Once: by who asked, or by who found it left behind.
SETTLE: Final = """
    update bank_legs set state = $4, left_minor = 0, notices = $5
    where holder_id = $1 and number = $2 and state = $3 returning number
"""
TELL: Final = """
    insert into bank_notices (holder_id, number, notice_no, kind, amount_minor, left_minor, since,
        due_at)
    values ($1, $2, 1, 'REVERSAL', 0, 0, $3, $4)
"""
ASKED_SINCE: Final = """
    select count(*) from bank_legs where holder_id = $1 and kind = 'VERIFY' and asked_at > $2
"""
LEFT_BEHIND: Final = """
    select holder_id, number from bank_legs
    where state = 'ASKED' and kind = 'VERIFY' and asked_at < clock_timestamp() - $1::interval
    order by holder_id, number limit $2 for update skip locked
"""
Name = tuple[int, int]
"""Of a leg: its holder and number."""


async def asked_since(tx: "Tx", holder_id: int, since: datetime) -> int:
    """How many cards of the holder were asked about since; who asks holds the holder's lock now."""
    await journal.lock(tx, holder_id)
    count: int = await tx.fetchval(ASKED_SINCE, holder_id, since)
    return count


async def open_leg(
    tx: "Tx", name: Name, wallet: Wallet, card_no: int, stamp: Stamp, verify_minor: int
) -> None:
    """The row says that the bank is asked, before the question leaves."""
    state = LegState.ASKED
    await tx.execute(
        ADD_LEG, *name, wallet.account_no, state.value, verify_minor, TERMINAL, MID, card_no,
        stamp.stan, stamp.at,
    )  # fmt: skip
    why = "a card is enrolled"
    await note_moves(tx, [(*name, stamp.at)], state, Event.ASK, why, "enrolment")


async def undo(tx: "Tx", name: Name, word: BankWord, who: str) -> bool:
    """The euro is never taken; False where somebody had undone it before."""
    now = await civil_instant(tx, datetime.now(UTC))
    event = ENDINGS[LegState.ASKED, word]
    state = moved(LegState.ASKED, event)
    owed = state in OWED
    asked = LegState.ASKED.value
    if await tx.fetchval(SETTLE, *name, asked, state.value, int(owed)) is None:
        return False
    await note_moves(tx, [(*name, now)], state, event, word.value, who)
    if owed:
        await tx.execute(TELL, *name, now, AT_ONCE)
    return True


async def undo_left_behind(pool: asyncpg.Pool, after: timedelta = LEFT_AFTER) -> int:
    """Undo every leg that was asked longer ago than `after` and is not settled; how many.

    Nobody knows the bank's word on them, so the bank is told that they do not stand. Several
    processes share the work, each leg is undone once.
    """
    undone = 0
    while True:
        async with pool.acquire() as sql, sql.transaction():
            rows = await sql.fetch(LEFT_BEHIND, after, CHUNK)
            for holder_id, number in rows:
                await undo(sql, (holder_id, number), BankWord.SILENT, "store-and-forward")
        undone += len(rows)
        if len(rows) < CHUNK:
            return undone
