"""Keys and contents of HTTP writes, and the keys that are at work."""

import pytest

from authz.gateway.idempotency import AtWork, StillRunning, fingerprint, key_hash


def test_a_key_is_its_callers_own() -> None:
    keys = [key_hash(*parts) for parts in (("a", "o", "k"), ("b", "o", "k"), ("a", "o", "l"))]
    assert key_hash("a", "o", "k") == keys[0]
    assert len({*keys, key_hash("a", "p", "k")}) == 4, "another operation is another key"


def test_no_two_texts_run_together() -> None:
    assert key_hash("ab", "o", "c") != key_hash("a", "o", "bc")
    assert key_hash("a", "ob", "c") != key_hash("a", "o", "bc")
    assert fingerprint(b"a") != fingerprint(b"b")


def test_a_key_is_at_work_until_it_is_answered() -> None:
    at_work, key = AtWork(), key_hash("a", "o", "k")
    with at_work.on(key):
        with pytest.raises(StillRunning), at_work.on(key):
            pytest.fail("two at once")
        with at_work.on(key_hash("a", "o", "l")):
            pass
    with at_work.on(key):
        pass
