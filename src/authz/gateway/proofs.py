"""The holder's proof for an online payment: simulated 3-D Secure, made and read with one key.

`hp1.PAYLOAD.SEAL`: the payload is base64url without padding of the JSON object `account`,
`acquirer`, `mid`, `amount_max` (cents) and `expires_at` (ISO 8601); the seal is the hexadecimal
HMAC-SHA-256 of `hp1.PAYLOAD`. Whoever authenticates the holder makes it; who pays sends it on.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from authz.custody.keys import Secret
from rules.facts import HolderProof

VERSION: Final = "hp1"
LENGTH_MAX: Final = 1024


class Claim(Struct, frozen=True):
    """What the holder agreed to: so many cents at most, at one merchant, until an instant."""

    account: str
    acquirer: str
    mid: str
    amount_max: int
    expires_at: datetime

    def __post_init__(self) -> None:
        """An instant without its zone is none."""
        if self.expires_at.tzinfo is None:
            raise ValueError("`expires_at` has no zone")


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Claim).decode


def make_proof(claim: Claim, key: Secret) -> str:
    """The text of a proof."""
    payload = urlsafe_b64encode(_encode(claim)).decode().rstrip("=")
    body = f"{VERSION}.{payload}"
    return f"{body}.{_seal(body, key)}"


def read_proof(text: str, key: Secret, acquirer: str, mid: str) -> HolderProof | None:
    """What a proof is good for at this merchant; None where it is none of ours, or another's."""
    body, _, seal = text.rpartition(".")
    if not text.isascii() or not hmac.compare_digest(seal, _seal(body, key)):
        return None
    version, _, payload = body.partition(".")
    if version != VERSION:
        return None
    try:
        claim = _decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, msgspec.DecodeError):
        return None
    if (claim.acquirer, claim.mid) != (acquirer, mid):
        return None
    return HolderProof(claim.account, claim.amount_max, claim.expires_at)


def _seal(body: str, key: Secret) -> str:
    return hmac.digest(key.reveal(), body.encode(), "sha256").hex()
