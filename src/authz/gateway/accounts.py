"""`GET /v1/accounts/{id}`: lots oldest first, balance, and what today allows (ENQ-01, VIN-10)."""

from datetime import date
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from authz.gateway.deps import Given
from authz.gateway.names import AccountId
from authz.gateway.problems import described
from authz.holders.balances import AccountView, LotView, account_view, find_account
from authz.refusal import Unknown

router = APIRouter(tags=["accounts"])

EXAMPLE: Final[JsonDict] = {
    "id": "acc-1",
    "person": "per-1",
    "programme": "fr-meal",
    "status": "ACTIVE",
    "balance": 7500,
    "lots": [
        {
            "vintage": 2026,
            "origin": "LOAD",
            "from_vintage": None,
            "available": 7500,
            "held": 0,
            "expired": 0,
            "expires_on": "2027-02-28",
            "exchange_until": None,
            "loaded_on": "2026-01-05",
        }
    ],
    "today": {
        "day": "2026-11-24",
        "zone": "Europe/Paris",
        "cap": 2500,
        "used": 2500,
        "remaining": 0,
        "usable": 0,
        "resets_at": "2026-11-25T00:00:00+01:00",
        "next_expiry": "2027-02-28",
    },
}


class LotOut(BaseModel):
    """Vouchers of one vintage; `held` waits for its capture, `expired` cannot be spent any more.

    `exchange_until` is the last day to ask for their exchange, where it has to be asked for.
    """

    vintage: int
    origin: str
    from_vintage: int | None
    available: int
    held: int
    expired: int
    expires_on: date
    exchange_until: date | None
    loaded_on: date


class Today(BaseModel):
    """The civil day of the workplace; `usable` is 0 where vouchers may not be used on that day."""

    day: date
    zone: str
    cap: int
    used: int
    remaining: int
    usable: int
    resets_at: str
    next_expiry: date | None


class AccountOut(BaseModel):
    """An account as its holder may see it; `balance` is what is usable before its expiry."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: str
    person: str
    programme: str
    status: str
    balance: int
    lots: list[LotOut]
    today: Today


@router.get(
    "/accounts/{account_id}",
    summary="An account, its lots and what today allows",
    responses=described(404),
)
async def account(deps: Given, account_id: AccountId) -> AccountOut:
    """Lots that passed 1 March are shown as exchanged, whether or not that was booked yet."""
    async with deps.pool.acquire() as sql:
        found = await find_account(sql, account_id)
    if found is None:
        raise Unknown("there is no such account")
    return _shown(account_view(found, deps.rulebooks[found.held.account.programme]))


def _shown(view: AccountView) -> AccountOut:
    account, now = view.held.account, view.standing
    return AccountOut(
        id=account.account_id,
        person=view.person,
        programme=account.programme,
        status=account.status.value,
        balance=now.balance_minor,
        lots=[_lot(lot) for lot in view.lots],
        today=Today(
            day=now.day,
            zone=now.zone,
            cap=now.cap_minor,
            used=now.used_minor,
            remaining=now.remaining_minor,
            usable=now.usable_minor,
            resets_at=view.resets_at.isoformat(),
            next_expiry=now.next_expiry,
        ),
    )


def _lot(lot: LotView) -> LotOut:
    return LotOut(
        vintage=lot.vintage,
        origin=lot.origin.value,
        from_vintage=lot.from_vintage,
        available=lot.available_minor,
        held=lot.held_minor,
        expired=lot.expired_minor,
        expires_on=lot.expires_on,
        exchange_until=lot.exchange_until,
        loaded_on=lot.loaded_on,
    )
