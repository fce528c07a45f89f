"""`/v1/acts`: who did what, for auditors."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from authz.access import acts
from authz.gateway.deps import Given
from authz.gateway.paging import LIMIT_DEFAULT, Limit, PageOut, showing

router = APIRouter(tags=["administration"])

ACT: Final[JsonDict] = {
    "id": "019aa4f2-8c00-7000-8000-000000000001",
    "at": "2026-11-24T11:30:00Z",
    "who": "3f2a9c0b12de",
    "through": "http",
    "action": "POST /cards/{card_id}/block",
    "object": "card-1",
    "outcome": "DONE",
}


class ActOut(BaseModel):
    """One act; `outcome` is `DONE`, `REPLAYED` or the code of its refusal."""

    model_config = ConfigDict(json_schema_extra={"examples": [ACT]})

    id: UUID
    at: datetime
    who: str
    through: str
    action: str
    object: str
    outcome: str


class ActsPage(PageOut[ActOut, UUID]):
    """A part of the log, newest first; `next_cursor` asks for what comes behind it."""

    model_config = showing(ACT)


class Wanted(BaseModel):
    """Which acts; `who` is the id of an API key or a user of the system."""

    model_config = ConfigDict(extra="forbid")

    who: Annotated[str | None, Field(max_length=64, examples=["3f2a9c0b12de"])] = None
    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[UUID | None, Field(examples=["019aa4f2-8c00-7000-8000-000000000001"])] = None


@router.get("/acts", summary="What was done by whom, newest first")
async def log(deps: Given, wanted: Annotated[Wanted, Query()]) -> ActsPage:
    """Writes over HTTP but payments, and commands that change something; refusals too."""
    async with deps.pool.acquire() as sql:
        found = await acts.page(sql, wanted.limit + 1, wanted.cursor, wanted.who)
    shown = [
        ActOut(id=row.act_id, at=row.at, who=row.who, through=row.through, action=row.action,
               object=row.object, outcome=row.outcome)
        for row in found
    ]  # fmt: skip
    return ActsPage.of(shown, wanted.limit)
