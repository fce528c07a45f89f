"""The sealer: blocks of committed movements chained by a keyed hash, off the hot path.

Who can write to the database can change the books and everything computed from them, but not
without the key make a digest that fits. A block is a stretch of one holder's movements and holds
the digest of the block before it; a head holds the head before it and all blocks of one run. The
last head, kept elsewhere, proves that no block was taken off the end either.

Only committed rows are seen, and numbers are given under the holder's lock without a gap: what lies
up to a holder's `last_seq` of the same snapshot can never grow a row later.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ledger.passes import Step

if TYPE_CHECKING:
    from ledger.journal import Tx

DIGEST_BYTES: Final = 32
GENESIS: Final = bytes(DIGEST_BYTES)
"""What stands in the place of the block before the first."""
BLOCKS_A_BREATH: Final = 64
"""Blocks that are hashed before others have their turn: the same loop answers payments."""
SEQ: Final = 1
"""The place of a movement's number in its row."""
_ROW: Final = b"\x1e"
_FIELD: Final = "\x1f"

DUE: Final = """
    select h.holder_id, coalesce(s.to_seq, 0) + 1 as from_seq,
        least(h.last_seq, coalesce(s.to_seq, 0) + $2) as to_seq, s.digest as previous,
        h.last_seq
    from holders h left join lateral (
        select to_seq, digest from seals where holder_id = h.holder_id
        order by from_seq desc limit 1
    ) s on true
    where h.holder_id = any ($1) and h.last_seq > coalesce(s.to_seq, 0) order by h.holder_id
"""
ROWS: Final = """
    select t.* from unnest($1::bigint[], $2::bigint[], $3::bigint[])
        as d (holder_id, from_seq, to_seq)
    join transfers t on t.holder_id = d.holder_id and t.seq between d.from_seq and d.to_seq
    order by t.holder_id, t.seq
"""
LAST_HEAD: Final = "select head_no, digest from seal_heads order by head_no desc limit 1"
ADD_HEAD: Final = "insert into seal_heads values ($1, $2, $3, $4, $5)"
ADD_SEALS: Final = """
    insert into seals (holder_id, from_seq, to_seq, previous, digest, head_no)
    select *, $6::bigint
    from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])
"""
UNSEALED: Final = """
    select count(*) from transfers t where t.at >= $1 and t.at < $2 and not exists (
        select 1 from seals s where s.holder_id = t.holder_id and s.to_seq >= t.seq
    )
"""


class SealKey(Struct, frozen=True):
    """The key of the hash and its name. The bytes never show: see `authz.keys.Secret`."""

    key_id: str
    key: Any

    def hasher(self, person: bytes) -> blake2b:
        """A keyed hash for one purpose; `person` keeps blocks and heads apart."""
        return blake2b(digest_size=DIGEST_BYTES, key=self.key.reveal(), person=person)


class Block(Struct, frozen=True):
    """One row of `seals`: movements `from_seq` to `to_seq` of a holder, and their digest."""

    holder_id: int
    from_seq: int
    to_seq: int
    previous: bytes
    digest: bytes


class Head(Struct, frozen=True):
    """One row of `seal_heads`; `digest` stands for everything that was sealed until then."""

    head_no: int
    digest: bytes


class SealError(Exception):
    """The books themselves have a gap: they are not sealed over it. The text names the holder."""


def block_digest(key: SealKey, previous: bytes, rows: Iterable[Sequence[Any]]) -> bytes:
    """The digest of a stretch of movements behind the block `previous`.

    `rows` are those of the table, columns in its order: a row that was changed may break every law
    of a `Transfer` and must still have a digest.
    """
    hasher = key.hasher(b"millesime-block")
    hasher.update(previous)
    for row in rows:
        hasher.update(_ROW)
        hasher.update(_canonical(row))
    return hasher.digest()


def head_digest(key: SealKey, previous: bytes, head_no: int, blocks: Iterable[Block]) -> bytes:
    """The digest of a run behind the head `previous`; `blocks` in the order of their holders."""
    hasher = key.hasher(b"millesime-head")
    hasher.update(previous)
    hasher.update(head_no.to_bytes(8, "big"))
    for block in blocks:
        for number in (block.holder_id, block.from_seq, block.to_seq):
            hasher.update(number.to_bytes(8, "big"))
        hasher.update(block.digest)
    return hasher.digest()


def _canonical(row: Sequence[Any]) -> bytes:
    """Every column as text, in the table's order; none of them can hold the separators."""
    *values, at = row
    instant = at.astimezone(UTC).isoformat(timespec="microseconds")
    return _FIELD.join(map(str, (*values, instant))).encode()


async def seal(
    tx: "Tx", key: SealKey, now: datetime, holder_ids: list[int], *, movements_max: int
) -> Step:
    """Seal what is not sealed yet of these holders, under one new head if there is anything.

    The caller's SQL transaction must be repeatable read. Whoever does the same at the same time
    gets asyncpg.UniqueViolationError. Raises SealError where numbers are missing in the books.
    """
    due = await tx.fetch(DUE, holder_ids, movements_max)
    if not due:
        return Step(0, [])
    columns = [[row[place] for row in due] for place in range(3)]
    movements: dict[int, list[Sequence[Any]]] = {holder_id: [] for holder_id in columns[0]}
    for row in await tx.fetch(ROWS, *columns):
        movements[row["holder_id"]].append(tuple(row))
    blocks = []
    for count, row in enumerate(due, 1):
        blocks.append(_block(key, row, movements[row["holder_id"]]))
        if count % BLOCKS_A_BREATH == 0:
            await asyncio.sleep(0)
    last = await tx.fetchrow(LAST_HEAD)
    number, previous = (last[0], last[1]) if last else (0, GENESIS)
    head = Head(number + 1, head_digest(key, previous, number + 1, blocks))
    await tx.execute(ADD_HEAD, head.head_no, head.digest, len(blocks), key.key_id, now)
    rows = [(b.holder_id, b.from_seq, b.to_seq, b.previous, b.digest) for b in blocks]
    await tx.execute(ADD_SEALS, *(list(column) for column in zip(*rows, strict=True)), head.head_no)
    return Step(len(due), [row[0] for row in due if row[2] < row[-1]])


def _block(key: SealKey, due: Any, rows: Sequence[Sequence[Any]]) -> Block:
    holder_id, first, last, previous, _ = due
    if [row[SEQ] for row in rows] != list(range(first, last + 1)):
        raise SealError(f"holder {holder_id}: movements {first} to {last} are not all there")
    before = previous or GENESIS
    return Block(holder_id, first, last, before, block_digest(key, before, rows))


async def last_head(tx: "Tx") -> Head | None:
    """The head to be kept elsewhere; None while nothing is sealed."""
    row = await tx.fetchrow(LAST_HEAD)
    return Head(row[0], row[1]) if row else None


async def unsealed(tx: "Tx", since: datetime, before: datetime) -> int:
    """How many movements of this time, its end not included, no block holds yet."""
    count: int = await tx.fetchval(UNSEALED, since, before)
    return count
