"""`/v1/loads`: employers' orders, pending until their payment is matched (LOD-01 to LOD-04)."""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from authz.gateway.amounts import Whole
from authz.gateway.deps import Given
from authz.gateway.once import Keyed, keyed
from authz.gateway.problems import ProblemError, described
from authz.loads.lines import Bad, Line
from authz.loads.orders import BadLines, Order, place_order
from authz.loads.payments import LoadView, bounce, find_load, pay
from authz.refusal import Unknown

if TYPE_CHECKING:
    from ledger.journal import Tx

router = APIRouter(tags=["loads"])

LINES_MAX: Final = 20_000
PREFIX: Final = "load-"
NAMED: Final = re.compile(PREFIX + "([1-9][0-9]{0,17})")
LINE: Final[JsonDict] = {
    "account": "acc-1",
    "count": 20,
    "face_value": 1250,
    "employer_share": 700,
    "period": "2026-11",
}
ORDER: Final[JsonDict] = {"employer": "emp-paris", "order_ref": "BC-2026-11", "lines": [LINE]}
LOAD: Final[JsonDict] = {
    "id": "load-12",
    "state": "PENDING",
    "employer": "emp-paris",
    "order_ref": "BC-2026-11",
    "reference": "RF07MIL000000012",
    "total": 25000,
    "ordered_at": "2026-11-24T11:30:00Z",
    "paid_at": None,
    "lines": [{**LINE, "line": 1, "amount": 25000, "booked": None, "flags": [], "frozen": False}],
    "rejected": [],
}

LoadId = Annotated[str, Path(max_length=64, examples=["load-12"])]


class LoadLineIn(BaseModel):
    """So many titles of one face value; a negative count takes back what is unspent of them."""

    model_config = ConfigDict(extra="forbid")

    account: Annotated[str, Field(min_length=1, max_length=64)]
    count: Whole
    face_value: Whole
    employer_share: Whole
    period: Annotated[str, Field(max_length=7)]


class LoadOrderIn(BaseModel):
    """An order of one employer; `only_good` takes the good lines where others are bad."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ORDER]})

    employer: Annotated[str, Field(min_length=1, max_length=64)]
    lines: Annotated[list[LoadLineIn], Field(min_length=1, max_length=LINES_MAX)]
    order_ref: Annotated[str | None, Field(max_length=64)] = None
    only_good: bool = False


class PaymentIn(BaseModel):
    """A payment as the bank tells of it: the structured reference and the cents."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reference": "RF07 MIL0 0000 0012", "amount": 25000}]},
    )

    reference: Annotated[str, Field(max_length=40)]
    amount: Annotated[Whole, Field(gt=0)]


class BounceIn(BaseModel):
    """Why the employer's bank took the payment back."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"why": "AM04 insufficient funds"}]}
    )

    why: Annotated[str, Field(min_length=1, max_length=200)]


class LoadLineOut(BaseModel):
    """A line as it stands; `booked` is what it loaded, or took back (negative)."""

    line: int
    account: str
    count: int
    face_value: int
    employer_share: int
    period: str
    amount: int
    booked: int | None
    flags: list[str]
    frozen: bool


class RejectedOut(BaseModel):
    """A line that was left out, and why."""

    line: int
    place: str
    message: str


class LoadOut(BaseModel):
    """An order: PENDING until its payment is matched, then LOADED; BOUNCED if that was undone."""

    model_config = ConfigDict(json_schema_extra={"examples": [LOAD]})

    id: str
    state: str
    employer: str
    order_ref: str | None
    reference: str
    total: int
    ordered_at: datetime
    paid_at: datetime | None
    lines: list[LoadLineOut]
    rejected: list[RejectedOut] = []


@keyed(router.post, "/loads", LoadOut, "Order vouchers", 201)
async def order(once: Keyed, body: LoadOrderIn) -> Response:
    """Bad lines are named with their place; without `only_good` nothing is kept then."""
    lines = [
        Line(n, line.account, line.count, line.face_value, line.employer_share, line.period)
        for n, line in enumerate(body.lines, 1)
    ]

    async def place(tx: "Tx") -> LoadOut:
        ref, only_good, books = body.order_ref, body.only_good, once.deps.rulebooks
        try:
            placed = await place_order(
                tx, body.employer, lines, books, order_ref=ref, only_good=only_good
            )
        except BadLines as refused:
            raise _lines_problem(refused) from refused
        return await _shown(tx, placed)

    return await once(place)


@router.get("/loads/{load_id}", summary="An order as it stands", responses=described(404))
async def load(deps: Given, load_id: LoadId) -> LoadOut:
    """Pending, loaded or bounced, with every line."""
    async with deps.pool.acquire() as sql:
        return _out(await find_load(sql, _number(load_id)))


@keyed(router.post, "/loads/{load_id}/payment", LoadOut, "Match a payment: the vouchers are there")
async def payment(once: Keyed, load_id: LoadId, body: PaymentIn) -> Response:
    """Only the exact total under the right reference is taken."""

    async def take(tx: "Tx") -> LoadOut:
        number = _number(load_id)
        await pay(tx, number, body.reference, body.amount)
        return _out(await find_load(tx, number))

    return await once(take)


@keyed(router.post, "/loads/{load_id}/bounce", LoadOut, "The employer's bank took the payment back")
async def bounced(once: Keyed, load_id: LoadId, body: BounceIn) -> Response:
    """No further load of the employer is delivered until it is made good; nothing is taken back."""

    async def note(tx: "Tx") -> LoadOut:
        number = _number(load_id)
        await bounce(tx, number, body.why)
        return _out(await find_load(tx, number))

    return await once(note)


async def _shown(tx: "Tx", placed: Order) -> LoadOut:
    out = _out(await find_load(tx, placed.load_no))
    out.rejected = [_rejected(bad) for bad in placed.bad]
    return out


def _lines_problem(refused: BadLines) -> ProblemError:
    errors = [_rejected(bad).model_dump() for bad in refused.bad]
    return ProblemError(422, "BAD_LINES", f"{refused}: see errors", errors=errors)


def _number(load_id: str) -> int:
    """The number in a load's name; what is no name of ours is no load. Raises `Unknown`."""
    named = NAMED.fullmatch(load_id)
    if named is None:
        raise Unknown("there is no such load")
    return int(named[1])


def _rejected(bad: Bad) -> RejectedOut:
    return RejectedOut(line=bad.line_no, place=bad.place, message=bad.why)


def _out(view: LoadView) -> LoadOut:
    return LoadOut(
        id=f"{PREFIX}{view.load_no}",
        state=view.state,
        employer=view.employer,
        order_ref=view.order_ref,
        reference=view.reference,
        total=view.total_minor,
        ordered_at=view.ordered_at,
        paid_at=view.paid_at,
        lines=[
            LoadLineOut(
                line=line.line_no,
                account=line.account,
                count=line.count,
                face_value=line.face_minor,
                employer_share=line.share_minor,
                period=line.period,
                amount=line.count * line.face_minor,
                booked=line.booked_minor,
                flags=list(line.flags),
                frozen=line.frozen,
            )
            for line in view.lines
        ],
    )
