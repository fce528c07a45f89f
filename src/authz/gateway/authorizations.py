"""`/v1/authorizations`: what was decided, found by id or by reference, and why."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from authz.gateway.deps import Deps, Given
from authz.gateway.names import PublicId
from authz.gateway.paging import LIMIT_DEFAULT, Limit, PageOut, showing
from authz.gateway.payment_out import EXAMPLE, PENDING, AuthorizationOut, shown
from authz.gateway.problems import ProblemError, described
from authz.gateway.words import NO_TERMINAL
from authz.ids import parse_public_id, public_id
from authz.payments import history
from authz.payments.history import Filter, Payment, PaymentName
from authz.payments.telling import tell, tell_wait
from authz.refusal import Unknown

router = APIRouter(tags=["authorizations"])

TRACE_EXAMPLE: Final[JsonDict] = {
    "id": "1f-3c0a51b2400",
    "rulebook": "fr-meal@2026-11.3f2a91",
    "reason": "DAILY_CAP",
    "steps": [
        {
            "rule": "amount_is_covered",
            "source": "AUT-04",
            "held": False,
            "words": "the cap is the tighter limit",
        }
    ],
    "afterwards": [
        {
            "type": "REFUND",
            "at": "2026-11-25T09:00:00Z",
            "source": "REF-01 to REF-03",
            "words": "the merchant refunded: 5.00 goes back; it counts for 2026-11-24",
        }
    ],
}


class Page(PageOut[AuthorizationOut, str]):
    """A part of a list, newest first; `next_cursor` asks for what comes behind it."""

    model_config = showing(EXAMPLE)


class PaymentStepOut(BaseModel):
    """One rule: its source (ids as in docs/RULES.md), whether it held, and why in words."""

    rule: str
    source: str
    held: bool
    words: str


class AfterwardsOut(BaseModel):
    """What was about the payment later, and what that did."""

    type: str
    at: datetime
    source: str
    words: str


class TraceOut(BaseModel):
    """A decision explained by its own facts and rulebook, and what became of it in words.

    Without a `reason` the bank is still asked: the steps are those of a payment that it approves.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [TRACE_EXAMPLE]})

    id: str
    rulebook: str
    reason: str | None
    steps: list[PaymentStepOut]
    afterwards: list[AfterwardsOut]


# Of fields of fixed length: the blanks behind a value are no part of it.
Rrn = Annotated[str, Field(max_length=12), AfterValidator(str.rstrip)]
Terminal = Annotated[str, Field(max_length=16), AfterValidator(str.rstrip)]


class Search(BaseModel):
    """What to look for; every filter narrows."""

    model_config = ConfigDict(extra="forbid")

    rrn: Annotated[Rrn | None, Field(examples=["632512000123"])] = None
    terminal: Annotated[Terminal | None, Field(examples=["TERM0001"])] = None
    order_ref: Annotated[str | None, Field(max_length=64, examples=["ORDER-4711"])] = None
    account: Annotated[str | None, Field(max_length=64, examples=["acc-1"])] = None
    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[str | None, Field(max_length=40, examples=["1f-3c0a51b2400"])] = None


@router.get("/authorizations", summary="Search, newest first")
async def search(deps: Given, wanted: Annotated[Search, Query()]) -> Page:
    """By retrieval reference and terminal, by account, or all."""
    after = parse_public_id(wanted.cursor) if wanted.cursor else None
    if wanted.cursor and after is None:
        raise ProblemError(422, "INVALID_REQUEST", "query.cursor: no cursor of ours")
    narrowed = _filter(wanted)
    books = tuple(deps.rulebooks.values())
    async with deps.pool.acquire() as sql:
        found = await history.search(sql, narrowed, books, wanted.limit + 1, after)
    return Page.of([shown(payment) for payment in found], wanted.limit)


@router.get(
    "/authorizations/{authorization_id}",
    summary="One authorization",
    responses=described(404),
)
async def authorization(deps: Given, authorization_id: PublicId) -> AuthorizationOut:
    """State, amounts, vouchers by vintage and events."""
    return shown(await _find_by_any_name(deps, authorization_id))


@router.get(
    "/authorizations/{authorization_id}/trace",
    summary="Why it was decided so",
    responses=described(404, 409),
)
async def trace(deps: Given, authorization_id: PublicId) -> TraceOut:
    """The rules in order, run again on the facts that were kept."""
    payment = await _find_by_any_name(deps, authorization_id)
    try:
        told = history.trace(payment, deps.rulebooks.values())
    except history.NoRulebook as missing:
        raise ProblemError(409, "RULEBOOK_NOT_LOADED", str(missing)) from missing
    steps = [
        PaymentStepOut(rule=step.rule, source=step.source, held=step.held, words=step.words)
        for step in told.steps
    ]
    return TraceOut(
        id=public_id(payment.holder_id, payment.authorization_id),
        rulebook=told.rulebook,
        reason=None if payment.waits else told.decision.reason.value,
        steps=steps,
        afterwards=list(_afterwards(payment)),
    )


def _filter(wanted: Search) -> Filter:
    """An order reference is that of a payment without a terminal."""
    if wanted.order_ref is None:
        return Filter(wanted.rrn, wanted.terminal, wanted.account)
    if wanted.rrn is not None or wanted.terminal is not None:
        raise ProblemError(422, "INVALID_REQUEST", "query.order_ref: goes with no rrn or terminal")
    return Filter(wanted.order_ref, NO_TERMINAL, wanted.account)


def _afterwards(payment: Payment) -> Iterator[AfterwardsOut]:
    if payment.waits:
        source, words = tell_wait(payment.bank_minor)
        yield AfterwardsOut(type=PENDING, at=payment.at, source=source, words=words)
    for step in payment.steps[1:]:
        source, words = tell(step, payment.movements)
        yield AfterwardsOut(type=step.kind.value, at=step.at, source=source, words=words)


async def find_payment(deps: Deps, text: str) -> Payment:
    """The payment of a public id. Raises Unknown."""
    return _there(await _find(deps, _named(text)))


async def _find_by_any_name(deps: Deps, text: str) -> Payment:
    """The payment of a public id, or of a step's about it as the books have it. Raises Unknown."""
    name = _named(text)
    payment = await _find(deps, name)
    if payment is None and name is not None:
        async with deps.pool.acquire() as sql:
            about = await history.payment_about(sql, name.holder_id, name.authorization_id)
        payment = await _find(deps, about)
    return _there(payment)


def _named(text: str) -> PaymentName | None:
    named = parse_public_id(text)
    return None if named is None else PaymentName(*named)


async def _find(deps: Deps, name: PaymentName | None) -> Payment | None:
    return None if name is None else await deps.payments.find(name)


def _there(payment: Payment | None) -> Payment:
    if payment is None:
        raise Unknown("there is no such authorization")
    return payment
