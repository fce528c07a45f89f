"""The same `Idempotency-Key` twice is one operation: its answer is kept with what it booked.

Key, effect and answer are one SQL transaction. Only answers of operations that were carried out are
kept: a refusal changes nothing, and is worked out again.
"""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import asyncpg
from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel

from authz import idempotency
from authz.access import acts
from authz.access.acts import note
from authz.gateway.admission import caller_of
from authz.gateway.deps import Deps, Given
from authz.gateway.problems import ProblemError, described

if TYPE_CHECKING:
    from ledger.journal import Tx

REPLAYED: Final = "Idempotent-Replayed"
KEPT: Final = "select fingerprint, status, answer from operation_keys where key_hash = $1"
KEEP: Final = """
    insert into operation_keys (key_hash, fingerprint, status, answer, kept_at)
    values ($1, $2, $3, $4, $5)
"""

Operation = Callable[["Tx"], Awaitable[BaseModel]]
"""What one SQL transaction does, and the answer to it."""
Endpoint = Callable[..., Coroutine[Any, Any, Response]]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=idempotency.KEY_LENGTH_MAX,
        description="Names this operation: the same key and body get the same answer again.",
        examples=["order-2026-11"],
    ),
]


class Once:
    """One write of HTTP under its key: the parts of the service, and the way to carry it out."""

    def __init__(self, deps: Deps, request: Request, key: str | None) -> None:
        """`key` as it came, perhaps not at all."""
        self.deps = deps
        self._request, self._key = request, key

    async def __call__(self, operation: Operation, status: int = 200) -> Response:
        """Carry the operation out in one SQL transaction, or give its kept answer again.

        Raises ProblemError: 400 without a key, 422 for the key of another content, 409 while the
        first one is at work.
        """
        key_hash = key_of(self._request, self._key)
        fingerprint = idempotency.fingerprint(await self._request.body())
        try:
            async with self.deps.pool.acquire() as sql, sql.transaction():
                row = await sql.fetchrow(KEPT, key_hash)
                if row is not None:
                    await note(sql, outcome=acts.REPLAYED)
                    return _again(row, fingerprint)
                done = await operation(sql)
                await note(sql, getattr(done, "id", None))
                answer = done.model_dump_json()
                await sql.execute(KEEP, key_hash, fingerprint, status, answer, datetime.now(UTC))
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "operation_keys_pkey":
                raise
            raise still_running() from error
        return Response(answer, status, media_type="application/json")


async def once_of(deps: Given, request: Request, key: IdempotencyKey = None) -> Once:
    """The keyed write that a request is."""
    return Once(deps, request, key)


Keyed = Annotated[Once, Depends(once_of)]
"""What an endpoint of a `write` is given."""


def write(
    router: APIRouter, path: str, answer: type[BaseModel], summary: str, status: int = 200
) -> Callable[[Endpoint], Endpoint]:
    """Put a keyed write on the router: POST, with the refusals that every one of them may give."""
    return router.post(
        path,
        status_code=status,
        response_model=answer,
        summary=summary,
        responses=described(400, 404, 409),
    )


def key_of(request: Request, key: str | None) -> bytes:
    """What a key is kept under. Raises the problem 400 where there is none."""
    if not key:
        raise ProblemError(400, "IDEMPOTENCY_KEY_MISSING", "this write needs an Idempotency-Key")
    operation = f"{request.method} {request.url.path}"
    return idempotency.key_hash(caller_of(request).name, operation, key)


def still_running() -> ProblemError:
    """The first request under this key is not answered yet."""
    return ProblemError(409, "STILL_RUNNING", "this key is at work; ask again")


def key_reused() -> ProblemError:
    """The key belongs to something else."""
    return ProblemError(422, "KEY_REUSED", "this key was used with another content")


def _again(row: asyncpg.Record, fingerprint: bytes) -> Response:
    if row["fingerprint"] != fingerprint:
        raise key_reused()
    headers = {REPLAYED: "true"}
    return Response(row["answer"], row["status"], headers, media_type="application/json")
