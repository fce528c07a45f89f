"""Idempotency keys of HTTP as request keys of the engine, and the keys that are at work just now.

What was answered under a key, and to which content, is kept and raced for in the database like the
identity of any other request; this module only says what the key and the content are.
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


def key_hash(caller: str, idempotency_key: str) -> bytes:
    """One caller's key; another caller's key of the same text is another."""
    return _hash("http", idempotency_key, caller)


def fingerprint(operation: str, content: str) -> bytes:
    """What counts as content: the operation with its path, and the body without a card number."""
    return _hash("http", operation, content)


def _hash(*parts: str) -> bytes:
    """Sixteen bytes that stand for these texts, each led by its length."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(text.encode(), digest_size=SIZE, person=b"idempotency").digest()
