"""The same `Idempotency-Key` twice is one operation: its answer is kept with what it booked.

Key, effect and answer are one SQL transaction. Only answers of operations that were carried out are
kept: a refusal changes nothing, and is worked out again.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Final

import asyncpg
from fastapi import Header, Request, Response
from pydantic import BaseModel

from authz.gateway.deps import Deps
from authz.gateway.problems import ProblemError

if TYPE_CHECKING:
    from ledger.journal import Tx

KEY_LENGTH_MAX: Final = 255
REPLAYED: Final = "Idempotent-Replayed"
KEPT: Final = "select fingerprint, status, answer from operation_keys where key_hash = $1"
KEEP: Final = """
    insert into operation_keys (key_hash, fingerprint, status, answer, kept_at)
    values ($1, $2, $3, $4, $5)
"""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=KEY_LENGTH_MAX,
        description="Names this operation: the same key and body get the same answer again.",
        examples=["order-2026-11"],
    ),
]


async def once(
    deps: Deps,
    request: Request,
    key: str | None,
    operation: Callable[["Tx"], Awaitable[BaseModel]],
    status: int = 200,
) -> Response:
    """Carry the operation out in one SQL transaction, or give its kept answer again.

    Raises ProblemError: 400 without a key, 422 for the key of another content, 409 while the first
    one is at work.
    """
    if not key:
        raise ProblemError(400, "IDEMPOTENCY_KEY_MISSING", "this write needs an Idempotency-Key")
    key_hash = _hash(f"{request.method} {request.url.path} {key}".encode())
    fingerprint = _hash(await request.body())
    try:
        async with deps.pool.acquire() as sql, sql.transaction():
            row = await sql.fetchrow(KEPT, key_hash)
            if row is not None:
                return _again(row, fingerprint)
            answer = (await operation(sql)).model_dump_json()
            await sql.execute(KEEP, key_hash, fingerprint, status, answer, datetime.now(UTC))
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "operation_keys_pkey":
            raise
        raise ProblemError(409, "STILL_RUNNING", "this key is at work; ask again") from error
    return Response(answer, status, media_type="application/json")


def _again(row: asyncpg.Record, fingerprint: bytes) -> Response:
    if row["fingerprint"] != fingerprint:
        raise ProblemError(422, "KEY_REUSED", "this key was used with another content")
    headers = {REPLAYED: "true"}
    return Response(row["answer"], row["status"], headers, media_type="application/json")


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
