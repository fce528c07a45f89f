"""The proof of the seals: every block and head computed again, the first that breaks named.

Reads the books holder by holder in chunks, beside a live engine if need be, in the caller's
snapshot.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from ledger.seal import GENESIS, SEQ, Block, Head, SealKey, block_digest, head_digest

if TYPE_CHECKING:
    from ledger.journal import Tx

Row: TypeAlias = tuple[Any, ...]
"""A movement as it is in the table, whatever became of it."""

CHUNK_HOLDERS: Final = 2_000
CHUNK_HEADS: Final = 200
VIOLATIONS_NAMED_MAX: Final = 5

HOLDERS: Final = """
    select distinct holder_id from seals where holder_id > $1 order by holder_id limit $2
"""
BLOCKS: Final = """
    select holder_id, from_seq, to_seq, previous, digest from seals
    where holder_id between $1 and $2 order by holder_id, from_seq
"""
MOVEMENTS: Final = """
    select t.* from transfers t where t.holder_id between $1 and $2
        and t.seq <= (
            select to_seq from seals where holder_id = t.holder_id order by from_seq desc limit 1
        )
    order by t.holder_id, t.seq
"""
HEADS: Final = """
    select head_no, digest, blocks from seal_heads where head_no > $1 order by head_no limit $2
"""
HEAD_BLOCKS: Final = """
    select head_no, holder_id, from_seq, to_seq, previous, digest from seals
    where head_no between $1 and $2 order by head_no, holder_id, from_seq
"""
STRAY: Final = """
    select holder_id, from_seq, to_seq, head_no from seals
    where head_no not in (select head_no from seal_heads) order by holder_id, from_seq limit $1
"""


class SealProof(Struct, frozen=True):
    """What was checked, and the first violations in words; `head` is the last one, if any."""

    blocks: int
    violations: tuple[str, ...]
    head: Head | None


async def check_seals(tx: "Tx", key: SealKey, published: Head | None = None) -> SealProof:
    """Compute everything again with the key. `published` is a head that was kept elsewhere."""
    found = _Found()
    last = 0
    while holders := [row[0] for row in await tx.fetch(HOLDERS, last, CHUNK_HOLDERS)]:
        first, last = holders[0], holders[-1]
        await _check_blocks(tx, key, first, last, found)
    head = await _check_heads(tx, key, published, found)
    for row in await tx.fetch(STRAY, VIOLATIONS_NAMED_MAX):
        found.add(f"holder {row[0]}: block {row[1]} to {row[2]} belongs to no head ({row[3]})")
    return SealProof(found.blocks, tuple(found.violations), head)


class _Found:
    """What was found so far."""

    def __init__(self) -> None:
        self.blocks = 0
        self.violations: list[str] = []

    def add(self, words: str) -> None:
        """Name a violation, unless enough are named."""
        if len(self.violations) < VIOLATIONS_NAMED_MAX:
            self.violations.append(words)


async def _check_blocks(tx: "Tx", key: SealKey, first: int, last: int, found: _Found) -> None:
    rows: dict[int, dict[int, Row]] = defaultdict(dict)
    for row in await tx.fetch(MOVEMENTS, first, last):
        rows[row[0]][row[SEQ]] = tuple(row)
    chains: dict[int, list[Block]] = defaultdict(list)
    for row in await tx.fetch(BLOCKS, first, last):
        chains[row[0]].append(Block(*row))
    for holder_id, chain in chains.items():
        found.blocks += len(chain)
        if (broken := _first_broken(key, chain, rows[holder_id])) is not None:
            found.add(broken)


def _first_broken(key: SealKey, chain: list[Block], rows: dict[int, Row]) -> str | None:
    """What follows a broken block cannot be trusted either: a holder is named once."""
    previous, next_seq = GENESIS, 1
    for block in chain:
        words = f"holder {block.holder_id}: block {block.from_seq} to {block.to_seq}"
        if block.from_seq != next_seq or block.previous != previous:
            return f"{words} does not follow the one before it"
        stretch = range(block.from_seq, block.to_seq + 1)
        if missing := next((seq for seq in stretch if seq not in rows), None):
            return f"{words} lacks movement {missing}"
        if block_digest(key, previous, (rows[seq] for seq in stretch)) != block.digest:
            return f"{words} is not what was sealed"
        previous, next_seq = block.digest, block.to_seq + 1
    return None


async def _check_heads(
    tx: "Tx", key: SealKey, published: Head | None, found: _Found
) -> Head | None:
    head: Head | None = None
    while rows := await tx.fetch(HEADS, head.head_no if head else 0, CHUNK_HEADS):
        blocks: dict[int, list[Block]] = defaultdict(list)
        for row in await tx.fetch(HEAD_BLOCKS, rows[0][0], rows[-1][0]):
            blocks[row[0]].append(Block(*tuple(row)[1:]))
        for number, digest, count in rows:
            run, before = blocks[number], head or Head(0, GENESIS)
            sealed = head_digest(key, before.digest, number, run)
            if number != before.head_no + 1 or count != len(run) or sealed != digest:
                found.add(f"head {number} is not what was sealed")
            head = Head(number, digest)
            if published is not None and published.head_no == number and published != head:
                found.add(f"head {number} is not the one that was published")
    if published is not None and published.head_no > (head.head_no if head else 0):
        found.add(f"head {published.head_no}, which was published, is gone")
    return head
