"""Which lane a holder's batches use: PostgreSQL's own hash of the id, so that shards agree with us.

`lane = ((hashint8(holder_id) + 2^31) * lanes) >> 32`. A lane has one batch at work at a time.
"""

from typing import Final

_MASK: Final = 0xFFFF_FFFF
_START: Final = 0x9E37_79B9 + 4 + 3_923_095
"""The initial value of `hash_bytes_uint32`: the golden ratio, the length, a constant."""


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


def _hash_uint32(key: int) -> int:
    """Bob Jenkins's final mix of one 32-bit word; written out, since every request passes here."""
    a = (_START + key) & _MASK
    b = c = _START
    c = ((c ^ b) - (b << 14 | b >> 18)) & _MASK
    a = ((a ^ c) - (c << 11 | c >> 21)) & _MASK
    b = ((b ^ a) - (a << 25 | a >> 7)) & _MASK
    c = ((c ^ b) - (b << 16 | b >> 16)) & _MASK
    a = ((a ^ c) - (c << 4 | c >> 28)) & _MASK
    b = ((b ^ a) - (a << 14 | a >> 18)) & _MASK
    return ((c ^ b) - (b << 24 | b >> 8)) & _MASK
