"""Token buckets: what a second and a burst allow, name by name, in bounded memory."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from authz.access.rates import Buckets, Rate


def test_a_burst_at_once_and_then_the_rate() -> None:
    buckets = Buckets(Rate(2, 3), names_max=10)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("a", 0.25) == 0.25
    assert buckets.take("a", 0.5) == 0, "what was refused has cost nothing"
    assert buckets.take("a", 0.5) == 0.5
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 0.5], "never more than full"


@given(now_s=st.floats(0, 1e9), per_s=st.sampled_from([0.001, 0.1, 3, 7]))
def test_a_burst_is_whole_whenever_it_comes(now_s: float, per_s: float) -> None:
    """What floats round off is no token less."""
    buckets = Buckets(Rate(per_s, 3), names_max=10)
    assert [buckets.take("a", now_s) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", now_s) > 0


def test_names_do_not_share_a_bucket() -> None:
    buckets = Buckets(Rate(1, 1), names_max=10)
    assert (buckets.take("a", 0.0), buckets.take("b", 0.0)) == (0, 0)
    assert buckets.take("a", 0.0) == 1


def test_so_many_names_are_remembered_and_the_longest_silent_is_forgotten() -> None:
    buckets = Buckets(Rate(1, 1), names_max=3)
    for now, name in enumerate("abca"):
        buckets.take(name, float(now))
    assert buckets.take("d", 3.0) == 0
    assert len(buckets) == 3
    assert buckets.take("a", 3.0) == 1, "a asked after b"
    assert buckets.take("b", 3.0) == 0


@given(
    per_s=st.sampled_from([1, 2, 4, 8]),
    burst_max=st.integers(1, 5),
    gaps=st.lists(st.integers(0, 16), max_size=60),
)
def test_it_is_the_bucket_of_the_textbook(per_s: int, burst_max: int, gaps: list[int]) -> None:
    """Tokens counted one by one, in fractions; eighths of a second are exact in binary."""
    buckets = Buckets(Rate(per_s, burst_max), names_max=1)
    tokens, now = Fraction(burst_max), Fraction(0)
    for gap in gaps:
        now += Fraction(gap, 8)
        tokens = min(Fraction(burst_max), tokens + Fraction(gap, 8) * per_s)
        wait_s = buckets.take("a", float(now))
        if tokens >= 1:
            assert wait_s == 0
            tokens -= 1
        else:
            assert wait_s == float((1 - tokens) / per_s)
