"""Which request is which: the key of its kept answer, and what counts as its content."""

from hashlib import blake2b
from typing import Final

SIZE: Final = 16
NO_CONTENT: Final = bytes(SIZE)
"""The fingerprint of a tombstone: no request has it."""
PAYMENT_CLASSES: Final = ("010", "020")
"""The message classes of the requests that others may be about."""


def request_key(
    acquirer: str, terminal: str, stan: str, transmitted: str, message_class: str
) -> bytes:
    """DE32, DE41, DE11, DE7 and the first three digits of the MTI (INTERFACE, request key).

    The minute of DE7 (MMDDhhmm) stands in front, so that the keys of an hour lie side by side in
    their index, however many of 45 days are kept.
    """
    minute = int(transmitted[:8]).to_bytes(4, "big")
    return minute + _hash(acquirer, terminal, stan, transmitted, message_class)[:12]


def fingerprint(card_ref: bytes, processing: str, amount: str, mid: str, currency: str) -> bytes:
    """Card digest, DE3, DE4, DE42 and DE49: a difference elsewhere is no conflict."""
    return _hash(card_ref.hex(), processing, amount, mid, currency)


def expiry_key(holder_id: int, authorization_id: int) -> bytes:
    """The end of a hold that nobody captured: there is one for each payment."""
    return _hash("expiry", str(holder_id), str(authorization_id))


def finish_key(holder_id: int, authorization_id: int) -> bytes:
    """The settling of a payment that waited for the bank: there is one for each."""
    return _hash("finish", str(holder_id), str(authorization_id))


def _hash(*parts: str) -> bytes:
    """Sixteen bytes that stand for these texts; none of them can hold the separator."""
    return blake2b("\x1f".join(parts).encode(), digest_size=SIZE).digest()
