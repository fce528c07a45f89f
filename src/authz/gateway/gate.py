"""Around the whole application: who has no key is not listened to, nor is a body without an end.

No error leaves as plain text.
"""

from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authz.faults import place_of
from authz.gateway.admission import let_in
from authz.gateway.deps import Deps
from authz.gateway.problems import internal, problem, too_large
from authz.gateway.scopes import PREFIX

LOADS: Final = "/v1/loads"
LOADS_TIMES: Final = 4
"""An order of the most lines that are taken is longer than any other body, by this much."""

_log = structlog.get_logger()


class Gate:
    """ASGI middleware. `body_max_bytes` binds every body; an order's, `LOADS_TIMES` as much."""

    def __init__(self, app: ASGIApp, body_max_bytes: int) -> None:
        """`app` is what stands behind the gate."""
        self._app, self._body_max_bytes = app, body_max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, and its answer or the word 500 out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._body_max_bytes * (LOADS_TIMES if scope["path"] == LOADS else 1)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            await problem(*too_large(limit))(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, _counted(receive, limit), answer)
        except Exception as fault:  # noqa: BLE001 - ours, whatever it is: logged and told
            # Its words may quote what was sent, so that only its kind and its place are kept.
            _log.error(
                "http_fault",
                method=scope["method"],
                route=_route(scope),
                error=type(fault).__name__,
                where=place_of(fault),
            )
            if not answer.begun:
                await internal()(scope, receive, send)


class KeyGate:
    """ASGI middleware: every request of `/v1` shows a good key before anything of its body is read.

    Raises what `let_in` and the database raise: problems, for the exception handlers around it.
    """

    def __init__(self, app: ASGIApp, deps: Deps) -> None:
        """`app` is what stands behind the gate."""
        self._app, self._deps = app, deps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in whose caller is known; he stands in its state."""
        if scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/"):
            await let_in(HTTPConnection(scope), self._deps)
        await self._app(scope, receive, send)


class _Answer:
    """Passes an answer on, and knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send, self.begun = send, False

    async def __call__(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


def _counted(receive: Receive, limit: int) -> Receive:
    """The body piece by piece, until there is more of it than `limit` bytes: then 413."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            status, _, detail = too_large(limit)
            raise HTTPException(status, detail)
        return message

    return counted


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "none")
