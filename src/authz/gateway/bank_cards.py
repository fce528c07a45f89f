"""`POST` and `DELETE /v1/accounts/{id}/bank-card`: link the holder's bank card, and unlink it."""

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from authz.bank.enrolment import unlink
from authz.bank.kept import Wallet
from authz.bank.words import BankCard
from authz.credentials.life import inactive_beside_another
from authz.custody.pan import Pan
from authz.decide.news import News
from authz.decide.topup import BankWord
from authz.gateway.names import AccountId
from authz.gateway.once import Conclusion, Outside, Writing, write
from authz.gateway.problems import ProblemError
from authz.holders.balances import FoundAccount, find_account
from authz.refusal import Unknown
from rules.geography import civil_day, zone_of

if TYPE_CHECKING:
    from ledger.journal import Tx

router = APIRouter(tags=["accounts"])

LINKED: Final = "LINKED"


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


@write(
    router.post, "/accounts/{account_id}/bank-card", BankCardOut, "Link a bank card for the top-up",
    201,
)  # fmt: skip
async def link(once: Writing, account_id: AccountId, wanted: BankCardIn) -> Response:
    """1.00 EUR is asked for and never taken; the card takes the place of any other."""
    enrolment = once.deps.enrolment
    # Numbers are taken by a statement of their own, which must not wait within an SQL transaction.
    stamp = None if enrolment is None else await enrolment.stamp()

    async def operation(tx: "Tx") -> Outside:
        found = await _found(tx, account_id)
        _refuse_second_card(found)
        if enrolment is None:
            raise ProblemError(503, "NO_BANK", "there is no bank acquirer to ask")
        card = _authenticated(wanted)
        if stamp is None:
            raise _silent()
        today = civil_day(found.now, zone_of(found.employer.workplace.department))
        parameters = once.deps.rulebooks[found.held.account.programme].on(today)
        if card.expiry < parameters.month:  # as a payment would find it (TOP-12)
            raise ProblemError(409, News.BANK_CARD_EXPIRED.value, "the bank card has expired")
        verify_minor = parameters.topup_verify_minor
        question = await enrolment.begin(tx, _wallet(found), card, stamp, verify_minor)

        async def ask() -> Conclusion:
            word = await enrolment.ask(question)

            async def conclude(tx: "Tx") -> BankCardOut | ProblemError:
                if word is BankWord.APPROVED:
                    await enrolment.link(tx, question)
                return _answer(account_id, card, word)

            return conclude

        # Who dies while the bank is asked has linked nothing; the job that finds the leg undoes it.
        return Outside(_silent(), ask)

    return await once(operation)


@write(router.delete, "/accounts/{account_id}/bank-card", None, "Unlink the bank card", 204)
async def remove(once: Writing, account_id: AccountId) -> Response:
    """Off at once; a payment that waits for the bank keeps its leg."""

    async def operation(tx: "Tx") -> None:
        if not await unlink(tx, _wallet(await _found(tx, account_id))):
            raise Unknown("no bank card is linked")

    return await once(operation)


def _authenticated(wanted: BankCardIn) -> BankCard:
    if wanted.three_d_secure != "AUTHENTICATED":
        raise ProblemError(409, "VERIFY_REQUIRED", "the holder's bank did not authenticate them")
    try:
        return BankCard(Pan(wanted.pan.get_secret_value()), wanted.expiry)
    except ValueError as refused:
        raise ProblemError(422, "INVALID_REQUEST", f"body.pan: {refused}") from None


def _answer(account_id: str, card: BankCard, word: BankWord) -> BankCardOut | ProblemError:
    """A refusal is given, not raised: that the bank was asked is kept with it."""
    if word is BankWord.APPROVED:
        last4 = card.pan.last4
        return BankCardOut(account=account_id, last4=last4, expiry=card.expiry, state=LINKED)
    if word is BankWord.DECLINED:
        return ProblemError(409, "BANK_DECLINED", "the bank declines this card")
    return _silent()


def _silent() -> ProblemError:
    return ProblemError(503, "BANK_SILENT", "the bank did not answer: try again later")


def _refuse_second_card(found: FoundAccount) -> None:
    """The meal card that is not in use goes first (TOP-08)."""
    card = inactive_beside_another(found.holder.profile, found.held.account.account_no)
    if card is not None:
        status = card.status.value
        detail = f"card {card.card_id} is {status} beside another: take it into use or remove it"
        raise ProblemError(409, "SECOND_CARD", detail)


async def _found(tx: "Tx", account_id: str) -> FoundAccount:
    found = await find_account(tx, account_id)
    if found is None:
        raise Unknown("there is no such account")
    return found


def _wallet(found: FoundAccount) -> Wallet:
    return Wallet(found.holder.holder_id, found.held.account.account_no)
