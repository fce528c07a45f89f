"""The body of an online purchase, checked; its card number becomes a reference here."""

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema
from pydantic.config import JsonDict

from authz.access.scopes import Caller
from authz.custody.pan import Pan
from authz.gateway.amounts import Minor
from authz.gateway.deps import Road
from authz.gateway.problems import ProblemError
from authz.gateway.proofs import LENGTH_MAX, read_proof
from authz.gateway.words import Category, LinesDisagree, Order, eligible_of
from authz.iso8583.numbers import AMOUNT_MAX
from rules.facts import HolderProof

EXAMPLE: Final[JsonDict] = {
    "credential": {"pan": "9999670000000012", "expiry": "2912"},
    "merchant": {"acquirer": "12345", "mid": "MERCH0000000001"},
    "amount": 2500,
    "partial_ok": False,
    "capture": "manual",
    "order_ref": "ORDER-4711",
    "authentication": "simulated",
}
SIMULATED: Final = "simulated"
"""The holder's proof of the test clock: a 3-D Secure that always succeeds."""
PRINTABLE: Final = r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"


def _pan(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a card number is written as text")
    return Pan(value)


CardNumber = Annotated[
    Pan,
    BeforeValidator(_pan),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{12,19}$"}),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, frozen=True)


class CardIn(_Strict):
    """A card, or a token by the number of its device, as the holder types it in."""

    pan: CardNumber
    expiry: Annotated[str, Field(pattern=r"^[0-9]{2}(0[1-9]|1[0-2])$")]


class OnlineTokenIn(_Strict):
    """A token of a wallet, by its number."""

    payment_token: Annotated[
        SecretStr,
        Field(min_length=1, max_length=64),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64}),
    ]


class MerchantIn(_Strict):
    """Who is paid, as its acquirer names it."""

    acquirer: Annotated[str, Field(pattern=r"^[0-9]{1,11}$")]
    mid: Annotated[str, Field(pattern=PRINTABLE, max_length=15)]


class GoodsLineIn(_Strict):
    """A part of the order; vouchers pay for `food` alone."""

    category: Category
    amount: Minor


class PurchaseIn(_Strict):
    """An online purchase; with `capture` `manual` it is held until it is captured."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    credential: CardIn | OnlineTokenIn
    merchant: MerchantIn
    amount: Minor
    eligible_amount: Annotated[int | None, Field(ge=0, le=AMOUNT_MAX, strict=True)] = None
    lines: Annotated[list[GoodsLineIn] | None, Field(min_length=1, max_length=200)] = None
    partial_ok: bool = False
    capture: Annotated[str, Field(pattern="^(manual|auto)$")] = "auto"
    order_ref: Annotated[str, Field(pattern=PRINTABLE, max_length=64)]
    authentication: Annotated[str | None, Field(pattern=PRINTABLE, max_length=LENGTH_MAX)] = None


def order_of(body: PurchaseIn, road: Road, caller: Caller, *, test_clock: bool) -> Order:
    """The order in our words. Raises the problem 422 where the lines do not agree."""
    lines = None if body.lines is None else [(line.category, line.amount) for line in body.lines]
    try:
        eligible_minor = eligible_of(body.amount, body.eligible_amount, lines)
    except LinesDisagree as disagree:
        raise ProblemError(422, "INVALID_REQUEST", f"body.lines: {disagree}") from disagree
    simulated = test_clock and body.authentication == SIMULATED
    number, expiry = _presented(body.credential)
    return Order(
        road.digester.card_ref(number),
        expiry,
        body.merchant.acquirer,
        body.merchant.mid,
        body.amount,
        eligible_minor,
        body.partial_ok,
        body.capture == "manual",
        body.order_ref,
        road.proof_wanted and caller.proof_wanted and not simulated,
        _proof(body, road),
    )


def content_of(body: PurchaseIn, order: Order) -> str:
    """What counts as content of the body; for the credential stands its keyed reference."""
    said = body.model_dump_json(exclude={"credential"})
    return f"{order.card_ref.hex()} {order.expiry} {said}"


def _presented(credential: CardIn | OnlineTokenIn) -> tuple[str, str | None]:
    if isinstance(credential, CardIn):
        return credential.pan.reveal(), credential.expiry
    return credential.payment_token.get_secret_value(), None


def _proof(body: PurchaseIn, road: Road) -> HolderProof | None:
    if not road.proof_wanted or road.proof_key is None or body.authentication is None:
        return None
    merchant = body.merchant
    return read_proof(body.authentication, road.proof_key, merchant.acquirer, merchant.mid)
