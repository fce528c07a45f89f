"""A lane is a pure function of the holder; that the hash is PostgreSQL's is tested against it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from authz.lanes import hashint8, lane_of

bigints = st.integers(-(1 << 63), (1 << 63) - 1)


@given(bigints)
def test_the_hash_is_a_signed_int4(value: int) -> None:
    assert -(1 << 31) <= hashint8(value) < 1 << 31


@given(bigints, st.integers(0, 10))
def test_a_lane_is_one_of_the_lanes(holder_id: int, power: int) -> None:
    assert 0 <= lane_of(holder_id, 1 << power) < 1 << power


@given(bigints, st.integers(0, 9))
def test_twice_the_lanes_cut_each_lane_in_two(holder_id: int, power: int) -> None:
    """Ranges of the hash, as Citus cuts its shards."""
    assert lane_of(holder_id, 2 << power) // 2 == lane_of(holder_id, 1 << power)


def test_neighbours_spread_over_the_lanes() -> None:
    counts = Counter(lane_of(holder_id, 8) for holder_id in range(1, 8001))
    assert set(counts) == set(range(8))
    assert min(counts.values()) > 900
