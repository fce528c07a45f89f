"""Phones over HTTP: a wallet asks for a token, the holder brings the code, tokens come and go."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.config import JsonDict

from authz.credentials.change import profile_of
from authz.credentials.codes import TooSoon, Tried
from authz.credentials.courier import Sending
from authz.credentials.life import TokenAction
from authz.credentials.tokens import TOO_SOON, Asked, Provisioned, Tokens
from authz.gateway.credential_steps import ANYBODY, EVENT, EventOut, Who, steps_of
from authz.gateway.deps import Deps, Given
from authz.gateway.kept_answers import Answer, Hidden
from authz.gateway.once import Conclusion, Operation, Outside, Writing, write
from authz.gateway.problems import ProblemError, described
from authz.hsm import Pin
from authz.senders.kinds import NotSent
from authz.state import Profile
from authz.storage.clock_row import civil_instant
from rules import provision
from rules.facts import Wallet

if TYPE_CHECKING:
    from ledger.journal import Tx

router = APIRouter(tags=["tokens"])

TokenId = Annotated[str, Path(max_length=64, examples=["tok-1"])]
SENT, NOT_SENT = "SENT", "NOT_SENT"
TOKEN: Final[JsonDict] = {
    "id": "tok-1",
    "card": "card-1",
    "wallet": "APPLE_PAY",
    "device": "iphone-1",
    "status": "ACTIVE",
    "attested": True,
    "expiry": "2912",
    "events": [EVENT],
}
STEP: Final[JsonDict] = {
    "rule": "phone_is_itself",
    "source": "TOK-08",
    "held": False,
    "words": "SECURITY",
}


class WalletTokenIn(Who):
    """What a wallet asks; `attested` says whether the phone proved that it is itself."""

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


class ProvisionStepOut(BaseModel):
    """A rule that was looked at."""

    rule: str
    source: str
    held: bool
    words: str


class ProvisionOut(BaseModel):
    """The decision; `error` is what the app shows.

    The device PAN is shown this once, and again to whoever repeats the request under its key.
    """

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
    trace: list[ProvisionStepOut]


class AttestationIn(Who):
    """Whether the phone of a token proved that it is itself, or is rooted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"attested": False}]})

    attested: bool


class TokenOut(BaseModel):
    """A token, without its number."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOKEN]})

    id: str
    card: str
    wallet: str
    device: str
    status: str
    attested: bool
    expiry: str
    events: list[EventOut]


class SentOut(BaseModel):
    """A code is on its way."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "tok-1", "sent": True}]})

    id: str
    sent: bool


@write(router.post, "/tokens", ProvisionOut, "Put a card into a phone", 201)
async def create(once: Writing, body: WalletTokenIn) -> Response:
    """Approved, declined, or active once the holder brings the code that was sent."""
    tokens = _tokens(once.deps, sends=body.wallet == Wallet.APPLE_PAY.value)
    wallet, path = Wallet(body.wallet), provision.Path(body.path)
    asked = Asked(body.card, wallet, body.device, path, body.attested)

    async def operation(tx: "Tx") -> ProvisionOut | Outside:
        now = await civil_instant(tx, datetime.now(UTC))
        made = await tokens.provision(tx, asked, body.by(), now)
        if made.sending is None:
            return _provisioned(made, made.unsent)
        deliver = partial(_delivered, once.deps, made.sending)
        # A code whose sending nobody saw end counts as not sent: the holder asks for another.
        return Outside(_provisioned(made, NOT_SENT), _telling(deliver, partial(_provisioned, made)))

    async def number(tx: "Tx", said: dict[str, Any]) -> str | None:
        return None if said["id"] is None else await tokens.number_of(tx, said["id"])

    return await once(operation, Hidden("dpan", number))


@router.get("/tokens/{token_id}", summary="A token and what became of it", responses=described(404))
async def token(deps: Given, token_id: TokenId) -> TokenOut:
    """Its number is nowhere: it was shown once, to the wallet that asked."""
    async with deps.pool.acquire() as sql, sql.transaction(readonly=True):
        return await _shown(sql, await profile_of(sql, "token", token_id), token_id)


@write(router.post, "/tokens/{token_id}/activate", TokenOut, "Bring the code")
async def activate(once: Writing, token_id: TokenId, body: CodeIn) -> Response:
    """For as long as was said when it was sent, the latest code only, five tries for each."""
    tokens = _tokens(once.deps)
    try:
        code = Pin(body.code.get_secret_value())
    except ValueError:
        raise ProblemError(422, "INVALID_REQUEST", "body.code: a code is digits") from None

    async def operation(tx: "Tx") -> TokenOut | ProblemError:
        done, tried = await tokens.activate(tx, token_id, code, body.by())
        if tried is Tried.RIGHT:
            return await _shown(tx, done.profile, token_id)
        # Given, not raised: a wrong try is committed before it is refused, so that it counts.
        return ProblemError(409, tried.value, "this code does not activate the token")

    return await once(operation)


@write(router.post, "/tokens/{token_id}/resend-code", SentOut, "Send another code", 200, 429, 503)
async def resend(once: Writing, token_id: TokenId, body: Who = ANYBODY) -> Response:
    """The codes before it are worth nothing any more, unless it surely reached nobody."""
    tokens = _tokens(once.deps, sends=True)

    async def operation(tx: "Tx") -> Outside:
        try:
            sending = await tokens.resend(tx, token_id, body.by())
        except TooSoon as refused:
            problem = ProblemError(429, TOO_SOON, str(refused))
            problem.headers["retry-after"] = str(ceil(refused.wait_s))
            raise problem from refused
        deliver = partial(_delivered, once.deps, sending)
        return Outside(_resent(token_id, NOT_SENT), _telling(deliver, partial(_resent, token_id)))

    return await once(operation)


@write(router.post, "/tokens/{token_id}/suspend", TokenOut, "Suspend a token")
async def suspend(once: Writing, token_id: TokenId, body: Who = ANYBODY) -> Response:
    """A lost phone: the card and its other tokens go on (TOK-05)."""
    return await once(_moving(once.deps, token_id, TokenAction.SUSPEND, body))


@write(router.post, "/tokens/{token_id}/resume", TokenOut, "Resume a token")
async def resume(once: Writing, token_id: TokenId, body: Who = ANYBODY) -> Response:
    """It pays again; under a blocked card only if it was active before the block (TOK-07)."""
    return await once(_moving(once.deps, token_id, TokenAction.RESUME, body))


@write(router.post, "/tokens/{token_id}/attestation", TokenOut, "Tell what a phone proved")
async def attestation(once: Writing, token_id: TokenId, body: AttestationIn) -> Response:
    """A phone that failed pays nothing (63) until it proves itself again (TOK-08)."""
    action = TokenAction.ATTEST if body.attested else TokenAction.FAIL_ATTESTATION
    return await once(_moving(once.deps, token_id, action, body))


@write(router.delete, "/tokens/{token_id}", TokenOut, "Delete a token")
async def delete(once: Writing, token_id: TokenId) -> Response:
    """For good: adding the card again makes another token (TOK-06)."""
    return await once(_moving(once.deps, token_id, TokenAction.DELETE, ANYBODY))


def _tokens(deps: Deps, *, sends: bool = False) -> Tokens:
    if deps.cards is None or (sends and deps.cards.sender is None):
        raise ProblemError(503, "NOT_READY", "this process holds no keys, or can send no codes")
    return Tokens(deps.cards.digester, deps.cards.safe, deps.cards.courier, deps.rulebooks)


def _provisioned(made: Provisioned, code: str | None) -> ProvisionOut:
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
            ProvisionStepOut(rule=s.rule, source=s.source, held=s.held, words=s.words)
            for s in made.decision.steps
        ],
    )


def _resent(token_id: str, code: str) -> SentOut | ProblemError:
    if code == NOT_SENT:
        return ProblemError(503, "CODE_NOT_SENT", "the code could not be sent: ask for another")
    return SentOut(id=token_id, sent=True)


def _telling(
    deliver: Callable[[], Awaitable[str]], answer: Callable[[str], Answer]
) -> Callable[[], Awaitable[Conclusion]]:
    """Deliver a code, then tell by this `answer` whether it was sent."""

    async def ask() -> Conclusion:
        code = await deliver()

        async def conclusion(_tx: "Tx") -> Answer:
            return answer(code)

        return conclusion

    return ask


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


def _moving(deps: Deps, token_id: str, action: TokenAction, who: Who) -> Operation:
    tokens = _tokens(deps)

    async def operation(tx: "Tx") -> TokenOut:
        done = await tokens.move(tx, token_id, action, who.by())
        return await _shown(tx, done.profile, token_id)

    return operation


async def _shown(tx: "Tx", profile: Profile, token_id: str) -> TokenOut:
    token = profile.token(token_id)
    return TokenOut(
        id=token_id,
        card=token.card_id,
        wallet=token.wallet.value,
        device=token.device,
        status=token.status.value,
        attested=token.attested,
        expiry=token.expiry,
        events=await steps_of(tx, "token", token_id),
    )
