"""The row that holds the test clock, and who may change it while engines run on it.

Every SQL session of an engine's road holds a shared advisory lock, which ends with the session: so
whoever comes next can tell whether an engine lives, even after a SIGKILL of one.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog

from authz.usage import UsageError

if TYPE_CHECKING:
    from ledger.journal import Tx

ENGINE_LIVES: Final = 5264721
LIVE: Final = "select pg_advisory_lock_shared($1)"
ANOTHER_LIVES: Final = """
    select exists (
        select from pg_locks where locktype = 'advisory' and classid = 0 and objid = $1
        and database = (select oid from pg_database where datname = current_database()))
"""
READ: Final = "select test_clock from control"
SET: Final = "update control set test_clock = $1"

_log = structlog.get_logger()


async def mark_as_engine(sql: asyncpg.Connection) -> None:
    """Show that an engine lives for as long as this session does."""
    await sql.execute(LIVE, ENGINE_LIVES)


async def civil_instant(tx: "Tx | asyncpg.Pool", real: datetime) -> datetime:
    """What everything civil goes by at the instant `real` (UTC): the test clock, if it is set."""
    return await tx.fetchval(READ) or real


async def set_clock(tx: asyncpg.Connection, test_clock: datetime | None) -> None:
    """Set the clock, or remove it: a real engine never runs on a stopped one.

    Raises UsageError where another engine would go from test time to real time, or back, under way.
    """
    before = await tx.fetchval(READ)
    if (before is None) is not (test_clock is None):
        if await tx.fetchval(ANOTHER_LIVES, ENGINE_LIVES):
            raise UsageError(_in_use(before))
        if before is not None:
            _log.warning("test_clock_removed", was=before.isoformat())
    await tx.execute(SET, test_clock)


def _in_use(before: datetime | None) -> str:
    if before is None:
        return "another engine of this database runs at real time: no --test-clock until it stops"
    return (
        f"another engine of this database runs with --test-clock (now {before.isoformat()}):"
        " stop it first, or give --test-clock here too"
    )
