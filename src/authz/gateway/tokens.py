"""Phones over HTTP: a wallet asks for a token, the holder brings the code, tokens come and go."""

from datetime import UTC, datetime
from math import ceil
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.config import JsonDict

from authz.clock_row import civil_instant
from authz.credentials.change import Changed
from authz.credentials.codes import TooSoon, Tried
from authz.credentials.courier import Sending
from authz.credentials.life import TokenAction, token_of
from authz.credentials.tokens import TOO_SOON, Asked, Tokens
from authz.gateway.credential_steps import ANYBODY, EVENT, EventOut, Who, steps_of
from authz.gateway.deps import Deps, Given
from authz.gateway.problems import ProblemError, described
from authz.hsm import Pin
from authz.sending import NotSent
from rules import provision
from rules.facts import Wallet

router = APIRouter(tags=["tokens"])

TokenId = Annotated[str, Path(max_length=64, examples=["tok-1"])]
REFUSED: Final = described(404, 409)
SENT, NOT_SENT = "SENT", "NOT_SENT"
TOKEN: Final[JsonDict] = {
    "id": "tok-1",
    "card": "card-1",
    "wallet": "APPLE_PAY",
    "device": "iphone-1",
    "status": "ACTIVE",
    "expiry": "2912",
    "events": [EVENT],
}
STEP: Final[JsonDict] = {
    "rule": "phone_is_itself",
    "source": "TOK-08",
    "held": False,
    "words": "SECURITY",
}


class TokenIn(Who):
    """What a wallet asks; `attested` tells whether the phone proved that it is itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"card": "card-1", "wallet": "APPLE_PAY", "device": "iphone-1", "attested": True}
            ]
        }
    )

    card: Annotated[str, Field(min_length=1, max_length=64)]
    wallet: Literal["APPLE_PAY", "PLUXEE_PAY"]
    device: Annotated[str, Field(min_length=1, max_length=64)]
    path: Literal["APP", "WALLET"] = "APP"
    attested: bool


class CodeIn(Who):
    """The code that the holder was sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "482915"}]})

    code: SecretStr


class StepOut(BaseModel):
    """A rule that was looked at."""

    rule: str
    source: str
    held: bool
    words: str


class ProvisionOut(BaseModel):
    """The decision; the device PAN is shown this once, `error` is what the app shows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "decision": "DECLINED",
                    "reason": "SECURITY",
                    "error": 22,
                    "id": None,
                    "dpan": None,
                    "expiry": None,
                    "status": None,
                    "code": None,
                    "trace": [STEP],
                }
            ]
        }
    )

    decision: str
    reason: str
    error: int | None
    id: str | None
    dpan: str | None
    expiry: str | None
    status: str | None
    code: str | None
    """SENT, NOT_SENT, NO_PHONE or TOO_SOON where a code is wanted: ask for one if none was sent."""
    trace: list[StepOut]


class TokenOut(BaseModel):
    """A token, without its number."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOKEN]})

    id: str
    card: str
    wallet: str
    device: str
    status: str
    expiry: str
    events: list[EventOut]


class SentOut(BaseModel):
    """A code is on its way."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "tok-1", "sent": True}]})

    id: str
    sent: bool


@router.post(
    "/tokens", status_code=201, summary="Put a card into a phone", responses=described(404, 409)
)
async def create(deps: Given, body: TokenIn) -> ProvisionOut:
    """Approved, declined, or active once the holder brings the code that was sent."""
    tokens = _tokens(deps, sends=body.wallet == Wallet.APPLE_PAY.value)
    wallet, path = Wallet(body.wallet), provision.Path(body.path)
    asked = Asked(body.card, wallet, body.device, path, body.attested)
    async with deps.pool.acquire() as sql, sql.transaction():
        now = await civil_instant(sql, datetime.now(UTC))
        made = await tokens.provision(sql, asked, body.by(), now)
    code = made.unsent if made.sending is None else await _delivered(deps, made.sending)
    return ProvisionOut(
        decision=made.decision.verdict.value,
        reason=made.decision.reason.value,
        error=made.decision.error,
        id=None if made.token is None else made.token.token_id,
        dpan=None if made.number is None else made.number.reveal(),
        expiry=None if made.token is None else made.token.expiry,
        status=None if made.token is None else made.token.status.value,
        code=code,
        trace=[
            StepOut(rule=s.rule, source=s.source, held=s.held, words=s.words)
            for s in made.decision.steps
        ],
    )


@router.post("/tokens/{token_id}/activate", summary="Bring the code", responses=REFUSED)
async def activate(deps: Given, token_id: TokenId, body: CodeIn) -> TokenOut:
    """For as long as was said when it was sent, the latest code only, five tries for each."""
    tokens = _tokens(deps)
    try:
        code = Pin(body.code.get_secret_value())
    except ValueError:
        raise ProblemError(422, "INVALID_REQUEST", "body.code: a code is digits") from None
    async with deps.pool.acquire() as sql, sql.transaction():
        done, tried = await tokens.activate(sql, token_id, code, body.by())
    # A wrong try is committed before it is refused: it counts.
    if tried is not Tried.RIGHT:
        raise ProblemError(409, tried.value, "this code does not activate the token")
    return await _shown(deps, done, token_id)


@router.post(
    "/tokens/{token_id}/resend-code",
    summary="Send another code",
    responses=described(404, 409, 429, 503),
)
async def resend(deps: Given, token_id: TokenId, body: Who = ANYBODY) -> SentOut:
    """The codes before it are worth nothing any more, unless it surely reached nobody."""
    tokens = _tokens(deps, sends=True)
    try:
        async with deps.pool.acquire() as sql, sql.transaction():
            sending = await tokens.resend(sql, token_id, body.by())
    except TooSoon as refused:
        problem = ProblemError(429, TOO_SOON, str(refused))
        problem.headers["retry-after"] = str(ceil(refused.wait_s))
        raise problem from refused
    if await _delivered(deps, sending) == NOT_SENT:
        raise ProblemError(503, "CODE_NOT_SENT", "the code could not be sent: ask for another")
    return SentOut(id=token_id, sent=True)


@router.post("/tokens/{token_id}/suspend", summary="Suspend a token", responses=REFUSED)
async def suspend(deps: Given, token_id: TokenId, body: Who = ANYBODY) -> TokenOut:
    """A lost phone: the card and its other tokens go on (TOK-05)."""
    return await _moved(deps, token_id, TokenAction.SUSPEND, body)


@router.post("/tokens/{token_id}/resume", summary="Resume a token", responses=REFUSED)
async def resume(deps: Given, token_id: TokenId, body: Who = ANYBODY) -> TokenOut:
    """It pays again; under a blocked card only if it was active before the block (TOK-07)."""
    return await _moved(deps, token_id, TokenAction.RESUME, body)


@router.delete("/tokens/{token_id}", summary="Delete a token", responses=REFUSED)
async def delete(deps: Given, token_id: TokenId) -> TokenOut:
    """For good: adding the card again makes another token (TOK-06)."""
    return await _moved(deps, token_id, TokenAction.DELETE, Who())


def _tokens(deps: Deps, *, sends: bool = False) -> Tokens:
    if deps.cards is None or (sends and deps.cards.sender is None):
        raise ProblemError(503, "NOT_READY", "this process holds no keys, or can send no codes")
    return Tokens(deps.cards.digester, deps.cards.safe, deps.cards.courier, deps.rulebooks)


async def _delivered(deps: Deps, sending: Sending) -> str:
    """Send a code, once what is kept of it is committed."""
    assert deps.cards is not None, "asked before a code was made"
    courier = deps.cards.courier
    assert courier is not None, "asked before a code was made"
    try:
        await courier.deliver(deps.pool, sending)
    except NotSent:
        return NOT_SENT
    return SENT


async def _moved(deps: Deps, token_id: str, action: TokenAction, who: Who) -> TokenOut:
    async with deps.pool.acquire() as sql, sql.transaction():
        done = await _tokens(deps).move(sql, token_id, action, who.by())
    return await _shown(deps, done, token_id)


async def _shown(deps: Deps, done: Changed, token_id: str) -> TokenOut:
    token = token_of(done.profile, token_id)
    async with deps.pool.acquire() as sql:
        events = await steps_of(sql, "token", token_id)
    return TokenOut(
        id=token_id,
        card=token.card_id,
        wallet=token.wallet.value,
        device=token.device,
        status=token.status.value,
        expiry=token.expiry,
        events=events,
    )
