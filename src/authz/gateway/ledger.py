"""`/v1/ledger`: the books as they are, for auditors: trial balance, accounts, movements."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Final, cast

import asyncpg
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from authz.gateway.deps import Given
from authz.gateway.paging import LIMIT_DEFAULT, Limit, PageOut, showing
from authz.gateway.problems import ProblemError, described
from authz.ids import parse_public_id
from authz.refusal import Unknown
from ledger import queries, rollup
from ledger.accounts import CHART, House, holder_of, is_lot, kind_of, lot_no_of
from ledger.names import authorization_of
from ledger.transfers import Transfer

NUMBER: Final = re.compile("-?[0-9]{1,19}")

router = APIRouter(tags=["ledger"], prefix="/ledger")

LINE: Final[JsonDict] = {
    "name": "TRUST_CASH",
    "account": 100,
    "debits_pending": 0,
    "debits_posted": 30000,
    "credits_pending": 0,
    "credits_posted": 12000,
}
TRANSFER: Final[JsonDict] = {
    "id": "2-3",
    "holder": 2,
    "seq": 3,
    "kind": "direct",
    "debit_account": 8193,
    "credit_account": -1,
    "amount": 1250,
    "authorization": "2-3c0a51b2400",
    "about": None,
    "day": "2026-11-24",
    "at": "2026-11-24T11:30:00Z",
}
SIDES: Final[JsonDict] = {
    "debits_pending": 0,
    "debits_posted": 600,
    "credits_pending": 700,
    "credits_posted": 4800,
}


class Sides(BaseModel):
    """Four sums in cents. Pending is held; posted has moved."""

    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


class BookLineOut(Sides):
    """A line of the chart with the sums over all its accounts.

    `account` is the number of an account of the house; lots and merchants have many.
    """

    name: str
    account: int | None


class TrialBalanceOut(BaseModel):
    """The balance at the watermark: `behind` movements are not in it yet (job `roll-up`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"until": None, "behind": 0, "balanced": True, "lines": [LINE], "totals": SIDES}
            ]
        }
    )

    until: date | None
    behind: int
    balanced: bool
    lines: list[BookLineOut]
    totals: Sides


class DayOut(Sides):
    """What moved on one civil day in Paris."""

    day: date


class LedgerAccountOut(BaseModel):
    """An account of the books. Lots show what they have; the others what moved, by day."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": -1,
                    "kind": "MERCHANT_PAYABLE",
                    "name": "Owed to a merchant",
                    "holder": None,
                    "lot": None,
                    "available": None,
                    "held": None,
                    "totals": SIDES,
                    "days": [{"day": "2026-11-24", **SIDES}],
                }
            ]
        }
    )

    id: int
    kind: str
    name: str
    holder: int | None
    lot: int | None
    available: int | None
    held: int | None
    totals: Sides | None
    days: list[DayOut]


class TransferOut(BaseModel):
    """A movement: `about` is the number of the one that it settles or takes back."""

    model_config = ConfigDict(json_schema_extra={"examples": [TRANSFER]})

    id: str
    holder: int
    seq: int
    kind: str
    debit_account: int
    credit_account: int
    amount: int
    authorization: str | None
    about: int | None
    day: date
    at: datetime


class TransfersPage(PageOut[TransferOut, str]):
    """A part of the list, by holder and number; `next_cursor` asks for what comes behind it."""

    model_config = showing(TRANSFER)


class Wanted(BaseModel):
    """Which movements; every filter narrows."""

    model_config = ConfigDict(extra="forbid")

    holder: Annotated[int | None, Field(ge=1, lt=1 << 51, examples=[2])] = None
    account: Annotated[int | None, Field(ge=-(1 << 63), lt=1 << 63, examples=[-1])] = None
    authorization: Annotated[str | None, Field(max_length=40, examples=["2-3c0a51b2400"])] = None
    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[str | None, Field(max_length=40, examples=["2-3"])] = None


@router.get("/trial-balance", summary="Debits and credits by line of the chart")
async def trial_balance(
    deps: Given, until: Annotated[date | None, Query(examples=["2026-11-30"])] = None
) -> TrialBalanceOut:
    """As rolled up, to the last day that is asked for."""
    async with (
        deps.pool.acquire() as sql,
        sql.transaction(isolation="repeatable_read", readonly=True),
    ):
        lines = await rollup.trial_balance(sql, until)
        _, behind = await rollup.behind(sql)
    shown = [
        BookLineOut(name=line.name, account=House.__members__.get(line.name), **_sides(line))
        for line in lines
    ]
    totals = _summed(shown)
    balanced = (totals.debits_pending, totals.debits_posted) == (
        totals.credits_pending,
        totals.credits_posted,
    )
    return TrialBalanceOut(
        until=until, behind=behind, balanced=balanced, lines=shown, totals=totals
    )


@router.get("/accounts/{account_id}", summary="An account of the books", responses=described(404))
async def account(
    deps: Given,
    account_id: Annotated[str, Path(max_length=64, examples=["-1", "TRUST_CASH"])],
) -> LedgerAccountOut:
    """A merchant's is its number below zero, the house's are below 4096, the others are lots.

    Those of the house may be named as the trial balance names them.
    """
    number = _number(account_id)
    async with deps.pool.acquire() as sql:
        if is_lot(number):
            return await _lot(cast("asyncpg.Connection", sql), number)
        days = await rollup.days_of(sql, number)
    if number >= 0 and number not in list(House):
        raise _unknown()
    shown = [DayOut(day=each.day, **_sides(each)) for each in days]
    return _account(number, totals=_summed(shown), days=shown)


@router.get("/transfers", summary="Movements, by holder and number")
async def transfers(deps: Given, wanted: Annotated[Wanted, Query()]) -> TransfersPage:
    """By holder, account or authorization, or all."""
    named = _pair(wanted.authorization, "authorization", parse_public_id)
    after = _pair(wanted.cursor, "cursor", _place)
    holder_id = named[0] if named else wanted.holder
    async with deps.pool.acquire() as sql:
        found = await queries.page_of_transfers(
            sql,
            wanted.limit + 1,
            after,
            holder_id=holder_id,
            account_id=wanted.account,
            authorization_id=named[1] if named else None,
        )
    return TransfersPage.of([_transfer(each) for each in found], wanted.limit)


async def _lot(sql: asyncpg.Connection, account_id: int) -> LedgerAccountOut:
    lot_no = lot_no_of(account_id)
    lots = await queries.lots_of(sql, holder_of(account_id))
    found = next((lot for lot in lots if lot.lot_no == lot_no), None)
    if found is None:
        raise _unknown()
    return _account(account_id, available=found.available_minor, held=found.held_minor)


def _number(account: str) -> int:
    """The number of an account, given itself or as a house account's name. Raises Unknown."""
    if account in House.__members__:
        return int(House[account])
    if NUMBER.fullmatch(account) is None or not -(1 << 63) <= int(account) < 1 << 63:
        raise _unknown()
    return int(account)


def _account(
    account_id: int,
    *,
    available: int | None = None,
    held: int | None = None,
    totals: Sides | None = None,
    days: list[DayOut] | None = None,
) -> LedgerAccountOut:
    kind = kind_of(account_id)
    return LedgerAccountOut(
        id=account_id,
        kind=kind.value,
        name=next(entry.name for entry in CHART if entry.kind is kind),
        holder=holder_of(account_id) or None,
        lot=lot_no_of(account_id) if is_lot(account_id) else None,
        available=available,
        held=held,
        totals=totals,
        days=days or [],
    )


def _transfer(transfer: Transfer) -> TransferOut:
    return TransferOut(
        id=f"{transfer.holder_id}-{transfer.seq}",
        holder=transfer.holder_id,
        seq=transfer.seq,
        kind=transfer.kind.value,
        debit_account=transfer.debit_account,
        credit_account=transfer.credit_account,
        amount=transfer.amount_minor,
        authorization=authorization_of(transfer),
        about=transfer.about_seq,
        day=transfer.day,
        at=transfer.at,
    )


def _sides(line: rollup.Line | rollup.DayTotals) -> dict[str, int]:
    return {name: getattr(line, name) for name in Sides.model_fields}


def _summed(lines: Sequence[Sides]) -> Sides:
    return Sides(
        **{name: sum(getattr(each, name) for each in lines) for name in Sides.model_fields}
    )


def _place(text: str) -> tuple[int, int] | None:
    """Holder and number of a movement's id."""
    holder, _, seq = text.partition("-")
    plain = all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (holder, seq))
    return (int(holder), int(seq)) if plain else None


def _pair(
    text: str | None, name: str, parse: Callable[[str], tuple[int, int] | None]
) -> tuple[int, int] | None:
    if text is None:
        return None
    if (pair := parse(text)) is None:
        raise ProblemError(422, "INVALID_REQUEST", f"query.{name}: not one of ours")
    return pair


def _unknown() -> Unknown:
    return Unknown("there is no such account in the books")
