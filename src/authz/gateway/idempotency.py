"""Idempotency keys of HTTP: what a key and its content are, and the keys that are at work just now.

One rule for all writes: a key is its caller's own, at one operation (its verb and path), and stands
for one content. What was answered under it is kept and raced for in the database: a payment's with
the request keys of the engine, any other's in the SQL transaction of what it did
(`gateway/once.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Final

from authz.identity import SIZE

KEY_LENGTH_MAX: Final = 255


class StillRunning(Exception):
    """The first request under this key is not answered yet."""


class AtWork:
    """The keys whose requests are being decided by this process."""

    def __init__(self) -> None:
        """Nothing is at work."""
        self._keys: set[bytes] = set()

    @contextmanager
    def on(self, key_hash: bytes) -> Iterator[None]:
        """While the request of this key is decided. Raises StillRunning for a second one."""
        if key_hash in self._keys:
            raise StillRunning
        self._keys.add(key_hash)
        try:
            yield
        finally:
            self._keys.discard(key_hash)


def key_hash(caller: str, operation: str, idempotency_key: str) -> bytes:
    """One caller's key at one operation; the same text elsewhere, or of another, is another key."""
    return _hash("http", idempotency_key, caller, operation)


def fingerprint(content: bytes) -> bytes:
    """What must be the same whenever the key comes again."""
    return _hash("http", content)


def _hash(*parts: str | bytes) -> bytes:
    """Sixteen bytes that stand for these texts, each led by its length."""
    told = blake2b(digest_size=SIZE, person=b"idempotency")
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        told.update(b"%d:" % len(content) + content)
    return told.digest()
