"""The same `Idempotency-Key` twice is one operation: its answer is kept with what it changed.

Key, effect and answer are one SQL transaction. Only answers of operations that were carried out are
kept: a refusal changes nothing, and is worked out again. What goes on outside of the database (the
bank is asked, a code is sent) is begun once under one key: see `Outside`.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Header, Request, Response
from msgspec import Struct
from pydantic import BaseModel

from authz.access import acts
from authz.access.acts import note
from authz.gateway import idempotency
from authz.gateway.admission import caller_of
from authz.gateway.deps import Deps, Given
from authz.gateway.kept_answers import Answer, Hidden, Key, told
from authz.gateway.problems import ProblemError, described

if TYPE_CHECKING:
    from ledger.journal import Tx

Conclusion = Callable[["Tx"], Awaitable[Answer]]
"""What the last SQL transaction of an operation does, and the answer to it.

A refusal that is given, not raised, is committed with what was done: a wrong try counts.
"""


class Outside(Struct, frozen=True):
    """What goes on after the first SQL transaction: something is asked, and then concluded.

    `unless` is kept with the first one, and told to who comes again where no end came, because the
    process died while it asked. It says that nothing was achieved; who wants to try again takes
    another key. What is concluded takes its place, a refusal too: nothing is asked twice.
    """

    unless: Answer
    ask: Callable[[], Awaitable[Conclusion]]


Operation = Callable[["Tx"], Awaitable[Answer | Outside]]
"""What one SQL transaction does, and the answer to it or how it goes on."""
HEADER: Final = "Idempotency-Key"
Endpoint = Callable[..., Coroutine[Any, Any, Response]]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        max_length=idempotency.KEY_LENGTH_MAX,
        description="Names this operation: the same key and body get the same answer again.",
        examples=["order-2026-11"],
    ),
]


class Once:
    """One write of HTTP: the parts of the service, and the way to carry it out.

    `status` is that of its answer: the route's, unless the operation changes it.
    """

    def __init__(self, deps: Deps, request: Request, key: str | None) -> None:
        """`key` as it came, perhaps not at all."""
        self.deps = deps
        self.status: int = request.scope["route"].status_code or 200
        self._request, self._key = request, key

    async def __call__(self, operation: Operation, hidden: Hidden | None = None) -> Response:
        """Carry the operation out, or give its kept answer again; `hidden` is not kept with it.

        Raises ProblemError: 422 for the key of another content, 409 while the first one is at work.
        """
        key = await self._named(hidden)
        try:
            with nullcontext() if key is None else self.deps.at_work.on(key.began):
                return await self._carried_out(operation, key)
        except idempotency.StillRunning as running:
            raise still_running() from running

    async def _carried_out(self, operation: Operation, key: Key | None) -> Response:
        async with self.deps.pool.acquire() as sql, sql.transaction():
            if key is not None and (again := await key.find(sql)) is not None:
                await note(sql, outcome=acts.REPLAYED)
                return again
            done = await operation(sql)
            if isinstance(done, Outside):
                if key is not None:
                    await key.keep(sql, done.unless, self.status, ended=False)
            else:
                await self._end(sql, done, key if not isinstance(done, ProblemError) else None)
        if isinstance(done, Outside):
            conclusion = await done.ask()
            async with self.deps.pool.acquire() as sql, sql.transaction():
                done = await conclusion(sql)
                await self._end(sql, done, key)
        return told(done, self.status)

    async def _end(self, tx: "Tx", done: Answer, key: Key | None) -> None:
        """Note that it is done, and keep its answer under the key."""
        if not isinstance(done, ProblemError):
            await note(tx, getattr(done, "id", None))
        if key is not None:
            await key.keep(tx, done, self.status)

    async def _named(self, hidden: Hidden | None) -> Key | None:
        if not self._key:
            return None
        began, ended = (key_of(self._request, self._key, part) for part in ("", " ended"))
        return Key(began, ended, self.deps.content_ref(await self._request.body()), hidden)


class OnceNamed(Once):
    """One write of money: it wants a key."""

    async def __call__(self, operation: Operation, hidden: Hidden | None = None) -> Response:
        """As any write. Raises the problem 400 too, where there is no key."""
        key_of(self._request, self._key)
        return await super().__call__(operation, hidden)


async def once_of(deps: Given, request: Request, key: IdempotencyKey = None) -> Once:
    """The write that a request is."""
    return Once(deps, request, key)


async def once_named(deps: Given, request: Request, key: IdempotencyKey = None) -> Once:
    """The write of money that a request is."""
    return OnceNamed(deps, request, key)


Writing = Annotated[Once, Depends(once_of)]
"""What an endpoint of a `write` is given."""
Keyed = Annotated[Once, Depends(once_named)]
"""What an endpoint is given that moves money."""


def write(
    verb: Callable[..., Callable[[Endpoint], Endpoint]],
    path: str,
    answer: type[BaseModel] | None,
    summary: str,
    status: int = 200,
    *others: int,
) -> Callable[[Endpoint], Endpoint]:
    """Put a write on a router by its `verb`, with the refusals that every one of them may give."""
    return verb(
        path,
        status_code=status,
        response_model=answer,
        summary=summary,
        responses=described(404, 409, *others),
    )


def keyed(
    verb: Callable[..., Callable[[Endpoint], Endpoint]],
    path: str,
    answer: type[BaseModel],
    summary: str,
    status: int = 200,
) -> Callable[[Endpoint], Endpoint]:
    """A write that is refused without a key."""
    return write(verb, path, answer, summary, status, 400)


def describe(document: dict[str, Any]) -> None:
    """Say in the OpenAPI document which writes want a key: those that are refused without one."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == HEADER:
                    parameter["required"] = "400" in operation["responses"]


def key_of(request: Request, key: str | None, part: str = "") -> bytes:
    """What a key is kept under. Raises the problem 400 where there is none."""
    if not key:
        raise ProblemError(400, "IDEMPOTENCY_KEY_MISSING", "this write needs an Idempotency-Key")
    operation = f"{request.method} {request.url.path}{part}"
    return idempotency.key_hash(caller_of(request).name, operation, key)


def still_running() -> ProblemError:
    """The first request under this key is not answered yet."""
    return ProblemError(409, "STILL_RUNNING", "this key is at work; ask again")
