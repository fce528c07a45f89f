"""What a holder must hear of, as rows that a sender takes: an outbox, once a day for each reason.

The row is written with what it tells of, in the same SQL transaction. Who takes it does so with
`skip locked`, and has not told it until it says so.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import asyncpg
import structlog
from msgspec import Struct

from authz.news import News

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK: Final = 100
ADD: Final = """
    insert into holder_notices (holder_id, account_no, what, day, at) values ($1, $2, $3, $4, $5)
    on conflict do nothing
"""
TAKE: Final = """
    select holder_id, account_no, what, day, at from holder_notices where told_at is null
    order by at limit $1 for update skip locked
"""
TOLD: Final = """
    update holder_notices set told_at = clock_timestamp()
    where holder_id = $1 and account_no = $2 and what = $3 and day = $4
"""

_log = structlog.get_logger()


class HolderNotice(Struct, frozen=True):
    """One thing to tell the holder of an account. `at` is UTC, `day` civil."""

    holder_id: int
    account_no: int
    what: News
    day: date
    at: datetime


Send = Callable[["Tx", HolderNotice], Awaitable[None]]
"""Hands a notice over; what it raises leaves the notice to be taken again."""


async def add_notice(tx: "Tx", notice: HolderNotice) -> None:
    """Let it be told with the caller's SQL transaction; once a day."""
    row = notice.holder_id, notice.account_no, notice.what.value, notice.day, notice.at
    await tx.execute(ADD, *row)


async def log_notice(_tx: "Tx", notice: HolderNotice) -> None:
    """The sender where there is no other: one line of the log, by numbers that name no person."""
    _log.info(
        "holder_notice",
        what=notice.what.value, holder=notice.holder_id, account=notice.account_no,
    )  # fmt: skip


async def tell_holders(pool: asyncpg.Pool, send: Send = log_notice) -> int:
    """Hand every notice over that nobody has taken; how many."""
    told = 0
    while True:
        async with pool.acquire() as sql, sql.transaction():
            rows = await sql.fetch(TAKE, CHUNK)
            for holder_id, account_no, what, day, at in rows:
                await send(sql, HolderNotice(holder_id, account_no, News(what), day, at))
                await sql.execute(TOLD, holder_id, account_no, what, day)
        told += len(rows)
        if len(rows) < CHUNK:
            return told
