"""`POST` and `DELETE /v1/accounts/{id}/bank-card`: link the holder's bank card, and unlink it."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from authz.balances import FoundAccount, find_account
from authz.bank.enrolment import Linked, unlink
from authz.bank.kept import Wallet
from authz.bank.words import BankCard
from authz.credentials.life import inactive_beside_another
from authz.gateway.deps import Deps, Given
from authz.gateway.names import AccountId
from authz.gateway.problems import ProblemError, described
from authz.pan import Pan
from authz.refusal import Unknown

router = APIRouter(tags=["accounts"])


class BankCardIn(BaseModel):
    """The card and the holder's proof: the simulated 3-D Secure authority says what it is told."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"pan": "9999490000000015", "expiry": "2912", "three_d_secure": "AUTHENTICATED"}
            ]
        },
    )

    pan: Annotated[SecretStr, Field(min_length=12, max_length=19)]
    expiry: Annotated[str, Field(pattern="^[0-9]{2}(0[1-9]|1[0-2])$")]
    three_d_secure: Annotated[str, Field(pattern="^(AUTHENTICATED|FAILED)$")] = "AUTHENTICATED"


class BankCardOut(BaseModel):
    """What is linked; never more than the last four digits."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"account": "acc-1", "last4": "0015", "expiry": "2912", "state": "LINKED"}]
        }
    )

    account: str
    last4: str
    expiry: str
    state: str


@router.post(
    "/accounts/{account_id}/bank-card",
    summary="Link a bank card for the top-up",
    status_code=201,
    responses=described(404, 409),
)
async def link(deps: Given, account_id: AccountId, wanted: BankCardIn) -> BankCardOut:
    """1.00 EUR is asked for and never taken; the card takes the place of any other."""
    found = await _found(deps, account_id)
    _refuse_second_card(found)
    if deps.enrolment is None:
        raise ProblemError(503, "NO_BANK", "there is no bank acquirer to ask")
    if wanted.three_d_secure != "AUTHENTICATED":
        raise ProblemError(409, "VERIFY_REQUIRED", "the holder's bank did not authenticate them")
    try:
        card = BankCard(Pan(wanted.pan.get_secret_value()), wanted.expiry)
    except ValueError as refused:
        raise ProblemError(422, "INVALID_REQUEST", f"body.pan: {refused}") from None
    parameters = deps.rulebooks[found.held.account.programme].on(found.now.date())
    linked = await deps.enrolment.link(_wallet(found), card, parameters.topup_verify_minor)
    if linked is Linked.DECLINED:
        raise ProblemError(409, "BANK_DECLINED", "the bank declines this card")
    if linked is Linked.UNKNOWN:
        raise ProblemError(503, "BANK_SILENT", "the bank did not answer: try again later")
    return BankCardOut(
        account=account_id, last4=card.pan.last4, expiry=card.expiry, state=linked.value
    )


@router.delete(
    "/accounts/{account_id}/bank-card",
    summary="Unlink the bank card",
    status_code=204,
    responses=described(404),
)
async def remove(deps: Given, account_id: AccountId) -> None:
    """Off at once; a payment that waits for the bank keeps its leg."""
    found = await _found(deps, account_id)
    if not await unlink(deps.pool, _wallet(found)):
        raise Unknown("no bank card is linked")


def _refuse_second_card(found: FoundAccount) -> None:
    """The meal card that is not in use goes first (TOP-08)."""
    card = inactive_beside_another(found.holder.profile, found.held.account.account_no)
    if card is not None:
        status = card.status.value
        detail = f"card {card.card_id} is {status} beside another: take it into use or remove it"
        raise ProblemError(409, "SECOND_CARD", detail)


async def _found(deps: Deps, account_id: str) -> FoundAccount:
    async with deps.pool.acquire() as sql:
        found = await find_account(sql, account_id)
    if found is None:
        raise Unknown("there is no such account")
    return found


def _wallet(found: FoundAccount) -> Wallet:
    return Wallet(found.holder.holder_id, found.held.account.account_no)
