"""Which lane a holder's batches use: PostgreSQL's own hash of the id, so that shards agree with us.

`lane = ((hashint8(holder_id) + 2^31) * lanes) >> 32`. A lane has one batch at work at a time.
"""

from typing import Final

_MASK: Final = 0xFFFF_FFFF
_GOLDEN: Final = 0x9E37_79B9


def lane_of(holder_id: int, lanes: int) -> int:
    """The lane, 0 to `lanes` - 1; `lanes` is a power of two."""
    assert lanes > 0 and lanes & (lanes - 1) == 0
    return ((hashint8(holder_id) + (1 << 31)) * lanes) >> 32


def hashint8(value: int) -> int:
    """PostgreSQL's `hashint8` (src/common/hashfn.c, `hash_bytes_uint32`), signed 32 bits."""
    low, high = value & _MASK, (value >> 32) & _MASK
    # The high half is folded so that an int8 hashes like the int4 of the same value.
    low ^= high if value >= 0 else ~high & _MASK
    return _signed(_hash_uint32(low))


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK


def _hash_uint32(key: int) -> int:
    """Bob Jenkins's final mix of one 32-bit word."""
    start = (_GOLDEN + 4 + 3923095) & _MASK
    a, b, c = (start + key) & _MASK, start, start
    c = ((c ^ b) - _rotate(b, 14)) & _MASK
    a = ((a ^ c) - _rotate(c, 11)) & _MASK
    b = ((b ^ a) - _rotate(a, 25)) & _MASK
    c = ((c ^ b) - _rotate(b, 16)) & _MASK
    a = ((a ^ c) - _rotate(c, 4)) & _MASK
    b = ((b ^ a) - _rotate(a, 14)) & _MASK
    return ((c ^ b) - _rotate(b, 24)) & _MASK
