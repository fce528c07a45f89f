"""What tests need beside: the virtual clock and the codes sent; only with `--test-clock`."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict

from authz.access.acts import note
from authz.credentials.sending import Mailbox
from authz.gateway.deps import Given
from authz.gateway.once import Writing, write
from authz.gateway.problems import described
from authz.instants import within_reach
from authz.refusal import Unknown
from authz.storage.clock_row import SET

if TYPE_CHECKING:
    from ledger.journal import Tx

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

    now: Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(within_reach)]


@write(router.post, "/test/clock", Clock, "Set the virtual clock")
async def set_clock(once: Writing, clock: Clock) -> Response:
    """It may go back. Every process reads it at its next batch."""

    async def operation(tx: "Tx") -> Clock:
        await tx.execute(SET, clock.now)
        await note(tx, clock.now.isoformat())
        return clock

    return await once(operation)


class CodeOut(BaseModel):
    """The last code that was sent for a token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "482915"}]})

    code: str


@router.get("/test/codes/{token_id}", summary="The code in the mail", responses=described(404))
async def sent_code(
    deps: Given, token_id: Annotated[str, Path(max_length=64, examples=["tok-1"])]
) -> CodeOut:
    """What the holder of this token would have been sent; only this process knows it."""
    sender = None if deps.cards is None else deps.cards.sender
    code = sender.read(token_id) if isinstance(sender, Mailbox) else None
    if code is None:
        raise Unknown("no code was sent for this token")
    return CodeOut(code=code.reveal())
