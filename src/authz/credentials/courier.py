"""A code from its making to the holder: noted, sent after the commit, taken back if surely lost."""

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import structlog
from msgspec import Struct

from authz.credentials import codes
from authz.credentials.change import Changed
from authz.credentials.numbers import new_code
from authz.credentials.sending import CodeSender, Notice
from authz.custody.safe import Safe
from authz.holders.contacts import phone_of
from authz.refusal import Refused
from authz.senders.kinds import NotSent
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

_log = structlog.get_logger()


class NoPhone(Refused):
    """There is no telephone number on file to send a code to (TOK-03)."""

    def __init__(self) -> None:
        """The holder gives one, then asks for a code."""
        super().__init__("NO_PHONE", "there is no telephone number on file for codes")


class Sending(Struct, frozen=True):
    """A code that is noted and not sent yet."""

    holder_id: int
    n: int
    notice: Notice


class Courier:
    """Brings codes with one sender, at most one for each `pause` and token."""

    def __init__(self, safe: Safe, sender: CodeSender, pause: timedelta) -> None:
        """`safe` knows the telephone numbers, and keeps what is kept of codes."""
        self._safe, self._sender, self._pause = safe, sender, pause

    async def prepare(
        self, tx: "Tx", done: Changed, token_id: str, card_ref: bytes, book: Rulebook
    ) -> Sending:
        """Make a code and note it, under the holder's lock; to be delivered after the commit.

        `book` is of the card's programme. Raises NoPhone, TooSoon, and Refused where no more codes
        are sent for this token.
        """
        phone = await phone_of(tx, self._safe.vault, done.holder_id)
        if phone is None and self._sender.needs_phone:
            raise NoPhone
        code = new_code()
        kept = self._safe.module.pin_ref(card_ref, code)
        n = await codes.issue(tx, done.holder_id, token_id, kept, done.at, self._pause)
        until = codes.valid_until(done.at, book)
        notice = Notice(f"{token_id}-{n}", token_id, code, phone, until)
        return Sending(done.holder_id, n, notice)

    async def deliver(self, pool: asyncpg.Pool, sending: Sending) -> None:
        """Send it. Raises NotSent: a code that is surely lost does not count."""
        try:
            await self._sender.send(sending.notice)
        except NotSent as failed:
            name = sending.holder_id, sending.notice.token_id, sending.n
            _log.warning("code_not_sent", token=name[1], why=str(failed), surely=failed.surely)
            if failed.surely:
                async with pool.acquire() as sql:
                    await codes.lose(sql, *name, str(failed))
            raise
