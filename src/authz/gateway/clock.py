"""`POST /v1/test/clock`: set the virtual clock; only there with `--test-clock`."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

from authz.gateway.deps import Parts

SET: Final = "update control set test_clock = $1"

router = APIRouter(tags=["test"])


def _text(value: object) -> object:
    """A bare number would be taken for seconds since 1970."""
    if not isinstance(value, str):
        raise ValueError("an ISO 8601 instant is wanted")
    return value


class Clock(BaseModel):
    """The instant that everything civil or dated goes by until it is set again."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"now": "2026-11-24T12:30:00+01:00"}]}
    )

    now: Annotated[AwareDatetime, BeforeValidator(_text)]


@router.post("/test/clock", summary="Set the virtual clock")
async def set_clock(deps: Parts, clock: Clock) -> Clock:
    """It may go back. Every process reads it at its next batch."""
    now: datetime = clock.now.astimezone(UTC)
    async with deps.pool.acquire() as sql:
        await sql.execute(SET, now)
    return Clock.model_construct(now=now)
