"""What a holder must hear of, as rows that a sender takes: an outbox, once a day for each reason.

The row is written with what it tells of, in the same SQL transaction. Who takes it puts off its
next attempt first and says so when it is told: one that is lost, or whose taker dies, is told
again under the same name, after a pause that doubles up to an hour.
"""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

import asyncpg
import structlog
from msgspec import Struct, msgpack

from authz.custody.phones import Phone
from authz.custody.vault import Unreadable, Vault
from authz.decide.news import News
from authz.holders.contacts import phone_of
from authz.senders.kinds import PHONE, NotSent, Sender
from authz.state import Profile

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK: Final = 50
"""Notices that are on their way at once."""
DELAY_FIRST: Final = timedelta(seconds=10)
DELAY_MAX: Final = timedelta(hours=1)
ADD: Final = """
    insert into holder_notices (holder_id, account_no, what, day, at) values ($1, $2, $3, $4, $5)
    on conflict do nothing
"""
# By the real clock: a test's may stand still.
TAKE: Final = """
    with due as (
        select holder_id, account_no, what, day from holder_notices
        where told_at is null and due_at <= clock_timestamp()
        order by due_at limit $1 for update skip locked
    )
    update holder_notices n set attempts = n.attempts + 1,
        due_at = clock_timestamp() + least($2::interval * 2 ^ least(n.attempts, 30), $3::interval)
    from due where (n.holder_id, n.account_no, n.what, n.day)
        = (due.holder_id, due.account_no, due.what, due.day)
    returning n.holder_id, n.account_no, n.what, n.day, n.at,
        (select h.profile from holders h where h.holder_id = n.holder_id) as profile
"""
TOLD: Final = """
    update holder_notices set told_at = clock_timestamp()
    where holder_id = $1 and account_no = $2 and what = $3 and day = $4
"""

_decode_profile: Final = msgpack.Decoder(Profile).decode
_log = structlog.get_logger()


class HolderNotice(Struct, frozen=True):
    """One thing to tell the holder of an account. `at` is UTC, `day` civil."""

    holder_id: int
    account_no: int
    what: News
    day: date
    at: datetime


class NoticeMessage(Struct, frozen=True):
    """A notice on its way; the receiver may know the person by the account where no phone is."""

    type: ClassVar[str] = "millesime.holder_notice"

    notice: HolderNotice
    account_id: str
    phone: Phone | None

    @property
    def name(self) -> str:
        """The same at every attempt."""
        n = self.notice
        return f"{n.what.value}-{n.holder_id}-{n.account_no}-{n.day}"

    def said(self) -> Mapping[str, str | None]:
        """With the number in clear."""
        return {
            "account": self.account_id,
            PHONE: None if self.phone is None else self.phone.reveal(),
            "what": self.notice.what.value,
            "day": self.notice.day.isoformat(),
        }


NoticeSender = Sender[NoticeMessage]
"""Brings notices; one that it does not take stays to be told."""


class LogLine:
    """The sender where there is no other: one line of the log, by numbers that name no person."""

    needs_phone = False

    async def send(self, message: NoticeMessage) -> None:
        """Say it."""
        n = message.notice
        _log.info("holder_notice", what=n.what.value, holder=n.holder_id, account=n.account_no)


async def add_notice(tx: "Tx", notice: HolderNotice) -> None:
    """Let it be told with the caller's SQL transaction; once a day."""
    row = notice.holder_id, notice.account_no, notice.what.value, notice.day, notice.at
    await tx.execute(ADD, *row)


async def tell_holders(pool: asyncpg.Pool, sender: NoticeSender, vault: Vault | None) -> int:
    """Try to tell every notice that is due; how many were told. `vault` opens the numbers."""
    told = 0
    while True:
        async with pool.acquire() as sql:
            taken = await sql.fetch(TAKE, CHUNK, DELAY_FIRST, DELAY_MAX)
            messages = [await _message(sql, vault, row) for row in taken]
        sent = await asyncio.gather(*(_tell(pool, sender, message) for message in messages))
        told += sum(sent)
        if len(taken) < CHUNK:
            return told


async def _message(tx: "Tx", vault: Vault | None, row: asyncpg.Record) -> NoticeMessage:
    holder_id, account_no, what, day, at, profile = row
    notice = HolderNotice(holder_id, account_no, News(what), day, at)
    account_id = _decode_profile(profile).account(account_no).account.account_id
    try:
        phone = await phone_of(tx, vault, holder_id)
    except Unreadable:  # the holder is known by the account all the same
        _log.error("phone_unreadable", holder=holder_id)
        phone = None
    return NoticeMessage(notice, account_id, phone)


async def _tell(pool: asyncpg.Pool, sender: NoticeSender, message: NoticeMessage) -> bool:
    notice = message.notice
    try:
        await sender.send(message)
    except NotSent as failed:
        _log.warning("holder_not_told", what=notice.what.value, why=str(failed))
        return False
    name = notice.holder_id, notice.account_no, notice.what.value, notice.day
    await pool.execute(TOLD, *name)
    return True
