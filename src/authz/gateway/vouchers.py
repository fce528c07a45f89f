"""What becomes of vouchers beside being spent: exchanged, given to a charity, given back, lost."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from authz.gateway.amounts import Minor
from authz.gateway.deps import Given
from authz.gateway.names import AccountId, EmployerId
from authz.gateway.once import Keyed, Writing, keyed, write
from authz.holders.gifts import add_charity, give
from authz.holders.leaving import close_account
from authz.holders.paper import convert
from authz.refusal import Unknown
from authz.vintages.asking import Exchanged, order_exchange, request_exchange
from authz.vintages.shares import shares_of

if TYPE_CHECKING:
    from ledger.journal import Tx

router = APIRouter(tags=["vouchers"])

Vintage = Annotated[int, Field(ge=2014, le=2099, strict=True)]


class ExchangeIn(BaseModel):
    """So many cents of an expired vintage, or all of it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"vintage": 2026, "amount": 4230}]}
    )

    vintage: Vintage
    amount: Minor | None = None


class ExchangeOrderIn(BaseModel):
    """The vintage that the employer orders the exchange of, for all who asked."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"vintage": 2026, "programme": "fr-meal"}]}
    )

    vintage: Vintage
    programme: Annotated[str, Field(max_length=64)] = "fr-meal"


class ExchangeOut(BaseModel):
    """The day of the request or order, and what is exchanged by now; the rest waits."""

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
    amount: Minor


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


class PaperIn(BaseModel):
    """So many cents of vouchers, to be had as paper."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"amount": 11000}]})

    amount: Minor


class TitlesOut(BaseModel):
    """Paper of one year of issue, and its last day."""

    vintage: int
    amount: int
    usable_until: date


class PaperOut(BaseModel):
    """What became paper, and what is left on the card."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "titles": [{"vintage": 2026, "amount": 11000, "usable_until": "2027-01-31"}],
                    "balance": 1400,
                }
            ]
        }
    )

    titles: list[TitlesOut]
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


@keyed(
    router.post,
    "/accounts/{account_id}/exchange",
    ExchangeOut,
    "Ask for expired vouchers' exchange",
)
async def ask(once: Keyed, account_id: AccountId, body: ExchangeIn) -> Response:
    """Until 15 March, where vouchers are not exchanged by themselves; once for each vintage."""

    async def operation(tx: "Tx") -> ExchangeOut:
        books = once.deps.rulebooks
        return _out(await request_exchange(tx, account_id, body.vintage, body.amount, books))

    return await once(operation)


@keyed(router.post, "/employers/{employer_id}/exchange", ExchangeOut, "Order the exchange for all")
async def order(once: Keyed, employer_id: EmployerId, body: ExchangeOrderIn) -> Response:
    """For those who asked, until 31 March; what nobody exchanged is lost then."""
    programme, books = body.programme, once.deps.rulebooks
    if programme not in books:
        raise Unknown("there is no such programme")

    async def operation(tx: "Tx") -> ExchangeOut:
        return _out(await order_exchange(tx, employer_id, body.vintage, books, programme))

    return await once(operation)


@keyed(router.post, "/accounts/{account_id}/gifts", GiftOut, "Give vouchers to a charity", 201)
async def gift(once: Keyed, account_id: AccountId, body: GiftIn) -> Response:
    """Oldest vouchers first, outside the daily cap."""

    async def operation(tx: "Tx") -> GiftOut:
        given = await give(tx, account_id, body.charity, body.amount, once.deps.rulebooks)
        return GiftOut(
            charity=given.charity, amount=given.amount_minor, balance=given.balance_minor
        )

    return await once(operation)


@keyed(router.post, "/accounts/{account_id}/paper", PaperOut, "Turn vouchers into paper", 201)
async def paper(once: Keyed, account_id: AccountId, body: PaperIn) -> Response:
    """For who works mainly outside, where the employer lets them; oldest vouchers first."""

    async def operation(tx: "Tx") -> PaperOut:
        done = await convert(tx, account_id, body.amount, once.deps.rulebooks)
        titles = [
            TitlesOut(
                vintage=each.vintage, amount=each.amount_minor, usable_until=each.usable_until
            )
            for each in done.titles
        ]
        return PaperOut(titles=titles, balance=done.balance_minor)

    return await once(operation)


@write(router.put, "/charities/{charity_id}", CharityIn, "Let people give to a charity")
async def charity(
    once: Writing,
    charity_id: Annotated[str, Path(max_length=64, examples=["restos"])],
    body: CharityIn,
) -> Response:
    """A charity that is known keeps its name."""

    async def operation(tx: "Tx") -> CharityIn:
        await add_charity(tx, charity_id, body.name)
        return body

    return await once(operation)


@keyed(
    router.post, "/accounts/{account_id}/close", CloseOut, "An employee left: the rest goes back"
)
async def close(once: Keyed, account_id: AccountId, body: CloseIn) -> Response:
    """Loads are frozen, tokens deleted, holds kept open; closing again changes nothing."""

    async def operation(tx: "Tx") -> CloseOut:
        done = await close_account(tx, account_id, body.why, once.deps.rulebooks)
        return CloseOut(returned=done.returned_minor, held=done.held_minor)

    return await once(operation)


@router.get("/vintages/{vintage}/shares", summary="What was lost, for the works councils")
async def shares(
    deps: Given, vintage: Annotated[int, Path(ge=2014, le=2099, examples=[2026])]
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


def _out(done: Exchanged) -> ExchangeOut:
    return ExchangeOut(day=done.day, exchanged=done.exchanged_minor)
