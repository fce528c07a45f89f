"""Peers whose keys do not open: how often they are looked up, and who is never kept waiting."""

from datetime import UTC, datetime

from authz.access.api_keys import ApiKey, Presented, draw_key, read_key
from authz.access.rates import Rate
from authz.access.scopes import Scope
from authz.access.strangers import Strangers


def drawn(n: int) -> tuple[ApiKey, Presented]:
    """The key of n, as it is kept and as it comes."""
    made = datetime(2026, 11, 24, tzinfo=UTC)
    kept, text = draw_key(lambda size: bytes([n]) * size, None, frozenset({Scope.OPS}), made)
    presented = read_key(text)
    assert presented is not None
    return kept, presented


def failing(*peers: str, remembered_max: int = 10) -> Strangers:
    """Two failures at once and one a second; these peers have failed twice."""
    strangers = Strangers(Rate(1, 2), remembered_max)
    _, unknown = drawn(9)
    for peer in peers * 2:
        assert strangers.wait_s(peer, unknown, 0.0) == 0
        strangers.failed(peer, unknown, 0.0)
    return strangers


def test_a_peer_waits_after_its_failures_and_another_does_not() -> None:
    strangers, (_, unknown) = failing("a"), drawn(1)
    assert [strangers.wait_s(peer, unknown, 0.25) for peer in "ab"] == [0.75, 0]
    assert strangers.wait_s("a", unknown, 1.0) == 0


def test_a_key_that_opened_never_waits_and_a_new_one_does() -> None:
    strangers, (kept, presented) = failing("a"), drawn(1)
    assert strangers.wait_s("a", presented, 0.0) == 1
    strangers.opened(kept)
    assert strangers.wait_s("a", presented, 0.0) == 0
    assert strangers.wait_s("a", drawn(2)[1], 0.0) == 1


def test_the_id_of_a_key_that_opened_is_not_that_key() -> None:
    strangers, (kept, _) = failing("a"), drawn(1)
    strangers.opened(kept)
    stolen = Presented(kept.key_id, drawn(2)[1].secret)
    assert strangers.wait_s("a", stolen, 0.0) == 1
    strangers.failed("b", stolen, 0.0)
    assert strangers.wait_s("a", drawn(1)[1], 0.0) == 0, "its owner does not suffer"


def test_a_key_that_opens_no_more_is_a_strangers() -> None:
    strangers, (kept, presented) = failing("a"), drawn(1)
    strangers.opened(kept)
    strangers.failed("a", presented, 0.0)
    assert strangers.wait_s("a", presented, 0.0) == 1


def test_so_many_keys_are_remembered_and_the_longest_silent_is_forgotten() -> None:
    strangers = failing("a", remembered_max=2)
    for n in (1, 2, 1, 3):
        strangers.opened(drawn(n)[0])
    assert [strangers.wait_s("a", drawn(n)[1], 0.0) for n in (1, 2, 3)] == [0, 1, 0]
