"""Steps of a card's or token's life over HTTP: who wants one and why, and those that were."""

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from authz.credentials.change import EVENTS, By, Kind
from authz.custody.echo import without_numbers
from authz.instants import written

if TYPE_CHECKING:
    from ledger.journal import Tx

WHO: Final[JsonDict] = {"initiator": "HOLDER", "channel": "APP", "reason": "found it again"}
EVENT: Final[JsonDict] = {
    "action": "BLOCK",
    "before": "ACTIVE",
    "after": "BLOCKED",
    **WHO,
    "at": "2026-11-24T09:00:00Z",
}


class Who(BaseModel):
    """Who wants it, by which way, and why; all three are kept."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [WHO]})

    initiator: Literal["HOLDER", "ISSUER", "EMPLOYER", "WALLET"] = "HOLDER"
    channel: Literal["APP", "WEB", "PHONE", "WALLET", "API"] = "API"
    reason: Annotated[str, Field(max_length=200)] = ""

    def by(self) -> By:
        """As it is kept: without what might be a card number."""
        return By(self.initiator, self.channel, without_numbers(self.reason))


ANYBODY: Final = Who()
"""Who wants a step where no body says it."""


class EventOut(BaseModel):
    """One step of a card's or token's life."""

    model_config = ConfigDict(json_schema_extra={"examples": [EVENT]})

    action: str
    before: str | None
    after: str
    initiator: str
    channel: str
    reason: str
    at: str


async def steps_of(tx: "Tx", kind: Kind, name: str) -> list[EventOut]:
    """What became of a card or token, oldest first; instants in UTC."""
    rows = await tx.fetch(EVENTS, kind, name)
    return [EventOut(**{**dict(row), "at": written(row["at"])}) for row in rows]
