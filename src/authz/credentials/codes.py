"""Activation codes: sent once, valid for 30 minutes, only the latest, a few tries (TOK-03).

What was sent and what was tried are rows that nobody changes; a code is kept as the security module
keeps PINs. A try counts whether or not it was right, and must therefore be committed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from authz.hsm import Pin

if TYPE_CHECKING:
    from ledger.journal import Tx

CODE_VALID: Final = timedelta(minutes=30)
TRIES_MAX: Final = 5
CODES_MAX: Final = 5
"""Codes that are sent for one token: with the tries, how often it can be guessed at."""

LATEST: Final = """
    select c.n, c.code_ref, c.sent_at, count(t.tried_at) as tries
    from activation_codes c
    left join activation_tries t on (t.holder_id, t.token, t.n) = (c.holder_id, c.token, c.n)
    where c.holder_id = $1 and c.token = $2
    group by c.holder_id, c.token, c.n order by c.n desc limit 1
"""
SENT: Final = """
    insert into activation_codes (holder_id, token, n, code_ref, sent_at)
    values ($1, $2, $3, $4, $5)
"""
TRIED: Final = """
    insert into activation_tries (holder_id, token, n, try_no, tried_at)
    values ($1, $2, $3, $4, $5)
"""


class CodeSender(Protocol):
    """Brings a code to the holder: a short message, a letter, a test's mailbox."""

    async def send(self, token_id: str, code: Pin) -> None:
        """Hand the code over; it may be lost on its way, the holder asks for another."""


class Mailbox:
    """Keeps the last code of each token in memory, for tests and simulators only."""

    def __init__(self) -> None:
        """Empty."""
        self._codes: dict[str, Pin] = {}

    async def send(self, token_id: str, code: Pin) -> None:
        """Keep it."""
        self._codes[token_id] = code

    def read(self, token_id: str) -> Pin | None:
        """The last code that was sent for a token."""
        return self._codes.get(token_id)


class Tried(Enum):
    """What became of a try."""

    RIGHT = "RIGHT"
    WRONG = "WRONG_CODE"
    EXPIRED = "CODE_EXPIRED"
    SPENT = "CODE_TRIES"
    NONE = "NO_CODE"


async def issue(tx: "Tx", holder_id: int, token: str, code_ref: bytes, now: datetime) -> bool:
    """Note a code that is about to be sent; false once enough were. The holder is locked."""
    latest = await tx.fetchrow(LATEST, holder_id, token)
    n = 1 if latest is None else latest["n"] + 1
    if n > CODES_MAX:
        return False
    await tx.execute(SENT, holder_id, token, n, code_ref, now)
    return True


async def attempt(
    tx: "Tx", holder_id: int, token: str, holds: Callable[[bytes], bool], now: datetime
) -> Tried:
    """Try a code, under the holder's lock. 30 minutes to the second are still in time.

    `holds` tells whether what was kept was made of the code that is tried.
    """
    latest = await tx.fetchrow(LATEST, holder_id, token)
    if latest is None:
        return Tried.NONE
    if latest["tries"] >= TRIES_MAX:
        return Tried.SPENT
    await tx.execute(TRIED, holder_id, token, latest["n"], latest["tries"] + 1, now)
    if now - latest["sent_at"] > CODE_VALID:
        return Tried.EXPIRED
    return Tried.RIGHT if holds(latest["code_ref"]) else Tried.WRONG
