"""Keys and contents of HTTP writes, and the keys that are at work."""

import pytest

from authz.idempotency import AtWork, StillRunning, fingerprint, key_hash


def test_a_key_is_its_callers_own() -> None:
    assert key_hash("a", "k") == key_hash("a", "k")
    assert len({key_hash("a", "k"), key_hash("b", "k"), key_hash("a", "l")}) == 3


def test_no_two_texts_run_together() -> None:
    assert key_hash("ab", "c") != key_hash("a", "bc")
    assert fingerprint("POST /a", "b") != fingerprint("POST /", "ab")


def test_a_key_is_at_work_until_it_is_answered() -> None:
    at_work, key = AtWork(), key_hash("a", "k")
    with at_work.on(key):
        with pytest.raises(StillRunning), at_work.on(key):
            pytest.fail("two at once")
        with at_work.on(key_hash("a", "l")):
            pass
    with at_work.on(key):
        pass
