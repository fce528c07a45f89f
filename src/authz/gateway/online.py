"""`POST /v1/authorizations` and its verbs: online payments down the road of all payments.

Nothing is answered before its commit. An idempotency key is a request key of the engine: the
database settles races and repeats, and gives the kept answer again as it was.
"""

from datetime import UTC, datetime
from time import monotonic
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from authz.gateway import idempotency, words
from authz.gateway.admission import caller_of
from authz.gateway.amounts import Minor
from authz.gateway.authorizations import find_payment
from authz.gateway.deps import Deps, Given
from authz.gateway.kept_answers import REPLAYED, key_reused
from authz.gateway.names import PublicId
from authz.gateway.once import IdempotencyKey, key_of, still_running
from authz.gateway.orders import PurchaseIn, content_of, order_of
from authz.gateway.payment_out import EXAMPLE, AuthorizationOut, not_kept, shown
from authz.gateway.problems import ProblemError, described
from authz.gateway.words import Envelope
from authz.outcomes import Outcome
from authz.payments.history import PaymentName
from authz.requests import Kind
from authz.requests import Request as Asked
from authz.storage.clock_row import civil_instant
from rules.decision import Reason

router = APIRouter(tags=["authorizations"])

HELD: Final[JsonDict] = {
    **EXAMPLE,
    "kind": "HOLD",
    "state": "AUTHORIZED",
    "totals": {"authorized": 2500, "reversed": 0, "captured": 0, "refunded": 0},
    "terminal": "",
    "stan": "",
    "rrn": None,
    "order_ref": "ORDER-4711",
    "events": [
        {"type": "AUTHORIZED", "at": "2026-11-24T11:30:00Z", "amount": 2500, "reason": "APPROVED"}
    ],
}
JSON: Final = "application/json"
_AGAIN: Final = {
    "headers": {REPLAYED: {"description": "true for a kept answer", "schema": {"const": "true"}}}
}
_REFUSALS: Final = {**described(400, 404, 409), 200: _AGAIN}
WHY: Final = {
    Kind.CAPTURE: "this payment cannot be captured so",
    Kind.CANCEL: "only a hold that was not captured can be cancelled",
    Kind.REFUND: "this payment cannot be refunded so",
}


SOME: Final[JsonDict] = {"amount": 1900}


def _showing(example: JsonDict) -> JsonDict:
    """A body that may be left out hides its model's example behind a choice."""
    return {"requestBody": {"content": {JSON: {"example": example}}}}


class AmountIn(BaseModel):
    """How much, in cents; without an amount, all that there is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SOME]})

    amount: Minor | None = None


class NothingIn(BaseModel):
    """No word is needed; an empty object may be sent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}]})


class Call:
    """One write of money: who asks, under which idempotency key, and where the answer goes."""

    def __init__(
        self,
        deps: Deps,
        request: Request,
        response: Response,
        idempotency_key: str | None,
    ) -> None:
        self._key_hash = key_of(request, idempotency_key)
        if deps.road is None or not deps.ready():
            raise ProblemError(503, "DRAINING", "no payment is taken in now")
        self.deps, self.road, self._response = deps, deps.road, response
        self.caller = caller_of(request)

    def envelope(self, content: str) -> Envelope:
        """Key and content, and how long the answer is waited for."""
        return Envelope(
            self._key_hash,
            idempotency.fingerprint(content.encode()),
            datetime.now(UTC),
            monotonic() + self.road.patience_s,
        )

    async def decide(self, asked: Asked) -> Outcome:
        """Send it down the road. Raises the problem where there is no answer."""
        try:
            with self.deps.at_work.on(asked.key_hash):
                outcome = await self.road.ask(asked)
        except idempotency.StillRunning as running:
            raise still_running() from running
        if outcome is None or outcome.reason is Reason.ISSUER_DOWN:
            raise ProblemError(503, "ISSUER_DOWN", "not decided in time; ask again with this key")
        if outcome.reason is Reason.DUPLICATE_CONFLICT:
            raise key_reused()
        if outcome.reason is Reason.SYSTEM:
            raise ProblemError(500, "SYSTEM", "this request cannot be decided; we were told")
        if outcome.replayed:
            self._response.headers[REPLAYED] = "true"
        return outcome

    async def answer(self, holder_id: int, number: int, until: int) -> AuthorizationOut:
        """The payment as it stood once the answer `until` was given, now and at any repeat."""
        payment = await self.deps.payments.find(PaymentName(holder_id, number, until))
        assert payment is not None, "it was kept before it was answered"
        return shown(payment)

    async def verb(self, kind: Kind, name: str, amount_minor: int | None) -> AuthorizationOut:
        """Do this to a payment that was. Raises the problem 409 with the reason of a refusal."""
        envelope = self.envelope(f"{kind.value} {amount_minor}")
        payment = await find_payment(self.deps, name)
        amount_minor = amount_minor or words.whole_of(kind, payment)
        outcome = await self.decide(words.to_verb(kind, payment, amount_minor, envelope))
        # A capture of what was taken at its approval is confirmed by the road and moves nothing.
        idle = kind is Kind.CAPTURE and not outcome.approved_minor
        if idle or not outcome.approved:
            reason = Reason.INVALID_TRANSACTION if outcome.approved else outcome.reason
            refused = ProblemError(409, reason.value, WHY[kind])
            refused.headers = {REPLAYED: "true"} if outcome.replayed else {}
            raise refused
        number = payment.authorization_id
        return await self.answer(payment.holder_id, number, outcome.authorization_id)


async def call_of(
    deps: Given, request: Request, response: Response, idempotency_key: IdempotencyKey = None
) -> Call:
    """The call that a request is. Raises the problems of one that cannot be taken in."""
    return Call(deps, request, response, idempotency_key)


Asking = Annotated[Call, Depends(call_of)]


@router.post(
    "/authorizations",
    status_code=201,
    summary="Pay online",
    responses={**described(400, 409), 201: {**_AGAIN, "content": {JSON: {"example": HELD}}}},
)
async def authorize(call: Asking, body: PurchaseIn) -> AuthorizationOut:
    """A decline is an answer too: 201 with the state `DECLINED` and its reason."""
    order = order_of(body, call.road, call.caller, test_clock=call.deps.test_clock)
    asked = words.to_purchase(order, call.envelope(content_of(body, order)))
    outcome = await call.decide(asked)
    number = outcome.authorization_id
    if not number:
        return not_kept(
            asked, outcome, await civil_instant(call.deps.prompt_pool, asked.received_at)
        )
    return await call.answer(outcome.holder_id, number, number)


@router.post(
    "/authorizations/{authorization_id}/capture",
    summary="Take what is held",
    responses=_REFUSALS,
    openapi_extra=_showing(SOME),
)
async def capture(
    call: Asking, authorization_id: PublicId, body: AmountIn | None = None
) -> AuthorizationOut:
    """Once for each hold and for at most what is held; the rest falls free (HLD-01)."""
    return await call.verb(Kind.CAPTURE, authorization_id, _amount(body))


@router.post(
    "/authorizations/{authorization_id}/cancel",
    summary="Let go of a hold",
    responses=_REFUSALS,
    openapi_extra=_showing({}),
)
async def cancel(
    call: Asking, authorization_id: PublicId, _body: NothingIn | None = None
) -> AuthorizationOut:
    """Before its capture only: what was captured is refunded (HLD-04)."""
    return await call.verb(Kind.CANCEL, authorization_id, None)


@router.post(
    "/authorizations/{authorization_id}/refund",
    summary="Give money of a captured payment back",
    responses=_REFUSALS,
    openapi_extra=_showing(SOME),
)
async def refund(
    call: Asking, authorization_id: PublicId, body: AmountIn | None = None
) -> AuthorizationOut:
    """In parts or whole, never more than was captured (REF-01)."""
    return await call.verb(Kind.REFUND, authorization_id, _amount(body))


def _amount(body: AmountIn | None) -> int | None:
    return None if body is None else body.amount
