"""`PUT` of employers, merchants, accounts and cards: the records of world files, one at a time."""

from typing import Annotated, Any, Final, cast

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from authz.gateway.deps import Deps, Parts
from authz.gateway.problems import ProblemError, described
from authz.world.change import CREATED, Unchangeable, put_record
from authz.world.read import WorldError, record_of
from authz.world.records import AccountRecord, CardRecord, EmployerRecord, MerchantRecord

router = APIRouter(tags=["administration"])

EXAMPLES: Final[dict[str, JsonDict]] = {
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
_RECORDS: Final = (EmployerRecord, MerchantRecord, AccountRecord, CardRecord)
_NUMBER: Final = {"type": "string", "pattern": "^[0-9]{12,19}$"}


def schemas() -> dict[str, Any]:
    """The records as components of the OpenAPI document."""
    _, found = msgspec.json.schema_components(
        _RECORDS, schema_hook=lambda _pan: _NUMBER, ref_template="#/components/schemas/{name}"
    )
    for name, example in EXAMPLES.items():
        found[name]["examples"] = [example]
    return dict(found)


class PutOut(BaseModel):
    """What became of the record: `created`, `changed` or `unchanged`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "card", "id": "card-1", "result": "changed"}]}
    )

    kind: str
    id: str
    result: str


def _body(name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


_ANSWERS: Final = {
    **described(409),
    201: {"description": "It was not there before", "model": PutOut},
}
Name = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]


@router.put(
    "/employers/{employer_id}",
    summary="An employer's establishment",
    responses=_ANSWERS,
    openapi_extra=_body("EmployerRecord"),
)
async def employer(
    deps: Parts,
    request: Request,
    response: Response,
    employer_id: Annotated[Name, Path(examples=["emp-paris"])],
) -> PutOut:
    """Workplace and derogations of all its employees; it bites at the next batch."""
    return await _put(deps, request, response, "employer", {"id": employer_id})


@router.put(
    "/merchants/{acquirer}/{mid}",
    summary="A merchant's establishment",
    responses=_ANSWERS,
    openapi_extra=_body("MerchantRecord"),
)
async def merchant(
    deps: Parts,
    request: Request,
    response: Response,
    acquirer: Annotated[str, Path(pattern=r"^[0-9]{1,11}$", examples=["12345"])],
    mid: Annotated[str, Path(pattern=r"^[\x20-\x7e]{1,15}$", examples=["MERCH0000000001"])],
) -> PutOut:
    """Class, place and agreement; it bites at the next batch."""
    return await _put(deps, request, response, "merchant", {"acquirer": acquirer, "mid": mid})


@router.put(
    "/accounts/{account_id}",
    summary="An employee's account",
    responses=_ANSWERS,
    openapi_extra=_body("AccountRecord"),
)
async def account(
    deps: Parts,
    request: Request,
    response: Response,
    account_id: Annotated[Name, Path(examples=["acc-1"])],
) -> PutOut:
    """`lots` and `used` are booked when the account is made and passed over afterwards."""
    return await _put(deps, request, response, "account", {"id": account_id})


@router.put(
    "/cards/{card_id}",
    summary="A card",
    responses=_ANSWERS,
    openapi_extra=_body("CardRecord"),
)
async def card(
    deps: Parts,
    request: Request,
    response: Response,
    card_id: Annotated[Name, Path(examples=["card-1"])],
) -> PutOut:
    """A block bites at the next batch; a card keeps its number, and OPPOSED is for good."""
    return await _put(deps, request, response, "card", {"id": card_id})


async def _put(
    deps: Deps, request: Request, response: Response, kind: str, name: dict[str, str]
) -> PutOut:
    if deps.road is None:
        raise ProblemError(503, "DRAINING", "no record is taken in now")
    fields = _fields(await request.body(), name)
    try:
        placed = record_of("body", kind, fields)
    except WorldError as refused:
        raise ProblemError(422, "INVALID_REQUEST", str(refused)) from None
    try:
        async with deps.pool.acquire() as sql:
            tx, programmes = cast("asyncpg.Connection", sql), frozenset(deps.rulebooks)
            done = await put_record(tx, placed, deps.road.digester, programmes)
    except WorldError as refused:
        raise ProblemError(409, "DOES_NOT_FIT", str(refused)) from None
    except Unchangeable as refused:
        raise ProblemError(409, refused.code, str(refused)) from None
    response.status_code = 201 if done == CREATED else 200
    return PutOut(kind=kind, id="/".join(name.values()), result=done)


def _fields(body: bytes, name: dict[str, str]) -> dict[str, Any]:
    """The record's fields; its name may stand in the path alone, and never differs from it."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProblemError(422, "INVALID_REQUEST", "body: is no JSON") from None
    if not isinstance(fields, dict):
        raise ProblemError(422, "INVALID_REQUEST", "body: an object is wanted")
    for key, value in name.items():
        if fields.setdefault(key, value) != value:
            raise ProblemError(422, "INVALID_REQUEST", f"body.{key}: is not that of the path")
    return fields
