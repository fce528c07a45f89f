"""The proof of the seals: every block and head computed again, the first that breaks named.

Reads the books holder by holder in chunks, beside a live engine if need be, in the caller's
snapshot.
"""

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.seal import (
    GENESIS,
    SEALING,
    Block,
    Head,
    SealKey,
    Stretch,
    block_digest,
    head_digest,
    read_stretches,
)

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK_HOLDERS: Final = 2_000
CHUNK_HEADS: Final = 200
VIOLATIONS_NAMED_MAX: Final = 5
LACKS: Final = "lacks movement"
BEFORE_THE_FIRST: Final = Block(0, 0, 0, GENESIS, GENESIS)

HOLDERS: Final = """
    select distinct holder_id from seals where holder_id > $1 order by holder_id limit $2
"""
BLOCKS: Final = """
    select holder_id, from_seq, to_seq, previous, digest from seals
    where holder_id between $1 and $2 order by holder_id, from_seq
"""
# The sealer has passed them by, and comes again only when their holder moves.
LEFT_OUT: Final = """
    with passed as (
        select t.holder_id, max(t.seq) as seq
        from transfers t join pass_marks m on m.name = $1
        where t.sql_tx < m.below and t.sql_tx <> all (m.at_work) group by t.holder_id
    ), sealed as (
        select holder_id, max(to_seq) as seq from seals group by holder_id
    )
    select holder_id, p.seq from passed p left join sealed s using (holder_id)
    where p.seq > coalesce(s.seq, 0) order by holder_id limit $2
"""
LACKING: Final = """
    select min(number) from generate_series($2::bigint, $3::bigint) as number
    where not exists (select from transfers where holder_id = $1 and seq = number)
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
    """How many blocks were checked, and the first violations in words."""

    blocks: int
    violations: tuple[str, ...]


async def check_seals(tx: "Tx", key: SealKey, published: Head | None = None) -> SealProof:
    """Compute everything again with the key. `published` is a head that was kept elsewhere."""
    found = _Found()
    last = 0
    while holders := [row[0] for row in await tx.fetch(HOLDERS, last, CHUNK_HOLDERS)]:
        first, last = holders[0], holders[-1]
        await _check_blocks(tx, key, first, last, found)
    await _check_heads(tx, key, published, found)
    for row in await tx.fetch(STRAY, VIOLATIONS_NAMED_MAX):
        found.add(f"holder {row[0]}: block {row[1]} to {row[2]} belongs to no head ({row[3]})")
    for row in await tx.fetch(LEFT_OUT, SEALING, VIOLATIONS_NAMED_MAX):
        found.add(f"holder {row[0]}: movement {row[1]} is in no block")
    return SealProof(found.blocks, tuple(found.violations))


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
    blocks = [Block(*row) for row in await tx.fetch(BLOCKS, first, last)]
    found.blocks += len(blocks)
    stretches = await read_stretches(tx, [(b.holder_id, b.from_seq, b.to_seq) for b in blocks])
    pairs = zip(blocks, stretches, strict=True)
    for _, chain in groupby(pairs, key=lambda pair: pair[0].holder_id):
        before = BEFORE_THE_FIRST
        for block, stretch in chain:
            if (broken := _broken(key, before, block, stretch)) is not None:
                found.add(await _named(tx, block, broken))
                break  # what follows cannot be trusted either: a holder is named once
            before = block


def _broken(key: SealKey, before: Block, block: Block, stretch: Stretch) -> str | None:
    """What is wrong with a block behind the one before it, in words."""
    if block.from_seq != before.to_seq + 1 or block.previous != before.digest:
        return "does not follow the one before it"
    if stretch.movements != block.to_seq - block.from_seq + 1:
        return LACKS
    if block_digest(key, block.previous, stretch.content) != block.digest:
        return "is not what was sealed"
    return None


async def _named(tx: "Tx", block: Block, broken: str) -> str:
    ends = block.holder_id, block.from_seq, block.to_seq
    if broken == LACKS:
        broken += f" {await tx.fetchval(LACKING, *ends)}"
    return "holder {}: block {} to {} {}".format(*ends, broken)


async def _check_heads(tx: "Tx", key: SealKey, published: Head | None, found: _Found) -> None:
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
