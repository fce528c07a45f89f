"""The log of administrative acts: who did what to which object, when, and what came of it.

Whoever comes in says who acts (`acting`); what changes something says that it is done (`note`), in
the SQL transaction of the change, so that neither is there without the other. Rows are only added:
the engine's role can do nothing else with them. Instants are of the real clock, never the test's.
"""

import os
import pwd
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from msgspec import Struct

from authz.access.api_keys import id_of
from authz.custody.echo import without_numbers

if TYPE_CHECKING:
    from ledger.journal import Tx

DONE: Final = "DONE"
REPLAYED: Final = "REPLAYED"
REFUSED: Final = "REFUSED"
HTTP: Final = "http"
CLI: Final = "cli"
OBJECT_MAX: Final = 200
_UUID7: Final = 0x7 << 76 | 0x2 << 62
"""Version and variant of a time-ordered UUID (RFC 9562, 5.7)."""

ADD: Final = """
    insert into acts (act_id, at, who, through, action, object, outcome)
    values ($1, $2, $3, $4, $5, $6, $7)
"""
PAGE: Final = """
    select * from acts
    where ($1::uuid is null or act_id < $1) and ($2::text is null or who = $2)
    order by act_id desc limit $3
"""


class Act:
    """What somebody is about to do. `about` is its object, without any secret."""

    def __init__(self, who: str, through: str, action: str, about: str = "") -> None:
        """`who` is the id of an API key, or a user of the system; `through` `http` or `cli`."""
        self.who, self.through, self.action, self.about = who, through, action, about
        self.noted = False


class Row(Struct, frozen=True):
    """An act as it is kept; `outcome` is `DONE`, `REPLAYED` or the code of its refusal."""

    act_id: UUID
    at: datetime
    who: str
    through: str
    action: str
    object: str
    outcome: str


_acting: ContextVar[Act | None] = ContextVar("acting", default=None)


@contextmanager
def acting(act: Act) -> Iterator[Act]:
    """Whatever is changed in this context is this act."""
    token = _acting.set(act)
    try:
        yield act
    finally:
        _acting.reset(token)


async def note(tx: "Tx", about: str | None = None, outcome: str = DONE) -> None:
    """Write the act down that this SQL transaction carries out; once, whoever says it first.

    Nothing where nobody acts: timers, the service itself.
    """
    act = _acting.get()
    if act is None or act.noted:
        return
    act.noted = True
    await tx.execute(ADD, *_row(act, about, outcome))


async def page(sql: "Tx", limit: int, before: UUID | None, who: str | None) -> Sequence[Row]:
    """Acts, newest first; `who` is a user, or the id of a key with or without its `mk_`."""
    by = None if who is None else id_of(who)
    return [Row(**dict(row)) for row in await sql.fetch(PAGE, before, by, limit)]


def system_user() -> str:
    """Who runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a number without a name, as in a container
        return str(os.getuid())


def _row(act: Act, about: str | None, outcome: str) -> tuple[Any, ...]:
    now_ns = time.time_ns()
    at = datetime.fromtimestamp(now_ns / 1e9, UTC)
    stamp = now_ns // 1_000_000 << 80
    # What is left of the clock goes first, so that acts of one millisecond keep their order.
    rest = now_ns % 1_000_000 * 4_096 // 1_000_000 << 64 | secrets.randbits(62)
    # PostgreSQL keeps no NUL, and one among digits must not hide a number.
    told = without_numbers((act.about or about or "").replace("\0", ""))[:OBJECT_MAX]
    return UUID(int=stamp | _UUID7 | rest), at, act.who, act.through, act.action, told, outcome
