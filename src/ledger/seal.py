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
from datetime import datetime
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ledger.passes import Portion

if TYPE_CHECKING:
    from ledger.journal import Tx

DIGEST_BYTES: Final = 32
GENESIS: Final = bytes(DIGEST_BYTES)
"""What stands in the place of the block before the first."""
BLOCKS_A_BREATH: Final = 64
"""Blocks that are hashed before others have their turn: the same loop answers payments."""
SEALING: Final = "seal"
"""The name of the pass; all movements behind its mark are sealed."""

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
# How many movements a stretch has, and what is hashed of them: every column as text, in the order
# of the table, all of them there, so that none can hold a separator unnoticed. Put together where
# the rows are: as values they would be made and read one by one. `sql_tx` is not sealed: another
# server counts anew.
STRETCHES: Final = """
    select count(t.seq), coalesce(string_agg(
        e'\\x1e' || concat_ws(e'\\x1f',
            t.holder_id, t.seq, coalesce(t.kind, 'None'),
            coalesce(t.debit_account::text, 'None'), coalesce(t.credit_account::text, 'None'),
            coalesce(t.amount_minor::text, 'None'), coalesce(t.authorization_id::text, 'None'),
            coalesce(t.about_seq::text, 'None'), coalesce(to_char(t.day, 'YYYY-MM-DD'), 'None'),
            coalesce(
                to_char(t.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), 'None')
        ), '' order by t.seq), '')
    from unnest($1::bigint[], $2::bigint[], $3::bigint[])
        with ordinality as d (holder_id, from_seq, to_seq, place)
    left join transfers t on t.holder_id = d.holder_id and t.seq between d.from_seq and d.to_seq
    group by d.place order by d.place
"""
EVERYBODY: Final = "select holder_id from holders where holder_id > $1 order by holder_id limit $2"
# Found before they are put in order: a plan for few would walk through the key of all movements.
MOVED: Final = """
    with written as materialized (
        select holder_id from transfers
        where sql_tx >= $1 and (sql_tx >= $2 or sql_tx = any ($3))
            and sql_tx < $4 and sql_tx <> all ($5)
    )
    select distinct holder_id from written where holder_id > $6 order by holder_id limit $7
"""
LAST_HEAD: Final = "select head_no, digest from seal_heads order by head_no desc limit 1"
ADD_HEAD: Final = "insert into seal_heads values ($1, $2, $3, $4, $5)"
ADD_SEALS: Final = """
    insert into seals (holder_id, from_seq, to_seq, previous, digest, head_no)
    select *, $6::bigint
    from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])
"""
UNSEALED: Final = """
    select count(*) from transfers t
    where t.sql_tx >= $1 and (t.sql_tx >= $2 or t.sql_tx = any ($3)) and t.at < $4
        and not exists (
            select 1 from seals s where s.holder_id = t.holder_id and s.to_seq >= t.seq
        )
"""


class SealKey(Struct, frozen=True):
    """The key of the hash and its name. The bytes never show: see `authz.custody.keys.Secret`."""

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


class Stretch(Struct, frozen=True):
    """How many movements a stretch has, and what is hashed of them."""

    movements: int
    content: str


class Head(Struct, frozen=True):
    """One row of `seal_heads`; `digest` stands for everything that was sealed until then."""

    head_no: int
    digest: bytes


class SealError(Exception):
    """The books themselves have a gap: they are not sealed over it. The text names the holder."""


async def read_stretches(tx: "Tx", ends: Sequence[Sequence[int]]) -> list[Stretch]:
    """The movements of each holder, first and last number, in this order.

    As they are in the table: a row that was changed may break every law of a `Transfer` and must
    still have a digest.
    """
    columns = ([each[place] for each in ends] for place in range(3))
    rows = await tx.fetch(STRETCHES, *columns)
    return [Stretch(*row) for row in rows]


def block_digest(key: SealKey, previous: bytes, content: str) -> bytes:
    """The digest of a stretch of movements behind the block `previous`."""
    hasher = key.hasher(b"millesime-block")
    hasher.update(previous)
    hasher.update(content.encode())
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


class Step(Struct, frozen=True):
    """How many holders a step sealed, and who had more than one step takes."""

    holders: int
    unfinished: list[int]


async def seal(
    tx: "Tx", key: SealKey, now: datetime, holder_ids: list[int], *, block_max: int, head_max: int
) -> Step:
    """Seal what is not sealed yet of these holders, under one new head if there is anything.

    A block has at most `block_max` movements; a head takes blocks until they have `head_max`.
    The caller's SQL transaction must be repeatable read. Whoever does the same at the same time
    gets asyncpg.UniqueViolationError. Raises SealError where numbers are missing in the books.
    """
    every = await tx.fetch(DUE, holder_ids, block_max)
    if not every:
        return Step(0, [])
    counts = accumulate(row[2] - row[1] + 1 for row in every)
    due = every[: 1 + sum(1 for count in counts if count < head_max)]
    stretches = await read_stretches(tx, [(row[0], row[1], row[2]) for row in due])
    blocks = []
    for count, (row, stretch) in enumerate(zip(due, stretches, strict=True), 1):
        blocks.append(_block(key, row, stretch))
        if count % BLOCKS_A_BREATH == 0:
            await asyncio.sleep(0)
    last = await tx.fetchrow(LAST_HEAD)
    number, previous = (last[0], last[1]) if last else (0, GENESIS)
    head = Head(number + 1, head_digest(key, previous, number + 1, blocks))
    await tx.execute(ADD_HEAD, head.head_no, head.digest, len(blocks), key.key_id, now)
    rows = [(b.holder_id, b.from_seq, b.to_seq, b.previous, b.digest) for b in blocks]
    await tx.execute(ADD_SEALS, *(list(column) for column in zip(*rows, strict=True)), head.head_no)
    cut = [row[0] for row in due if row[2] < row[-1]]
    return Step(len(due), cut + [row[0] for row in every[len(due) :]])


def _block(key: SealKey, due: Any, stretch: Stretch) -> Block:
    holder_id, first, last, previous, _ = due
    if stretch.movements != last - first + 1:
        raise SealError(f"holder {holder_id}: movements {first} to {last} are not all there")
    before = previous or GENESIS
    return Block(holder_id, first, last, before, block_digest(key, before, stretch.content))


async def moved(tx: "Tx", portion: Portion, after: int, holders_max: int) -> list[int]:
    """Whose movements lie in a portion, in the order of their ids behind `after`, some at a time.

    The first time that is everybody, whom the holders' own table tells at once.
    """
    if portion.since.below == 0:
        rows = await tx.fetch(EVERYBODY, after, holders_max)
    else:
        rows = await tx.fetch(MOVED, *portion.whole, after, holders_max)
    return [row[0] for row in rows]


async def last_head(tx: "Tx") -> Head | None:
    """The head to be kept elsewhere; None while nothing is sealed."""
    row = await tx.fetchrow(LAST_HEAD)
    return Head(row[0], row[1]) if row else None


async def unsealed(tx: "Tx", before: datetime) -> int:
    """How many movements of before this instant no block holds yet."""
    portion = await Portion.read(tx, SEALING)
    count: int = await tx.fetchval(UNSEALED, *portion.unseen, before)
    return count
