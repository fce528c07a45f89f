"""The seals: whoever changes the books without the key is found, and the block is named."""

import asyncio
from datetime import UTC, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pytest

from authz.custody.keys import Secret
from ledger import journal
from ledger import seal as sealer
from ledger.audit import audit_books
from ledger.seal import Head, SealError, SealKey, last_head, seal, unsealed
from ledger.seal_check import check_seals
from tests.database.books import AT, a_small_world, books_url, buying, tx

if TYPE_CHECKING:
    from ledger.journal import Tx

__all__ = ["books_url", "tx"]

LATER = AT + timedelta(days=1)
KEY = SealKey("seal-1", Secret(bytes(range(32))))
OTHER = SealKey("seal-2", Secret(bytes(32)))


async def seal_all(tx: "Tx", block_max: int = 6, head_max: int = 100) -> int:
    """Two holders a head, until nothing of anybody is left."""
    heads = 0
    for holder_ids in ([1, 2], [3]):
        while holder_ids:
            done = await seal(tx, KEY, AT, holder_ids, block_max=block_max, head_max=head_max)
            heads, holder_ids = heads + (done.holders > 0), done.unfinished
    return heads


@pytest.fixture
async def sealed(tx: "Tx") -> "Tx":
    """Three holders of fifteen movements each, in blocks of six, two holders a head."""
    await a_small_world(tx)
    assert await seal_all(tx) > 3
    return tx


async def test_everything_is_sealed_and_the_seals_hold(sealed: "Tx") -> None:
    assert await unsealed(sealed, LATER) == 0
    proof = await check_seals(sealed, KEY)
    assert (proof.blocks, proof.violations) == (9, ())
    assert (await audit_books(sealed)).holds


async def test_a_digest_is_that_of_the_rows_as_text_whatever_the_session_says(
    sealed: "Tx",
) -> None:
    """By a second reading of what the digest is, in the hands of Python."""
    rows = await sealed.fetch(
        "select holder_id, seq, kind, debit_account, credit_account, amount_minor,"
        " authorization_id, about_seq, day, at from transfers"
        " where holder_id = 2 and seq between 7 and 12 order by seq"
    )
    hasher = blake2b(digest_size=32, key=KEY.key.reveal(), person=b"millesime-block")
    hasher.update(
        await sealed.fetchval("select digest from seals where (holder_id, from_seq) = (2, 1)")
    )
    for row in rows:
        *values, at = row
        told = (*values, at.astimezone(UTC).isoformat(timespec="microseconds"))
        hasher.update(("\x1e" + "\x1f".join(map(str, told))).encode())
    stands = "select digest from seals where (holder_id, from_seq) = (2, 7)"
    assert hasher.digest() == await sealed.fetchval(stands)
    await sealed.execute("set local timezone = 'Asia/Tokyo'; set local datestyle = 'SQL, DMY'")
    assert (await check_seals(sealed, KEY)).violations == ()


async def test_what_comes_later_is_chained_on(sealed: "Tx") -> None:
    published = await last_head(sealed)
    await journal.post_for_holder(sealed, 2, buying(100))
    assert await unsealed(sealed, LATER) == 1
    assert await seal_all(sealed) == 1
    proof = await check_seals(sealed, KEY, published)
    assert (proof.blocks, proof.violations) == (10, ())
    assert await last_head(sealed) != published
    assert (await audit_books(sealed)).holds


async def test_a_head_takes_blocks_until_it_is_full(tx: "Tx") -> None:
    await a_small_world(tx)
    first = await seal(tx, KEY, AT, [1, 2, 3], block_max=10, head_max=15)
    assert (first.holders, first.unfinished) == (2, [1, 2, 3])
    rest = await seal(tx, KEY, AT, first.unfinished, block_max=10, head_max=10)
    assert (rest.holders, rest.unfinished) == (2, [3])
    assert await seal_all(tx) == 3
    proof = await check_seals(tx, KEY)
    assert (proof.blocks, proof.violations) == (7, ())


async def test_others_have_their_turn_between_two_blocks(
    tx: "Tx", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payments are answered by the same loop: a step of thousands must not hold it."""
    await a_small_world(tx)
    heard: list[str] = []

    def block(*parts: Any) -> sealer.Block:
        heard.append("block")
        return make(*parts)

    async def other() -> None:
        while True:
            heard.append("other")
            await asyncio.sleep(0)

    make = sealer._block
    monkeypatch.setattr(sealer, "_block", block)
    monkeypatch.setattr(sealer, "BLOCKS_A_BREATH", 1)
    others = asyncio.create_task(other())
    await seal(tx, KEY, AT, [1, 2, 3], block_max=100, head_max=100)
    others.cancel()
    first, last = heard.index("block"), len(heard) - heard[::-1].index("block")
    assert heard[first:last] == ["block", "other", "block", "other", "block"]


SECOND = "holder 2: block 7 to 12 "
CHANGES = (
    "kind = 'void'", "debit_account = 100", "credit_account = 100", "amount_minor = 401",
    "authorization_id = null", "authorization_id = 81", "about_seq = 5", "day = day + 1",
    "at = at + interval '1 microsecond'",
)  # fmt: skip
TAMPERED = [
    ("""
     alter table transfers drop constraint transfers_kind_check, drop constraint two_accounts,
         alter debit_account drop not null, alter credit_account drop not null,
         alter amount_minor drop not null;
     update transfers set
         kind = concat_ws(e'\\x1f', kind, debit_account, credit_account, amount_minor),
         debit_account = null, credit_account = null, amount_minor = null
     where (holder_id, seq) = (2, 9)
     """, SECOND + "is not what was sealed"),
    *((f"update transfers set {change} where (holder_id, seq) = (2, 8)",
       SECOND + "is not what was sealed") for change in CHANGES),
    ("update transfers set seq = 16 where (holder_id, seq) = (2, 8)", SECOND + "lacks movement 8"),
    ("delete from transfers where (holder_id, seq) = (2, 8)", SECOND + "lacks movement 8"),
    ("delete from seals where (holder_id, from_seq) = (2, 1)",
     SECOND + "does not follow the one before it"),
    ("update seals set digest = previous where (holder_id, from_seq) = (2, 7)",
     SECOND + "is not what was sealed"),
    ("update seals set previous = digest where (holder_id, from_seq) = (2, 7)",
     SECOND + "does not follow the one before it"),
    ("update seal_heads set digest = sha256('x') where head_no = 2",
     "head 2 is not what was sealed"),
    ("delete from seal_heads where head_no = 2", "head 3 is not what was sealed"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "words"), TAMPERED)
async def test_what_a_superuser_changes_is_named(sealed: "Tx", sql: str, words: str) -> None:
    await sealed.execute(sql)
    assert (await check_seals(sealed, KEY)).violations[0] == words


async def test_another_key_fits_no_block(sealed: "Tx") -> None:
    assert "is not what was sealed" in (await check_seals(sealed, OTHER)).violations[0]


async def test_blocks_taken_off_the_end_are_missed_where_the_head_was_published(
    sealed: "Tx",
) -> None:
    published = await last_head(sealed)
    assert published is not None
    await sealed.execute("delete from seals where head_no = $1", published.head_no)
    await sealed.execute("delete from seal_heads where head_no = $1", published.head_no)
    assert (await check_seals(sealed, KEY)).violations == ()
    missed = (await check_seals(sealed, KEY, published)).violations
    assert missed == (f"head {published.head_no}, which was published, is gone",)


async def test_a_head_that_is_not_the_published_one_is_named(sealed: "Tx") -> None:
    proof = await check_seals(sealed, KEY, Head(1, bytes(32)))
    assert proof.violations == ("head 1 is not the one that was published",)


async def test_books_with_a_gap_are_not_sealed_over_it(tx: "Tx") -> None:
    await a_small_world(tx)
    await tx.execute("delete from transfers where (holder_id, seq) = (2, 4)")
    with pytest.raises(SealError, match="holder 2: movements 1 to 6 are not all there"):
        await seal_all(tx)
