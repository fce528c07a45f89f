"""A payment as the outside sees it: one decision, and what became of it."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from authz.gateway.words import NO_TERMINAL
from authz.ids import public_id
from authz.outcomes import APPROVALS, Outcome
from authz.payments.history import Payment
from authz.payments.progress import POSTED_AT_ONCE, state_of, totals_of
from authz.requests import Kind, Request
from authz.wire.response_codes import RESPONSE_CODES

PENDING: Final = "PENDING"
EVENTS: Final = {
    Kind.REVERSAL: "REVERSED",
    Kind.CANCEL: "CANCELLED",
    Kind.CAPTURE: "CAPTURED",
    Kind.REFUND: "REFUNDED",
    Kind.REFUND_REVERSAL: "REFUND_REVERSED",
    Kind.EXPIRY: "EXPIRED",
}
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


class Voucher(BaseModel):
    """What was taken from one vintage."""

    vintage: int
    amount: int


class Bank(BaseModel):
    """The leg on the holder's bank card: what it pays now, and what the bank approved.

    While the bank is awaited `amount` is what it is asked for.
    """

    amount: int
    approved: int
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


def not_kept(asked: Request, outcome: Outcome, at: datetime) -> AuthorizationOut:
    """The decline of a card that nobody issued: there is no holder to keep it under."""
    return AuthorizationOut(
        id=None,
        account=None,
        kind=asked.kind.value,
        state="DECLINED",
        response_code=RESPONSE_CODES[outcome.reason],
        reason=outcome.reason.value,
        requested=asked.purchase.amount_minor,
        eligible=0,
        approved=0,
        at=at,
        day=None,
        vouchers=[],
        bank=None,
        totals=TotalsOut(authorized=0, reversed=0, captured=0, refunded=0),
        balance_after=None,
        usable_after=None,
        approval_code=None,
        acquirer=asked.acquirer,
        terminal=asked.terminal,
        mid=asked.mid,
        stan=asked.stan,
        rrn=None,
        order_ref=asked.rrn,
        rulebook="",
        events=[Event(type="DECLINED", at=at, amount=0, reason=outcome.reason.value)],
    )


def _state(payment: Payment) -> str:
    return PENDING if payment.waits else state_of(payment.steps, approved=payment.approved)


def _bank(payment: Payment) -> Bank | None:
    """The leg, also one that pays nothing since the bank said no or nothing."""
    if payment.bank_state is None:
        return None
    approved_minor = 0 if payment.waits else payment.bank_minor
    return Bank(amount=payment.bank_left_minor, approved=approved_minor, state=payment.bank_state)


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
