"""A file is worked through once: what became of it is kept under its digest, and told again."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import Enum, auto
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from authz.loads import statements as sql

if TYPE_CHECKING:
    from ledger.journal import Tx

T = TypeVar("T")


class Fate(Enum):
    """What became of the work on a file."""

    KEPT = auto()
    REPEATED = auto()
    UNDONE = auto()


class _Undo(Exception):
    """Take everything back: it was not wanted, or was only tried."""


async def once_a_file(
    tx: "Tx",
    purpose: bytes,
    content: bytes,
    form: type[T],
    work: Callable[[], Awaitable[T]],
    wanted: Callable[[T], bool],
) -> tuple[T, Fate]:
    """Work in one (nested) SQL transaction; all of it is undone where it is not `wanted`.

    The same content for the same purpose gives what was kept the first time, in its `form`.
    """
    key: Final = blake2b(purpose + content, digest_size=16).digest()
    done: list[T] = []
    try:
        async with tx.transaction():
            if (known := await tx.fetchval(sql.KEPT, key)) is not None:
                return msgspec.json.decode(known, type=form), Fate.REPEATED
            done.append(await work())
            if not wanted(done[0]):
                raise _Undo
            answer = msgspec.json.encode(done[0]).decode()
            await tx.execute(sql.KEEP, key, answer, datetime.now(UTC))
    except _Undo:
        return done[0], Fate.UNDONE
    return done[0], Fate.KEPT
