"""`/v1/authorizations`: what was decided, found by id or by reference, and why."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from authz import history
from authz.gateway.deps import Deps, Parts
from authz.gateway.paging import LIMIT_DEFAULT, Limit, PageOut, showing
from authz.gateway.problems import ProblemError, described
from authz.history import Filter, Payment, PaymentName
from authz.ids import parse_public_id, public_id
from authz.online import NO_TERMINAL
from authz.outcomes import APPROVALS
from authz.progress import POSTED_AT_ONCE, state_of, totals_of
from authz.requests import Kind
from authz.response_codes import RESPONSE_CODES
from authz.telling import tell, tell_wait

router = APIRouter(tags=["authorizations"])

EXAMPLE: Final[JsonDict] = {
    "id": "1f-3c0a51b2400",
    "account": "acc-1",
    "kind": "PURCHASE",
    "state": "CAPTURED",
    "response_code": "00",
    "reason": "APPROVED",
    "requested": 2500,
    "eligible": 2500,
    "approved": 2500,
    "at": "2026-11-24T11:30:00Z",
    "day": "2026-11-24",
    "vouchers": [{"vintage": 2026, "amount": 2500}],
    "bank": None,
    "totals": {"authorized": 2500, "reversed": 0, "captured": 2500, "refunded": 0},
    "balance_after": 7500,
    "usable_after": 0,
    "approval_code": "0A1B2C",
    "acquirer": "12345",
    "terminal": "TERM0001",
    "mid": "MERCH0000000001",
    "stan": "000123",
    "rrn": "632512000123",
    "order_ref": None,
    "rulebook": "fr-meal@2026-11.3f2a91",
    "events": [
        {"type": "AUTHORIZED", "at": "2026-11-24T11:30:00Z", "amount": 2500, "reason": "APPROVED"},
        {"type": "CAPTURED", "at": "2026-11-24T11:30:00Z", "amount": 2500, "reason": "APPROVED"},
    ],
}
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


class Voucher(BaseModel):
    """What was taken from one vintage."""

    vintage: int
    amount: int


class Bank(BaseModel):
    """The leg on the holder's bank card."""

    amount: int
    state: str


class TotalsOut(BaseModel):
    """Where the money of the authorization stands."""

    authorized: int
    reversed: int
    captured: int
    refunded: int


class Event(BaseModel):
    """What happened, in order."""

    type: str
    at: datetime
    amount: int
    reason: str | None


class AuthorizationOut(BaseModel):
    """One decision and what became of it. Nothing is kept, under no id, of a card unknown here.

    `PENDING` is a payment that waits for the bank: it has no answer yet, and no code or reason.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: str | None
    account: str | None
    kind: str
    state: str
    response_code: str | None
    reason: str | None
    requested: int
    eligible: int
    approved: int
    at: datetime
    day: date | None
    vouchers: list[Voucher]
    bank: Bank | None
    totals: TotalsOut
    balance_after: int | None
    usable_after: int | None
    approval_code: str | None
    acquirer: str
    terminal: str
    mid: str
    stan: str
    rrn: str | None
    order_ref: str | None
    rulebook: str
    events: list[Event]


class Page(PageOut[AuthorizationOut, str]):
    """A part of a list, newest first; `next_cursor` asks for what comes behind it."""

    model_config = showing(EXAMPLE)


class StepOut(BaseModel):
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
    steps: list[StepOut]
    afterwards: list[AfterwardsOut]


class Search(BaseModel):
    """What to look for; every filter narrows."""

    model_config = ConfigDict(extra="forbid")

    rrn: Annotated[str | None, Field(max_length=12, examples=["632512000123"])] = None
    terminal: Annotated[str | None, Field(max_length=16, examples=["TERM0001"])] = None
    order_ref: Annotated[str | None, Field(max_length=64, examples=["ORDER-4711"])] = None
    account: Annotated[str | None, Field(max_length=64, examples=["acc-1"])] = None
    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[str | None, Field(max_length=40, examples=["1f-3c0a51b2400"])] = None


PENDING: Final = "PENDING"
EVENTS: Final = {
    Kind.REVERSAL: "REVERSED",
    Kind.CANCEL: "CANCELLED",
    Kind.CAPTURE: "CAPTURED",
    Kind.REFUND: "REFUNDED",
    Kind.REFUND_REVERSAL: "REFUND_REVERSED",
    Kind.EXPIRY: "EXPIRED",
}

PublicId = Annotated[str, Path(max_length=40, examples=["1f-3c0a51b2400"])]


@router.get("/authorizations", summary="Search, newest first")
async def search(deps: Parts, wanted: Annotated[Search, Query()]) -> Page:
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
async def authorization(deps: Parts, authorization_id: PublicId) -> AuthorizationOut:
    """State, amounts, vouchers by vintage and events."""
    return shown(await _find_by_any_name(deps, authorization_id))


@router.get(
    "/authorizations/{authorization_id}/trace",
    summary="Why it was decided so",
    responses=described(404, 409),
)
async def trace(deps: Parts, authorization_id: PublicId) -> TraceOut:
    """The rules in order, run again on the facts that were kept."""
    payment = await _find_by_any_name(deps, authorization_id)
    try:
        told = history.trace(payment, deps.rulebooks.values())
    except history.NoRulebook as missing:
        raise ProblemError(409, "RULEBOOK_NOT_LOADED", str(missing)) from missing
    steps = [
        StepOut(rule=step.rule, source=step.source, held=step.held, words=step.words)
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
    """The payment of a public id. Raises the problem 404."""
    return _there(await _find(deps, _named(text)))


async def _find_by_any_name(deps: Deps, text: str) -> Payment:
    """The payment of a public id, or of that of a step about it, as the books have it. Or 404."""
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
        raise ProblemError(404, "NOT_FOUND", "there is no such authorization")
    return payment


def shown(payment: Payment) -> AuthorizationOut:
    """A payment as the outside sees it."""
    totals = totals_of(payment.steps)
    return AuthorizationOut(
        id=public_id(payment.holder_id, payment.authorization_id),
        account=payment.account_id,
        kind=payment.kind.value,
        state=_state(payment),
        response_code=payment.reason and RESPONSE_CODES[payment.reason],
        reason=payment.reason and payment.reason.value,
        requested=payment.requested_minor,
        eligible=payment.eligible_minor,
        approved=payment.approved_minor,
        at=payment.at,
        day=payment.day,
        vouchers=[Voucher(vintage=year, amount=minor) for year, minor in payment.vouchers],
        bank=_bank(payment),
        totals=TotalsOut(
            authorized=totals.authorized_minor,
            reversed=totals.reversed_minor,
            captured=totals.captured_minor,
            refunded=totals.refunded_minor,
        ),
        balance_after=payment.balance_minor if payment.approved else None,
        usable_after=payment.usable_minor if payment.approved else None,
        approval_code=payment.approval_code,
        acquirer=payment.acquirer,
        terminal=payment.terminal,
        mid=payment.mid,
        stan=payment.stan,
        rrn=payment.rrn if payment.terminal != NO_TERMINAL else None,
        order_ref=payment.rrn if payment.terminal == NO_TERMINAL else None,
        rulebook=payment.rulebook,
        events=list(_events(payment)),
    )


def _state(payment: Payment) -> str:
    return PENDING if payment.waits else state_of(payment.steps, approved=payment.approved)


def _bank(payment: Payment) -> Bank | None:
    """The leg, also one that pays nothing since the bank said no or nothing."""
    if payment.bank_state is None:
        return None
    return Bank(amount=payment.bank_minor, state=payment.bank_state)


def _events(payment: Payment) -> Iterator[Event]:
    """The payment's own answer, then what was about it. What changed nothing confirmed it."""
    first, *later = payment.steps
    answer = "AUTHORIZED" if payment.approved else "DECLINED"
    yield Event(
        type=PENDING if payment.waits else answer,
        at=first.at,
        amount=first.amount_minor,
        reason=first.reason and first.reason.value,
    )
    if payment.approved and payment.kind in POSTED_AT_ONCE:
        yield Event(type="CAPTURED", at=first.at, amount=first.amount_minor, reason="APPROVED")
    for step in later:
        approved = step.reason in APPROVALS
        done = EVENTS.get(step.kind, "CONFIRMED") if step.amount_minor else "CONFIRMED"
        yield Event(
            type=done if approved else f"{step.kind.value}_DECLINED",
            at=step.at,
            amount=step.amount_minor,
            reason=step.reason and step.reason.value,
        )
