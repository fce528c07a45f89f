"""What a digest stands for: the movements, the block before, the run before, and the key."""

from ledger.seal import GENESIS, Block, SealKey, block_digest, head_digest

CONTENT = "\x1e2\x1f7\x1fdirect"
BLOCK = Block(2, 7, 7, GENESIS, bytes(range(32)))


class Bytes:
    """Key bytes, as the key file's own type gives them."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        return self._value


KEY, OTHER = SealKey("a", Bytes(b"k" * 32)), SealKey("b", Bytes(b"o" * 32))


def test_a_digest_holds_the_movements_the_one_before_it_and_the_key() -> None:
    plain = block_digest(KEY, GENESIS, CONTENT)
    assert block_digest(KEY, bytes(range(32)), CONTENT) != plain
    assert block_digest(OTHER, GENESIS, CONTENT) != plain
    assert block_digest(KEY, GENESIS, CONTENT + CONTENT) != plain


def test_a_head_holds_the_one_before_it_its_number_and_its_blocks() -> None:
    plain = head_digest(KEY, GENESIS, 1, [BLOCK])
    assert head_digest(KEY, bytes(range(32)), 1, [BLOCK]) != plain
    assert head_digest(KEY, GENESIS, 2, [BLOCK]) != plain
    assert head_digest(KEY, GENESIS, 1, []) != plain
    assert head_digest(OTHER, GENESIS, 1, [BLOCK]) != plain
