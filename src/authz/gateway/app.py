"""Puts the HTTP application together; the service runs it on its own loop."""

from functools import cache
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.exceptions import ExceptionMiddleware

from authz.gateway import (
    accounts,
    administration,
    authorizations,
    bank_cards,
    cards,
    clock,
    contacts,
    ledger,
    loads,
    log,
    once,
    online,
    operations,
    problems,
    records,
    scopes,
    statement,
    tokens,
    vouchers,
)
from authz.gateway.acting import write_down
from authz.gateway.admission import admit
from authz.gateway.deps import Deps
from authz.gateway.gate import Gate, KeyGate

DESCRIPTION: Final = """
Pays online, administers, and reads what the engine decided and what a holder may spend. Amounts
are euro cents, instants are ISO 8601, days are civil days. Errors are RFC 9457 problem documents
with a `code`.
"""

# Routes are tried in this order: what is asked for most stands first.
PAYMENTS: Final = (online, authorizations)
"""What moves and shows payments: the books tell of it, the log of acts does not."""
OTHERS: Final = (
    accounts,
    statement,
    cards,
    tokens,
    bank_cards,
    contacts,
    vouchers,
    loads,
    administration,
    records,
    ledger,
    log,
)


def create_app(deps: Deps) -> FastAPI:
    """The application over the given parts. Nothing is opened and nothing read before a request."""
    app = FastAPI(
        title="Millésime",
        version="1",
        summary="Issuer-side authorization of French meal vouchers",
        description=DESCRIPTION,
        # Their pages would be fetched from elsewhere, and /openapi.json is a route of our own.
        openapi_url=None,
    )
    app.state.deps = deps
    problems.install(app)
    # The last is the outermost. What is refused at the gate is answered as it is behind it.
    app.add_middleware(KeyGate, deps=deps)
    app.add_middleware(ExceptionMiddleware, handlers=app.exception_handlers)
    app.add_middleware(Gate, body_max_bytes=deps.body_max_bytes)
    app.include_router(operations.router)
    for part in PAYMENTS:
        _include(app, part.router, [Depends(admit)])
    for part in (*OTHERS, clock) if deps.test_clock else OTHERS:
        _include(app, part.router, [Depends(admit), Depends(write_down)])
    _describe(app)
    return app


def _include(app: FastAPI, router: APIRouter, dependencies: list[Any]) -> None:
    """Right under the application: a router within a router is gone through at every request."""
    app.include_router(
        router,
        prefix=scopes.PREFIX,
        dependencies=dependencies,
        responses=problems.described(401, 403, 413, 422, 429, 503),
    )


def _describe(app: FastAPI) -> None:
    """Tell what routes cannot: bodies that are records of world files, scopes, wanted keys."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        document["components"]["schemas"].update(administration.schemas())
        scopes.describe(document)
        once.describe(document)
        return document

    @cache
    def written() -> bytes:
        """Once: to make it takes milliseconds of the loop, and whoever asks for it has no key."""
        return bytes(JSONResponse(app.openapi()).body)

    async def read(_request: Request) -> Response:
        return Response(written(), media_type="application/json")

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_route("/openapi.json", read, include_in_schema=False)
