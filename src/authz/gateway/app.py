"""Puts the HTTP application together; the service runs it on its own loop."""

from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI

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
    online,
    operations,
    problems,
    scopes,
    statement,
    tokens,
    vouchers,
)
from authz.gateway.acting import write_down
from authz.gateway.admission import admit
from authz.gateway.deps import Deps
from authz.gateway.gate import Gate

DESCRIPTION: Final = """
Pays online, administers, and reads what the engine decided and what a holder may spend. Amounts
are euro cents, instants are ISO 8601, days are civil days. Errors are RFC 9457 problem documents
with a `code`.
"""


def create_app(deps: Deps) -> FastAPI:
    """The application over the given parts. Nothing is opened and nothing read before a request."""
    app = FastAPI(
        title="Millésime",
        version="1",
        summary="Issuer-side authorization of French meal vouchers",
        description=DESCRIPTION,
        # Their pages would be fetched from elsewhere; /openapi.json is what programs need.
        docs_url=None,
        redoc_url=None,
    )
    app.state.deps = deps
    problems.install(app)
    app.add_middleware(Gate, body_max_bytes=deps.body_max_bytes)
    app.include_router(operations.router)
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(admit), Depends(write_down)])
    v1.include_router(accounts.router)
    v1.include_router(bank_cards.router)
    v1.include_router(contacts.router)
    v1.include_router(statement.router)
    v1.include_router(administration.router)
    v1.include_router(authorizations.router)
    v1.include_router(cards.router)
    v1.include_router(tokens.router)
    v1.include_router(online.router)
    v1.include_router(ledger.router)
    v1.include_router(loads.router)
    v1.include_router(log.router)
    v1.include_router(vouchers.router)
    if deps.test_clock:
        v1.include_router(clock.router)
    app.include_router(v1, responses=problems.described(401, 403, 413, 422, 429, 503))
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Bodies that are records of world files are described by them, scopes by their table."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        document["components"]["schemas"].update(administration.schemas())
        scopes.describe(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
