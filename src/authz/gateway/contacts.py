"""`/v1/accounts/{id}/contact`: where the person of an account gets codes (TOK-03)."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from authz.custody.phones import SHAPE, Phone
from authz.custody.safe import Safe
from authz.gateway.deps import Deps, Given
from authz.gateway.names import AccountId
from authz.gateway.once import Writing, write
from authz.gateway.problems import ProblemError, described
from authz.holders.contacts import forget_phone, keep_phone, phone_of
from authz.refusal import Unknown

if TYPE_CHECKING:
    from ledger.journal import Tx

router = APIRouter(tags=["accounts"])

HOLDER = "select holder_id from directory where kind = 'account' and name = $1"


class ContactIn(BaseModel):
    """The telephone number, in international form; kept encrypted and never shown again."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"phone": "+33612345678"}]}
    )

    phone: Annotated[SecretStr, Field(json_schema_extra={"pattern": f"^{SHAPE.pattern}$"})]


class ContactOut(BaseModel):
    """Its last two digits, so that its owner knows which one it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"account": "acc-1", "phone": "********78"}]}
    )

    account: str
    phone: str


@write(router.put, "/accounts/{account_id}/contact", ContactOut, "Say where codes go")
async def put(once: Writing, account_id: AccountId, body: ContactIn) -> Response:
    """It counts from the next code on, for all accounts of the person."""
    try:
        phone = Phone(body.phone.get_secret_value())
    except ValueError as refused:
        raise ProblemError(422, "INVALID_REQUEST", f"body.phone: {refused}") from None
    safe = _safe(once.deps)

    async def operation(tx: "Tx") -> ContactOut:
        await keep_phone(tx, safe, await _holder(tx, account_id), phone)
        return ContactOut(account=account_id, phone=phone.masked)

    return await once(operation)


@router.get("/accounts/{account_id}/contact", summary="Where codes go", responses=described(404))
async def get(deps: Given, account_id: AccountId) -> ContactOut:
    """Its last two digits."""
    async with deps.pool.acquire() as sql:
        phone = await phone_of(sql, _safe(deps).vault, await _holder(sql, account_id))
    if phone is None:
        raise Unknown("no telephone number is on file")
    return ContactOut(account=account_id, phone=phone.masked)


@write(router.delete, "/accounts/{account_id}/contact", None, "Forget where codes go", 204)
async def delete(once: Writing, account_id: AccountId) -> Response:
    """No code is sent any more until another number is put."""

    async def operation(tx: "Tx") -> None:
        if not await forget_phone(tx, await _holder(tx, account_id)):
            raise Unknown("no telephone number is on file")

    return await once(operation)


def _safe(deps: Deps) -> Safe:
    if deps.cards is None or deps.cards.safe.vault is None:
        raise ProblemError(503, "NOT_READY", "this process has no key for numbers")
    return deps.cards.safe


async def _holder(sql: "Tx", account_id: str) -> int:
    holder_id: int | None = await sql.fetchval(HOLDER, account_id)
    if holder_id is None:
        raise Unknown("there is no such account")
    return holder_id
