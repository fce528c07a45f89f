"""What becomes of vouchers beside being spent: exchanged, given to a charity, given back, lost."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from authz.gateway.deps import Parts
from authz.gateway.once import IdempotencyKey, once
from authz.gateway.problems import ProblemError, described
from authz.gifts import Refused, add_charity, give
from authz.leaving import UnknownAccount, close_account
from authz.vintages.asking import (
    Exchanged,
    NotOnRequest,
    TooLate,
    Unknown,
    order_exchange,
    request_exchange,
)
from authz.vintages.shares import shares_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ledger.journal import Tx

router = APIRouter(tags=["vouchers"])

AccountId = Annotated[str, Path(max_length=64, examples=["acc-1"])]
Vintage = Annotated[int, Field(ge=2014, le=2099)]


class ExchangeIn(BaseModel):
    """So many cents of an expired vintage, or all of it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"vintage": 2026, "amount": 4230}]}
    )

    vintage: Vintage
    amount: Annotated[int | None, Field(gt=0)] = None


class ExchangeOrderIn(BaseModel):
    """The vintage that the employer orders the exchange of, for all who asked."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"vintage": 2026, "programme": "fr-meal"}]}
    )

    vintage: Vintage
    programme: Annotated[str, Field(max_length=64)] = "fr-meal"


class ExchangeOut(BaseModel):
    """What was exchanged at once; the rest waits for the other side."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"day": "2027-03-12", "exchanged": 0}]}
    )

    day: date
    exchanged: int


class GiftIn(BaseModel):
    """So many cents to a charity that is known here."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"charity": "restos", "amount": 500}]}
    )

    charity: Annotated[str, Field(max_length=64)]
    amount: Annotated[int, Field(gt=0)]


class GiftOut(BaseModel):
    """The gift as it was booked, and what is left."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"charity": "Restos du Cœur", "amount": 500, "balance": 7000}]
        }
    )

    charity: str
    amount: int
    balance: int


class CharityIn(BaseModel):
    """The name that people see."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Restos du Cœur"}]}
    )

    name: Annotated[str, Field(min_length=1, max_length=200)]


class CloseIn(BaseModel):
    """Why the account is closed; it is kept."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"why": "left the company"}]}
    )

    why: Annotated[str, Field(min_length=1, max_length=200)]


class CloseOut(BaseModel):
    """What went back to the employer, and what holds keep open."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"returned": 7700, "held": 2300}]})

    returned: int
    held: int


class ShareOut(BaseModel):
    """One employer's part of a lost vintage, for its works council."""

    employer: str
    name: str | None
    vintage: int
    holders: int
    lost: int


class SharesOut(BaseModel):
    """All parts of a lost vintage (R.3262-14)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "data": [
                        {
                            "employer": "emp-paris",
                            "name": "Atelier Nord",
                            "vintage": 2026,
                            "holders": 3,
                            "lost": 4230,
                        }
                    ]
                }
            ]
        }
    )

    data: list[ShareOut]


@router.post(
    "/accounts/{account_id}/exchange",
    response_model=ExchangeOut,
    summary="Ask for the exchange of expired vouchers",
    responses=described(400, 404, 409),
)
async def ask(
    deps: Parts,
    request: Request,
    account_id: AccountId,
    body: ExchangeIn,
    key: IdempotencyKey = None,
) -> Response:
    """Until 15 March, where vouchers are not exchanged by themselves; the first request counts."""

    async def operation(tx: "Tx") -> ExchangeOut:
        asked = request_exchange(tx, account_id, body.vintage, body.amount, deps.rulebooks)
        return await _exchanged(asked)

    return await once(deps, request, key, operation)


@router.post(
    "/employers/{employer_id}/exchange",
    response_model=ExchangeOut,
    summary="Order the exchange for those who asked",
    responses=described(400, 404, 409),
)
async def order(
    deps: Parts,
    request: Request,
    employer_id: Annotated[str, Path(max_length=64, examples=["emp-paris"])],
    body: ExchangeOrderIn,
    key: IdempotencyKey = None,
) -> Response:
    """Until 31 March; what nobody exchanged is lost then."""
    if body.programme not in deps.rulebooks:
        raise ProblemError(404, "NOT_FOUND", "there is no such programme")

    async def operation(tx: "Tx") -> ExchangeOut:
        ordered = order_exchange(tx, employer_id, body.vintage, deps.rulebooks, body.programme)
        return await _exchanged(ordered)

    return await once(deps, request, key, operation)


async def _exchanged(step: "Coroutine[None, None, Exchanged]") -> ExchangeOut:
    try:
        done = await step
    except Unknown as unknown:
        raise ProblemError(404, "NOT_FOUND", str(unknown)) from unknown
    except NotOnRequest as refused:
        raise ProblemError(409, "NOT_ON_REQUEST", str(refused)) from refused
    except TooLate as refused:
        raise ProblemError(409, "TOO_LATE", str(refused)) from refused
    return ExchangeOut(day=done.day, exchanged=done.exchanged_minor)


@router.post(
    "/accounts/{account_id}/gifts",
    status_code=201,
    response_model=GiftOut,
    summary="Give vouchers to a charity",
    responses=described(400, 404, 409),
)
async def gift(
    deps: Parts, request: Request, account_id: AccountId, body: GiftIn, key: IdempotencyKey = None
) -> Response:
    """Oldest vouchers first, outside the daily cap."""

    async def operation(tx: "Tx") -> GiftOut:
        try:
            given = await give(tx, account_id, body.charity, body.amount, deps.rulebooks)
        except Refused as refused:
            status = 404 if refused.code == "NOT_FOUND" else 409
            raise ProblemError(status, refused.code, str(refused)) from refused
        return GiftOut(
            charity=given.charity, amount=given.amount_minor, balance=given.balance_minor
        )

    return await once(deps, request, key, operation, 201)


@router.put("/charities/{charity_id}", summary="Let people give to a charity")
async def charity(
    deps: Parts,
    charity_id: Annotated[str, Path(max_length=64, examples=["restos"])],
    body: CharityIn,
) -> CharityIn:
    """A charity that is known keeps its name."""
    async with deps.pool.acquire() as sql:
        await add_charity(sql, charity_id, body.name)
    return body


@router.post(
    "/accounts/{account_id}/close",
    response_model=CloseOut,
    summary="An employee left: the rest goes back to the employer",
    responses=described(400, 404),
)
async def close(
    deps: Parts, request: Request, account_id: AccountId, body: CloseIn, key: IdempotencyKey = None
) -> Response:
    """Loads are frozen, tokens deleted, holds kept open; closing again changes nothing."""

    async def operation(tx: "Tx") -> CloseOut:
        try:
            done = await close_account(tx, account_id, body.why, deps.rulebooks)
        except UnknownAccount as unknown:
            raise ProblemError(404, "NOT_FOUND", str(unknown)) from unknown
        return CloseOut(returned=done.returned_minor, held=done.held_minor)

    return await once(deps, request, key, operation)


@router.get("/vintages/{vintage}/shares", summary="What was lost, for the works councils")
async def shares(
    deps: Parts, vintage: Annotated[int, Path(ge=2014, le=2099, examples=[2026])]
) -> SharesOut:
    """By employer, those that lost something."""
    async with deps.pool.acquire() as sql:
        found = await shares_of(sql, vintage)
    return SharesOut(
        data=[
            ShareOut(
                employer=share.employer,
                name=share.name,
                vintage=share.vintage,
                holders=share.holders,
                lost=share.lost_minor,
            )
            for share in found
        ]
    )
