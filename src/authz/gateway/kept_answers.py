"""What a write was answered, kept in the database under its `Idempotency-Key` and told again."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec
from fastapi import Response
from msgspec import Struct
from pydantic import BaseModel

from authz.gateway.idempotency import StillRunning
from authz.gateway.problems import ProblemError

if TYPE_CHECKING:
    from ledger.journal import Tx

REPLAYED: Final = "Idempotent-Replayed"
REFUSED_FROM: Final = 400
# For another engine's request under this key: those of one process know of each other.
ALONE: Final = "select pg_try_advisory_xact_lock($1)"
# What came of it stands before what was kept while nobody knew.
KEPT: Final = """
    select fingerprint, status, answer from operation_keys
    where key_hash in ($1, $2) order by key_hash = $2 desc limit 1
"""
KEEP: Final = """
    insert into operation_keys (key_hash, fingerprint, status, answer, kept_at)
    values ($1, $2, $3, $4, $5)
"""

Answer = BaseModel | ProblemError | None
"""What is told of a write; None has no body."""


class Hidden(Struct, frozen=True):
    """A field of the answer that is not kept with it; `find` reads it where it lies sealed."""

    field: str
    find: Callable[["Tx", dict[str, Any]], Awaitable[str | None]]


class Key(Struct, frozen=True):
    """What the answers of one write are kept under: while it goes on outside, and at its end."""

    began: bytes
    ended: bytes
    fingerprint: bytes
    hidden: Hidden | None = None

    async def find(self, tx: "Tx") -> Response | None:
        """The kept answer; until this SQL transaction ends nobody else works under the key.

        Raises StillRunning, the problem 422 for another content, and a problem that was kept.
        """
        # 64 bits: nobody else's advisory lock is met by chance.
        if not await tx.fetchval(ALONE, int.from_bytes(self.began[:8], signed=True)):
            raise StillRunning
        row = await tx.fetchrow(KEPT, self.began, self.ended)
        if row is None:
            return None
        if row["fingerprint"] != self.fingerprint:
            raise key_reused()
        return await self._again(tx, row)

    async def keep(self, tx: "Tx", answer: Answer, status: int, *, ended: bool = True) -> None:
        """Keep what was answered, or with not `ended` what is told if no end comes."""
        where = self.ended if ended else self.began
        written = self._written(answer)
        if isinstance(answer, ProblemError):
            status = answer.status
        await tx.execute(KEEP, where, self.fingerprint, status, written, datetime.now(UTC))

    def _written(self, answer: Answer) -> str:
        match answer:
            case None:
                return "null"
            case ProblemError():
                said = {"code": answer.code, "detail": answer.detail, "more": answer.more}
                return msgspec.json.encode(said).decode()
        if self.hidden is not None:
            answer = answer.model_copy(update={self.hidden.field: None})
        return answer.model_dump_json()

    async def _again(self, tx: "Tx", row: asyncpg.Record) -> Response:
        status, written, headers = row["status"], row["answer"], {REPLAYED: "true"}
        said = msgspec.json.decode(written)
        if said is None:
            return Response(None, status, headers)
        if status >= REFUSED_FROM:
            refused = ProblemError(status, said["code"], said["detail"], **said["more"])
            refused.headers = headers
            raise refused
        if self.hidden is not None:
            said[self.hidden.field] = await self.hidden.find(tx, said)
            written = msgspec.json.encode(said)
        return Response(written, status, headers, media_type="application/json")


def told(answer: Answer, status: int) -> Response:
    """The answer itself. Raises the ProblemError that it is."""
    if isinstance(answer, ProblemError):
        raise answer
    if answer is None:
        return Response(None, status)
    return Response(answer.model_dump_json(), status, media_type="application/json")


def key_reused() -> ProblemError:
    """The key belongs to something else."""
    return ProblemError(422, "KEY_REUSED", "this key was used with another content")
