"""`GET` of the records that `PUT` takes: what is read can be put again, and changes nothing."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from authz.gateway.administration import EXAMPLES, Acquirer, Mid
from authz.gateway.deps import Deps, Given
from authz.gateway.names import AccountId, CardId, EmployerId
from authz.gateway.paging import LIMIT_DEFAULT, Limit, PageOut, showing
from authz.gateway.problems import described
from authz.refusal import Unknown
from authz.world.known import Fields, known, known_employers, known_merchants

router = APIRouter(tags=["administration"])

_SCHEMAS: Final = "#/components/schemas/"
IssuerOut = Annotated[Fields, WithJsonSchema({"$ref": f"{_SCHEMAS}IssuerRecord"})]
EmployerOut = Annotated[Fields, WithJsonSchema({"$ref": f"{_SCHEMAS}EmployerRecord"})]
MerchantOut = Annotated[Fields, WithJsonSchema({"$ref": f"{_SCHEMAS}MerchantRecord"})]
AccountRecordOut = Annotated[Fields, WithJsonSchema({"$ref": f"{_SCHEMAS}AccountRecord"})]
CardRecordOut = Annotated[Fields, WithJsonSchema({"$ref": f"{_SCHEMAS}CardRecord"})]


def _read_back(record: str, *left_out: str) -> dict[int | str, dict[str, Any]]:
    """The answers of such an operation, and what its record looks like."""
    shown = {name: value for name, value in EXAMPLES[record].items() if name not in left_out}
    return {**described(404), 200: {"content": {"application/json": {"example": shown}}}}


class EmployersPage(PageOut[EmployerOut, str]):
    """A part of the list, by name; `next_cursor` asks for what comes behind it."""

    model_config = showing(EXAMPLES["EmployerRecord"])


class MerchantsPage(PageOut[MerchantOut, str]):
    """A part of the list, by acquirer and number; `next_cursor` asks for what comes behind it."""

    model_config = showing(EXAMPLES["MerchantRecord"])


class EmployersWanted(BaseModel):
    """Which part is wanted."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[str, Field(max_length=64, examples=["emp-paris"])] = ""


class MerchantsWanted(BaseModel):
    """Which part is wanted."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[
        str | None,
        Field(pattern=r"^[0-9]{1,11}/[\x20-\x7e]{1,15}$", examples=["12345/MERCH0000000001"]),
    ] = None


@router.get("/issuer", summary="Who pays merchants", responses=_read_back("IssuerRecord"))
async def issuer(deps: Given) -> IssuerOut:
    """404 as long as nobody said."""
    return await _record(deps, "issuer")


@router.get("/employers", summary="Employers by name")
async def employers(deps: Given, wanted: Annotated[EmployersWanted, Query()]) -> EmployersPage:
    """All of them, a part at a time."""
    async with deps.pool.acquire() as sql:
        found = await known_employers(sql, wanted.cursor, wanted.limit + 1)
    return EmployersPage.of(found, wanted.limit, lambda record: record["id"])


@router.get(
    "/employers/{employer_id}",
    summary="An employer's record",
    responses=_read_back("EmployerRecord"),
)
async def employer(deps: Given, employer_id: EmployerId) -> EmployerOut:
    """Workplace and derogations of all its employees."""
    return await _record(deps, "employer", employer_id)


@router.get("/merchants", summary="Merchants by acquirer and number")
async def merchants(deps: Given, wanted: Annotated[MerchantsWanted, Query()]) -> MerchantsPage:
    """All that are registered, a part at a time."""
    acquirer, _, mid = (wanted.cursor or "").partition("/")
    async with deps.pool.acquire() as sql:
        found = await known_merchants(sql, (acquirer, mid), wanted.limit + 1)
    return MerchantsPage.of(found, wanted.limit, _merchant_name)


@router.get(
    "/merchants/{acquirer}/{mid}",
    summary="A merchant's record",
    responses=_read_back("MerchantRecord"),
)
async def merchant(deps: Given, acquirer: Acquirer, mid: Mid) -> MerchantOut:
    """Class, place, agreement and account."""
    return await _record(deps, "merchant", acquirer, mid)


@router.get(
    "/accounts/{account_id}/record",
    summary="An account's record",
    responses=_read_back("AccountRecord", "lots"),
)
async def account(deps: Given, account_id: AccountId) -> AccountRecordOut:
    """Without its money, and the numbers of bank card and telephone."""
    return await _record(deps, "account", account_id)


@router.get(
    "/cards/{card_id}/record",
    summary="A card's record",
    responses=_read_back("CardRecord", "pan"),
)
async def card(deps: Given, card_id: CardId) -> CardRecordOut:
    """Without its number and its PIN, which a `PUT` may leave out."""
    return await _record(deps, "card", card_id)


async def _record(deps: Deps, kind: str, *name: str) -> Fields:
    async with (
        deps.pool.acquire() as sql,
        sql.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = await known(sql, kind, *name)
    if found is None:
        raise Unknown(f"there is no such {kind}")
    return found


def _merchant_name(record: Fields) -> str:
    return f"{record['acquirer']}/{record['mid']}"
