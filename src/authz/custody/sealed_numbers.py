"""The one table of encrypted numbers: kept, found, and moved over to a new key in small steps.

Rotation: the key file gets a new key in front; what is kept moves over to it (the job
`re-encrypt`); when nothing is left under the old key, that may go from the file. Each step is one
SQL transaction of a few rows: whoever goes on after it finds only the rest.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import structlog
from msgspec import Struct

from authz.custody.vault import Sealed, Slot, Unreadable, Vault
from authz.usage import UsageError

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK: Final = 500
KEEP: Final = """
    insert into sealed_numbers (holder_id, kind, name, key_id, encrypted)
    values ($1, $2, $3, $4, $5)
    on conflict (holder_id, kind, name) do update set
        key_id = excluded.key_id, encrypted = excluded.encrypted
"""
FIND: Final = """
    select key_id, encrypted from sealed_numbers where holder_id = $1 and kind = $2 and name = $3
"""
HOLDER: Final = "select holder_id from credentials where card_ref = $1"
FORGET: Final = "delete from sealed_numbers where holder_id = $1 and kind = $2 and name = $3"
# One step through the index for each key, however many numbers there are under it.
USED: Final = """
    with recursive k as (
        select min(key_id) as key_id from sealed_numbers union all
        select (select min(n.key_id) from sealed_numbers n where n.key_id > k.key_id)
        from k where k.key_id is not null
    ) select key_id from k where key_id is not null
"""
COUNTS: Final = "select key_id, count(*) from sealed_numbers group by key_id order by key_id"
# From where the last step ended: what cannot be read is passed by, and not found again.
OLD: Final = """
    select holder_id, kind, name, key_id, encrypted from sealed_numbers
    where key_id <> $1 and (holder_id, kind, name) > ($2, $3, $4)
    order by holder_id, kind, name limit $5 for update skip locked
"""
MOVE: Final = """
    update sealed_numbers set key_id = $4, encrypted = $5
    where holder_id = $1 and kind = $2 and name = $3
"""

Key = tuple[int, str, bytes]
"""Of a row: holder, kind and name."""

_log = structlog.get_logger()


class Row(Struct, frozen=True):
    """One number of a holder."""

    holder_id: int
    slot: Slot
    sealed: Sealed

    def columns(self) -> tuple[int, str, bytes, str, bytes]:
        """In the order of the table."""
        slot, sealed = self.slot, self.sealed
        return self.holder_id, slot.kind, slot.name, sealed.key_id, sealed.encrypted


async def keep(tx: "Tx", rows: Sequence[Row]) -> None:
    """Keep the numbers, each in place of the one that was in its slot."""
    await tx.executemany(KEEP, [row.columns() for row in rows])


async def find(tx: "Tx", vault: Vault, holder_id: int, slot: Slot) -> str | None:
    """The number in clear, None where none is kept. Raises `authz.custody.vault.Unreadable`."""
    row = await tx.fetchrow(FIND, holder_id, slot.kind, slot.name)
    return None if row is None else vault.open(Sealed(row["key_id"], row["encrypted"]), slot)


async def find_card(tx: "Tx", vault: Vault, card_ref: bytes) -> str | None:
    """The number of this card or token, None where it is not kept. Raises `Unreadable`."""
    holder_id = await tx.fetchval(HOLDER, card_ref)
    return None if holder_id is None else await find(tx, vault, holder_id, Slot.card(card_ref))


async def forget(tx: "Tx", holder_id: int, slot: Slot) -> bool:
    """Forget a number; whether there was one."""
    return bool(await tx.execute(FORGET, holder_id, slot.kind, slot.name) != "DELETE 0")


async def refuse_missing_keys(sql: Any, vault: Vault | None) -> None:
    """Raise UsageError where numbers are kept under a key that the key file lacks."""
    used = [row["key_id"] for row in await sql.fetch(USED)]
    missing = [key_id for key_id in used if vault is None or not vault.knows(key_id)]
    if missing:
        raise UsageError(
            f"numbers are kept under the key {missing[0]}, which the key file lacks: put it back"
            " behind the others, and leave it until 'millesime keys file used' does not name it"
        )


async def numbers_by_key(sql: Any) -> list[tuple[str, int]]:
    """How many numbers are kept under each key."""
    return [(row["key_id"], row["count"]) for row in await sql.fetch(COUNTS)]


async def re_encrypt(pool: asyncpg.Pool, vault: Vault, chunk: int = CHUNK) -> dict[str, int]:
    """Move everything over to the current key, in steps of `chunk`: moved, and left unreadable."""
    moved = unreadable = 0
    after: Key = (0, "", b"")
    while any(row["key_id"] != vault.key_id for row in await pool.fetch(USED)):
        async with pool.acquire() as sql, sql.transaction():
            old = await sql.fetch(OLD, vault.key_id, *after, chunk)
            rows = [again for row in old if (again := _again(vault, row)) is not None]
            await sql.executemany(MOVE, [row.columns() for row in rows])
        if not old:
            break
        after = old[-1]["holder_id"], old[-1]["kind"], old[-1]["name"]
        moved, unreadable = moved + len(rows), unreadable + len(old) - len(rows)
    return {"moved": moved, "unreadable": unreadable}


def _again(vault: Vault, row: Any) -> Row | None:
    slot = Slot(row["kind"], row["name"])
    try:
        sealed = vault.again(Sealed(row["key_id"], row["encrypted"]), slot)
    except Unreadable as refused:
        _log.error("number_unreadable", holder=row["holder_id"], kind=slot.kind, why=str(refused))
        return None
    return Row(row["holder_id"], slot, sealed)
