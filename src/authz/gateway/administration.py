"""`PUT` of the records of world files, one at a time: all kinds but tokens."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import asyncpg
import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from authz.custody.pan import Pan
from authz.custody.phones import SHAPE, Phone
from authz.gateway.once import Once, Writing
from authz.gateway.problems import ProblemError, described
from authz.world.change import CREATED, put_record
from authz.world.known import Fields
from authz.world.left_out import completed
from authz.world.names import written_twice
from authz.world.read import Placed, WorldError, record_of
from authz.world.records import (
    AccountRecord,
    CardRecord,
    EmployerRecord,
    IssuerRecord,
    MerchantRecord,
    Record,
)

if TYPE_CHECKING:
    from ledger.journal import Tx

router = APIRouter(tags=["administration"])

EXAMPLES: Final[dict[str, JsonDict]] = {
    "IssuerRecord": {
        "name": "Millésime SA",
        "vouchers": {"iban": "FR76 9999 9000 0100 0000 0000 115", "bic": "TESTFRPP"},
        "own": {"iban": "FR76 9999 9000 0100 0000 0000 212", "bic": "TESTFRPP"},
    },
    "EmployerRecord": {
        "id": "emp-paris",
        "name": "Atelier Nord",
        "siret": "73282932000074",
        "department": "75",
        "derogations": [{"from": "2026-01-01", "to": None, "sunday": True, "holiday": False}],
    },
    "MerchantRecord": {
        "acquirer": "12345",
        "mid": "MERCH0000000001",
        "name": "Chez Paul",
        "class": "restaurant",
        "mcc": "5812",
        "department": "75",
        "agreement_from": "2020-01-01",
        "iban": "FR76 9999 9000 0100 0000 0000 309",
    },
    "AccountRecord": {
        "id": "acc-1",
        "employer": "emp-paris",
        "person": "per-1",
        "status": "ACTIVE",
        "lots": [{"vintage": 2026, "amount": 10000, "loaded_on": "2026-01-05"}],
    },
    "CardRecord": {
        "id": "card-1",
        "account": "acc-1",
        "pan": "9999670000000012",
        "expiry": "2912",
        "status": "BLOCKED",
    },
}
LEFT_OUT: Final = "What is left out of a known record stays as it is; a new one has the defaults."
_RECORDS: Final = (IssuerRecord, EmployerRecord, MerchantRecord, AccountRecord, CardRecord)
_SHAPES: Final[dict[type, dict[str, Any]]] = {
    Pan: {"type": "string", "pattern": "^[0-9]{12,19}$"},
    Phone: {"type": "string", "pattern": f"^{SHAPE.pattern}$"},
}


def schemas() -> dict[str, Any]:
    """The records as components of the OpenAPI document."""
    _, found = msgspec.json.schema_components(
        _RECORDS,
        schema_hook=lambda secret: _SHAPES[secret],
        ref_template="#/components/schemas/{name}",
    )
    for name, example in EXAMPLES.items():
        found[name]["examples"] = [example]
    found["CardRecord"]["required"].remove("pan")  # of a known card it may be left out
    return dict(found)


class PutOut(BaseModel):
    """What became of the record: `created`, `changed` or `unchanged`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "card", "id": "card-1", "result": "changed"}]}
    )

    kind: str
    id: str
    result: str


class Desk:
    """Takes in one record whose name the path says."""

    def __init__(self, once: Once, request: Request) -> None:
        """What an endpoint has of its request."""
        self._once, self._request = once, request

    async def put(self, kind: str, **name: str) -> Response:
        """Make the record or change it. Raises ProblemError; Refused where it must stay."""
        deps = self._once.deps
        if deps.road is None:
            raise ProblemError(503, "DRAINING", "no record is taken in now")
        fields = _fields(await self._request.body(), name)
        digester, programmes = deps.road.digester, frozenset(deps.rulebooks)
        safe = None if deps.cards is None else deps.cards.safe
        vault = None if safe is None else safe.vault

        async def operation(tx: "Tx") -> PutOut:
            whole = await completed(tx, kind, name.values(), fields, vault)
            done = await put_record(
                cast("asyncpg.Connection", tx), _placed(kind, whole), digester, programmes, safe
            )
            self._once.status = 201 if done == CREATED else 200
            return PutOut(kind=kind, id="/".join(name.values()), result=done)

        try:
            return await self._once(operation)
        except WorldError as refused:
            raise ProblemError(409, "DOES_NOT_FIT", str(refused)) from None


async def desk_of(once: Writing, request: Request) -> Desk:
    """The desk that a request stands at."""
    return Desk(once, request)


AtDesk = Annotated[Desk, Depends(desk_of)]
Endpoint = Callable[..., Coroutine[Any, Any, Response]]
Name = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
EmployerName = Annotated[Name, Path(examples=["emp-paris"])]
AccountName = Annotated[Name, Path(examples=["acc-1"])]
CardName = Annotated[Name, Path(examples=["card-1"])]
Acquirer = Annotated[str, Path(pattern=r"^[0-9]{1,11}$", examples=["12345"])]
Mid = Annotated[str, Path(pattern=r"^[\x20-\x7e]{1,15}$", examples=["MERCH0000000001"])]


def _takes(path: str, record: type[Record], summary: str) -> Callable[[Endpoint], Endpoint]:
    """Put the endpoint on the router; its body is described by the record itself."""
    schema = {"$ref": f"#/components/schemas/{record.__name__}"}
    content = {"application/json": {"schema": schema}}
    body = {"required": True, "description": LEFT_OUT, "content": content}
    created = {"description": "It was not there before", "model": PutOut}
    answers = {**described(409), 201: created}
    extra = {"requestBody": body}
    return router.put(
        path, summary=summary, response_model=PutOut, responses=answers, openapi_extra=extra
    )


@_takes("/issuer", IssuerRecord, "Who pays merchants, and from which accounts")
async def issuer(desk: AtDesk) -> Response:
    """The payment files of runs that are made from now on name it."""
    return await desk.put("issuer")


@_takes("/employers/{employer_id}", EmployerRecord, "An employer's establishment")
async def employer(desk: AtDesk, employer_id: EmployerName) -> Response:
    """Workplace and derogations of all its employees; it bites at the next batch."""
    return await desk.put("employer", id=employer_id)


@_takes("/merchants/{acquirer}/{mid}", MerchantRecord, "A merchant's establishment")
async def merchant(desk: AtDesk, acquirer: Acquirer, mid: Mid) -> Response:
    """Class, place, agreement and account; it bites at the next batch."""
    return await desk.put("merchant", acquirer=acquirer, mid=mid)


@_takes("/accounts/{account_id}", AccountRecord, "An employee's account")
async def account(desk: AtDesk, account_id: AccountName) -> Response:
    """`lots` and `used` are booked when the account is made and passed over afterwards."""
    return await desk.put("account", id=account_id)


@_takes("/cards/{card_id}", CardRecord, "A card")
async def card(desk: AtDesk, card_id: CardName) -> Response:
    """A block bites at the next batch; a card keeps its number, and OPPOSED is for good."""
    return await desk.put("card", id=card_id)


def _placed(kind: str, fields: Fields) -> Placed:
    try:
        return record_of("body", kind, fields)
    except WorldError as refused:
        raise ProblemError(422, "INVALID_REQUEST", str(refused)) from None


def _fields(body: bytes, name: dict[str, str]) -> dict[str, Any]:
    """The record's fields; its name may stand in the path alone, and never differs from it."""
    try:
        fields = msgspec.json.decode(body)
        twice = written_twice(body, fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProblemError(422, "INVALID_REQUEST", "body: is no JSON") from None
    if not isinstance(fields, dict):
        raise ProblemError(422, "INVALID_REQUEST", "body: an object is wanted")
    if twice is not None:
        raise ProblemError(422, "INVALID_REQUEST", f"body: {twice}")
    for key, value in name.items():
        if fields.setdefault(key, value) != value:
            raise ProblemError(422, "INVALID_REQUEST", f"body.{key}: is not that of the path")
    return fields
