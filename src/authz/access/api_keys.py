"""API keys: how one is made and written, what is kept of it, and whether it still counts. Pure.

A key is `mk_ID_SECRET`. The id may be shown; of the secret only its SHA-256 is kept: of 256 random
bits nothing can be guessed, so that a slow hash, made for what people choose, would add nothing.
"""

import re
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from msgspec import Struct

from authz.access.scopes import Caller, Scope
from authz.custody.keys import Secret

SECRET_BYTES: Final = 32
ID_BYTES: Final = 6
NAME_MAX: Final = 64
_WRITTEN: Final = re.compile(r"mk_([0-9a-f]{12})_([0-9a-f]{64})")
_SHOWN: Final = re.compile(r"mk_([0-9a-f]{12})")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Standing(Enum):
    """Whether a key counts now."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(Struct, frozen=True):
    """A key as it is kept. `generation` counts the keys of one name from 1; instants are UTC."""

    key_id: str
    name: str
    generation: int
    secret_hash: bytes
    scopes: frozenset[Scope]
    proof_wanted: bool
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def shown(self) -> str:
        """What people may see of it."""
        return f"mk_{self.key_id}"

    def standing(self, now: datetime) -> Standing:
        """Whether it counts at this instant; what was revoked stays so, whatever the clock says."""
        if self.revoked_at is not None:
            return Standing.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return Standing.EXPIRED
        return Standing.LIVE

    def is_of(self, secret: bytes) -> bool:
        """Whether this is its secret; takes as long whatever is wrong."""
        return compare_digest(self.secret_hash, sha256(secret).digest())

    def caller(self) -> Caller:
        """Who somebody that comes with it is."""
        return Caller(self.key_id, self.name, self.scopes, self.proof_wanted)


class Presented(Struct, frozen=True):
    """A key as it came: its id, and its secret, which cannot be printed."""

    key_id: str
    secret: Secret


def read_key(text: str) -> Presented | None:
    """The parts of a key, or None where the text is none."""
    written = _WRITTEN.fullmatch(text)
    return None if written is None else Presented(written[1], Secret(bytes.fromhex(written[2])))


def id_of(text: str) -> str:
    """The id of a key from what people see of it (`mk_ID`); any other text stays as it is."""
    shown = _SHOWN.fullmatch(text)
    return text if shown is None else shown[1]


def draw_key(
    random: Callable[[int], bytes],
    name: str | None,
    scopes: frozenset[Scope],
    created_at: datetime,
    *,
    generation: int = 1,
    proof_wanted: bool = True,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody will see again; without a name its id is its name.

    `random` gives so many bytes that nobody can guess.
    """
    key_id, secret = random(ID_BYTES).hex(), random(SECRET_BYTES)
    kept = ApiKey(
        key_id,
        name or key_id,
        generation,
        sha256(secret).digest(),
        scopes,
        proof_wanted,
        created_at,
        expires_at,
    )
    return kept, f"mk_{key_id}_{secret.hex()}"


def check_name(name: str) -> str:
    """The name of a key, in a log and in a table. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"a name is letters, digits, '.', '_' and '-', {NAME_MAX} at most")
    return name
