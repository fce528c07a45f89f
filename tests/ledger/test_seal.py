"""What a digest stands for: every column, the block before, the run before, and the key."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from ledger.seal import GENESIS, Block, SealKey, block_digest, head_digest

AT = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
ROW = (2, 7, "direct", 8193, -1, 1250, 77, None, date(2026, 11, 24), AT)
BLOCK = Block(2, 7, 7, GENESIS, bytes(range(32)))


class Bytes:
    """Key bytes, as the key file's own type gives them."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value


KEY, OTHER = SealKey("a", Bytes(b"k" * 32)), SealKey("b", Bytes(b"o" * 32))
CHANGED: list[Any] = [
    3,
    8,
    "hold",
    8194,
    -2,
    1251,
    None,
    6,
    date(2026, 11, 25),
    AT.replace(second=1),
]


@pytest.mark.parametrize("column", range(len(ROW)))
def test_every_column_of_a_movement_is_in_the_digest(column: int) -> None:
    changed = [*ROW]
    changed[column] = CHANGED[column]
    assert block_digest(KEY, GENESIS, [changed]) != block_digest(KEY, GENESIS, [ROW])


def test_a_digest_holds_the_one_before_it_and_the_key() -> None:
    plain = block_digest(KEY, GENESIS, [ROW])
    assert block_digest(KEY, bytes(range(32)), [ROW]) != plain
    assert block_digest(OTHER, GENESIS, [ROW]) != plain
    assert block_digest(KEY, GENESIS, [ROW, ROW]) != plain


def test_a_head_holds_the_one_before_it_its_number_and_its_blocks() -> None:
    plain = head_digest(KEY, GENESIS, 1, [BLOCK])
    assert head_digest(KEY, bytes(range(32)), 1, [BLOCK]) != plain
    assert head_digest(KEY, GENESIS, 2, [BLOCK]) != plain
    assert head_digest(KEY, GENESIS, 1, []) != plain
    assert head_digest(OTHER, GENESIS, 1, [BLOCK]) != plain


def test_the_zone_in_which_an_instant_is_read_does_not_matter() -> None:
    elsewhere = datetime.fromisoformat("2026-11-24T12:30:00+01:00")
    assert block_digest(KEY, GENESIS, [(*ROW[:-1], elsewhere)]) == block_digest(KEY, GENESIS, [ROW])
