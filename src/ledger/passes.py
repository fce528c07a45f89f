"""How far a job has come in the movements: it takes each once, however long that was in coming.

Every movement bears the number of the SQL transaction that wrote it, and a mark is a snapshot of
these: what it saw is passed, what it did not see is not. Nothing needs to be kept for each holder,
nothing to be looked at twice, and nobody who writes needs to be waited for.
"""

from typing import TYPE_CHECKING, Final, Self

import asyncpg
from msgspec import Struct

if TYPE_CHECKING:
    from ledger.journal import Tx

# PostgreSQL counts from its own beginning; the books go on where another server left off.
READ: Final = """
    select m.below, m.at_work, c.sql_tx_base + pg_snapshot_xmax(s)::text::bigint,
        array(
            select c.sql_tx_base + number::text::bigint from pg_snapshot_xip(s) as x (number)
            order by number
        )
    from pass_marks m cross join control c cross join pg_current_snapshot() as s
    where m.name = $1
"""
# Whoever is behind the marks is refused: a mark that went back would count twice.
MAY_WRITE: Final = "select this_sql_tx()"
MOVE: Final = """
    update pass_marks set below = $4, at_work = $5
    where name = $1 and below = $2 and at_work = $3 and below <= $4 returning 1
"""
# What can be seen bears lower numbers than this, unless it came from elsewhere. Asked without
# taking a number: also where nothing can be written.
HERE: Final = """
    select sql_tx_base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint from control
"""
# By a number that the planner sees, and whole: it then looks where there may be such rows.
NEWEST: Final = "select coalesce(max(sql_tx), 0) from transfers where sql_tx >= $1"
MARKED: Final = "select max(below) from pass_marks"
# Whoever is at work ends first, and nobody begins: the numbers of both would be mistaken.
STAND_STILL: Final = "lock table transfers in share row exclusive mode"
CATCH_UP: Final = """
    with here as (
        select sql_tx_base + pg_current_xact_id()::text::bigint as number from control
    ), ahead as (
        select greatest(
            (select max(below) from pass_marks),
            (select max(sql_tx) + 1 from transfers where sql_tx >= (select number from here))
        ) as number
    )
    update control set sql_tx_base = sql_tx_base + ahead.number - here.number
    from here, ahead where here.number < ahead.number
"""


class Mark(Struct, frozen=True):
    """Every number below `below` is passed, but for those that were `at_work`, in their order."""

    below: int
    at_work: list[int]

    @property
    def oldest(self) -> int:
        """Below this all is passed."""
        return self.at_work[0] if self.at_work else self.below


class Portion(Struct, frozen=True):
    """The movements that `until` saw and `since` did not.

    As a condition: `sql_tx >= $1 and (sql_tx >= $2 or sql_tx = any ($3))`, which an index finds by
    its first part, `and sql_tx < $4 and sql_tx <> all ($5)`. By numbers alone: rows of another
    server may be visible long before their numbers come.
    """

    since: Mark
    until: Mark

    @property
    def unseen(self) -> tuple[int, int, list[int]]:
        """The first three parameters: from where to look, and what `since` did not see."""
        return self.since.oldest, self.since.below, self.since.at_work

    @property
    def whole(self) -> tuple[int, int, list[int], int, list[int]]:
        """All five parameters."""
        return *self.unseen, self.until.below, self.until.at_work

    @classmethod
    async def read(cls, tx: "Tx", name: str) -> Self:
        """All that is visible now and lies before the mark of this name."""
        row = await tx.fetchrow(READ, name)
        assert row is not None, "the marks of all passes are there from the beginning"
        below, at_work, next_below, next_at_work = row
        return cls(Mark(below, at_work), Mark(next_below, next_at_work))


class PassedElsewhere(Exception):
    """Another process was at the same work, and has passed this portion."""


ELSEWHERE: Final = (
    PassedElsewhere,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
)
"""What the second of two meets who pass the same movements: they are left to the other."""


async def move_mark(tx: "Tx", name: str, portion: Portion) -> None:
    """Note a portion as passed, with what was done with it. Raises one of `ELSEWHERE`.

    On a server that has counted less than the marks it raises asyncpg.PostgresError (MV004).
    """
    since, until = portion.since, portion.until
    marks = since.below, since.at_work, until.below, until.at_work
    await tx.execute(MAY_WRITE)
    if await tx.fetchval(MOVE, name, *marks) is None:
        raise PassedElsewhere(name)


async def is_behind(tx: "Tx") -> bool:
    """Whether the books came from a server that had counted further: `catch_up` is wanted."""
    newest: int = await tx.fetchval(NEWEST, await tx.fetchval(HERE))
    marked: int = await tx.fetchval(MARKED)
    here: int = await tx.fetchval(HERE)  # once more: others have gone on meanwhile
    return newest >= here or marked > here


async def catch_up(tx: "Tx") -> None:
    """Go on counting where the books left off, if a dump brought them to a younger server.

    Wants the owner's rights, and a connection without a SQL transaction.
    """
    if await is_behind(tx):
        async with tx.transaction():
            await tx.execute(STAND_STILL)
            await tx.execute(CATCH_UP)
