"""Activation codes: sent once, valid for some minutes, only the latest, a few tries (TOK-03).

What was sent and what was tried are rows that nobody changes; a code is kept as the security module
keeps PINs. A try counts whether or not it was right, and must therefore be committed. A code that
surely reached nobody leaves the one before it in place and is none of the token's few; it counts
for the pause and for the day, or a broken messenger would be asked without end.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from authz.refusal import Refused
from rules.geography import PARIS, civil_day
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

TRIES_MAX: Final = 5
CODES_MAX: Final = 5
"""Codes that are sent for one token: with the tries, how often it can be guessed at."""
DAY: Final = timedelta(days=1)
CODES_A_DAY_MAX: Final = 20
"""Codes that are sent to one person a day, for whatever tokens: nobody's telephone is rung out."""

COUNTS: Final = """
    select coalesce(max(c.n), 0) as last,
        count(*) filter (where l.n is null) as arrived,
        max(c.sent_at) as latest
    from activation_codes c
    left join activation_losses l on (l.holder_id, l.token, l.n) = (c.holder_id, c.token, c.n)
    where c.holder_id = $1 and c.token = $2
"""
OF_DAY: Final = """
    select count(*) from activation_codes c
    where c.holder_id = $1 and c.sent_at > $2 and c.sent_at <= $3
"""
LATEST: Final = """
    select c.n, c.code_ref, c.sent_at, count(t.tried_at) as tries
    from activation_codes c
    left join activation_tries t on (t.holder_id, t.token, t.n) = (c.holder_id, c.token, c.n)
    where c.holder_id = $1 and c.token = $2 and not exists (
        select 1 from activation_losses l
        where (l.holder_id, l.token, l.n) = (c.holder_id, c.token, c.n)
    )
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
LOST: Final = "insert into activation_losses (holder_id, token, n, why) values ($1, $2, $3, $4)"


class TooSoon(Exception):
    """A code was sent just now, or many today; `wait_s` is how long until another one is."""

    def __init__(self, wait_s: float) -> None:
        """The text is for people."""
        super().__init__("a code was sent not long ago: wait, then ask for another")
        self.wait_s = wait_s


class Tried(Enum):
    """What became of a try."""

    RIGHT = "RIGHT"
    WRONG = "WRONG_CODE"
    EXPIRED = "CODE_EXPIRED"
    SPENT = "CODE_TRIES"
    NONE = "NO_CODE"


def valid_until(sent_at: datetime, book: Rulebook) -> datetime:
    """The last instant of a code, as its holder is told. The day it is sent counts (P-AP-CODE-TTL).

    Pure. `book` is of the card's programme.
    """
    minutes = book.on(civil_day(sent_at, PARIS)).activation_code_minutes
    return sent_at + timedelta(minutes=minutes)


async def issue(
    tx: "Tx", holder_id: int, token: str, code_ref: bytes, now: datetime, pause: timedelta
) -> int:
    """Note a code that is about to be sent; its number among the token's. The holder is locked.

    Raises TooSoon within the `pause` after another one, and Refused where so many codes were sent
    that no more are: the token has to be deleted and added again.
    """
    row = await tx.fetchrow(COUNTS, holder_id, token)
    assert row is not None, "it counts"
    if row["arrived"] >= CODES_MAX:
        raise Refused("CODES_USED_UP", "no more codes are sent for this token")
    since = pause if row["latest"] is None else now - row["latest"]
    if timedelta() <= since < pause:
        raise TooSoon((pause - since).total_seconds())
    if await tx.fetchval(OF_DAY, holder_id, now - DAY, now) >= CODES_A_DAY_MAX:
        raise TooSoon(DAY.total_seconds())
    n: int = row["last"] + 1
    await tx.execute(SENT, holder_id, token, n, code_ref, now)
    return n


async def lose(tx: "Tx", holder_id: int, token: str, n: int, why: str) -> None:
    """Note that a code surely reached nobody."""
    await tx.execute(LOST, holder_id, token, n, why)


async def attempt(
    tx: "Tx",
    holder_id: int,
    token: str,
    holds: Callable[[bytes], bool],
    now: datetime,
    book: Rulebook,
) -> Tried:
    """Try a code, under the holder's lock. Its last instant is still in time.

    `holds` says whether what was kept was made of the code that is tried; `book` is of the card's
    programme.
    """
    latest = await tx.fetchrow(LATEST, holder_id, token)
    if latest is None:
        return Tried.NONE
    if latest["tries"] >= TRIES_MAX:
        return Tried.SPENT
    await tx.execute(TRIED, holder_id, token, latest["n"], latest["tries"] + 1, now)
    if now > valid_until(latest["sent_at"], book):
        return Tried.EXPIRED
    return Tried.RIGHT if holds(latest["code_ref"]) else Tried.WRONG
