"""`GET /v1/accounts/{id}/statement`: every movement of the account with its running balance."""

from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from authz.gateway.deps import Given
from authz.gateway.names import AccountId
from authz.gateway.paging import LIMIT_DEFAULT, Limit, PageOut, showing
from authz.gateway.problems import described
from authz.holders.movements import Entry, movements_of
from authz.refusal import Unknown

router = APIRouter(tags=["accounts"])

EXAMPLE: Final[JsonDict] = {
    "id": "17",
    "at": "2026-11-24T11:30:00Z",
    "day": "2026-11-24",
    "type": "PURCHASE",
    "movement": "direct",
    "leg": "VOUCHER",
    "vintage": 2026,
    "amount": 2500,
    "change": -2500,
    "balance": 7500,
    "authorization": "1f-3c0a51b2400",
    "mid": "MERCH0000000001",
}


class MovementOut(BaseModel):
    """One movement; `change` is what it did to what is available, `balance` what that left.

    `movement` is what it is in the books: `direct` moves at once; `hold` sets aside, and its `post`
    (settled) or `void` (let go) ends it: a payment that asked the bank has a `hold` and a `post`.
    `leg` is VOUCHER or BANK; what the bank card pays changes no balance of vouchers.
    """

    id: str
    at: datetime
    day: date
    type: str
    movement: str
    leg: str
    vintage: int | None
    amount: int
    change: int
    balance: int
    authorization: str | None
    mid: str | None


class StatementOut(PageOut[MovementOut, str]):
    """A part of the statement, newest first; `next_cursor` asks for what comes behind it."""

    model_config = showing(EXAMPLE)


class PageIn(BaseModel):
    """Which part is wanted."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[str | None, Field(pattern=r"^[0-9]{1,18}$", examples=["17"])] = None


@router.get(
    "/accounts/{account_id}/statement",
    summary="What came, went and was held",
    responses=described(404),
)
async def statement(
    deps: Given,
    account_id: AccountId,
    page: Annotated[PageIn, Query()],
) -> StatementOut:
    """Exchanges appear when they are booked; what has expired unbooked still counts here."""
    before = None if page.cursor is None else int(page.cursor)
    async with deps.pool.acquire() as sql:
        found = await movements_of(sql, account_id, page.limit + 1, before)
    if found is None:
        raise Unknown("there is no such account")
    return StatementOut.of([_shown(entry) for entry in found], page.limit)


def _shown(entry: Entry) -> MovementOut:
    return MovementOut(
        id=str(entry.seq),
        at=entry.at,
        day=entry.day,
        type=entry.kind,
        movement=entry.movement,
        leg="BANK" if entry.vintage is None else "VOUCHER",
        vintage=entry.vintage,
        amount=entry.amount_minor,
        change=entry.change_minor,
        balance=entry.balance_minor,
        authorization=entry.payment,
        mid=entry.mid,
    )
