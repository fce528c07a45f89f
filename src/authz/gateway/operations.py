"""For those who run the service: is it alive, is it ready, what does it count."""

import asyncio
from typing import Final, cast

import asyncpg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict

from authz.access.scopes import Scope
from authz.door.addresses import is_loopback
from authz.gateway.admission import identify, require
from authz.gateway.deps import Given
from authz.gateway.problems import ProblemError, described
from authz.storage import database, server_check

READY_TIMEOUT_S: Final = 2.0

router = APIRouter(tags=["operations"])


class Status(BaseModel):
    """One word."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: str


@router.get("/healthz", summary="Whether the process is alive")
async def healthz() -> Status:
    """Answer as long as the event loop turns, whatever the database does."""
    return Status(status="ok")


@router.get("/readyz", summary="Whether payments can be decided", responses=described(503))
async def readyz(deps: Given) -> Status:
    """The database answers, its schema is ours, and the service does not drain."""
    if not deps.ready():
        raise ProblemError(503, "DRAINING", "the service is going down")
    try:
        async with asyncio.timeout(READY_TIMEOUT_S), deps.prompt_pool.acquire() as sql:
            await server_check.check(cast("asyncpg.Connection", sql))
    except database.DatabaseError as refused:
        raise ProblemError(503, "NOT_READY", str(refused)) from refused
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as down:
        raise ProblemError(503, "NOT_READY", "the database cannot be reached") from down
    return Status(status="ready")


@router.get(
    "/metrics",
    summary="What the process counts, for Prometheus",
    response_class=Response,
    responses={
        **described(401, 403, 503),
        200: {
            "description": "Prometheus text",
            "content": {"text/plain": {"example": "millesime_connections 3.0\n"}},
        },
    },
)
async def metrics(deps: Given, request: Request) -> Response:
    """Open to this machine; to others with a key of the scope `ops`."""
    if request.client is None or not is_loopback(request.client.host):
        require(await identify(request, deps), frozenset({Scope.OPS}))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(deps.metrics)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
