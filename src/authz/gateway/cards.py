"""A card's life over HTTP: activate, block, unblock, oppose, replace, PIN (CRD-01 to CRD-05)."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, Self

import asyncpg
from fastapi import APIRouter, Response
from msgspec.structs import replace as with_fields
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from authz.credentials import activation, life
from authz.credentials.change import (
    Changed,
    Numbered,
    Step,
    about_to_add,
    add_credential,
    change,
    profile_of,
)
from authz.credentials.life import CardAction
from authz.credentials.pins import pin_from_block
from authz.custody.pan import Pan
from authz.custody.safe import Safe
from authz.gateway.credential_steps import ANYBODY, EVENT, EventOut, Who, steps_of
from authz.gateway.deps import CardDesk, Deps, Given
from authz.gateway.names import CardId
from authz.gateway.once import Operation, Writing, write
from authz.gateway.problems import ProblemError, described
from authz.hsm import Pin
from authz.state import Credential, Profile
from authz.world.records import Generation
from rules.facts import Card, CardStatus, OpposedAs

if TYPE_CHECKING:
    from ledger.journal import Tx

router = APIRouter(tags=["cards"])


class ActivateIn(Who):
    """The last four digits prove that the card arrived."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"last4": "0012"}]})

    last4: Annotated[str, Field(pattern=r"^[0-9]{4}$")]


class OpposeIn(Who):
    """Lost or stolen; there is no way back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"opposed_as": "STOLEN"}]})

    opposed_as: Literal["LOST", "STOLEN"]


class NewCard(BaseModel):
    """The card that was made in its place."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=64)]
    pan: SecretStr
    expiry: Annotated[str, Field(pattern=r"^[0-9]{2}(0[1-9]|1[0-2])$")]
    psn: Annotated[str, Field(pattern=r"^[0-9]{2}$")] = "00"
    generation: Generation = "hybrid"
    visa_logo: bool = False
    conecs_logo: bool = True
    direct_wallet_add: bool = False


class ReplaceIn(Who):
    """A new card of the same account; it has to be activated."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"card": {"id": "card-2", "pan": "9999670000000020", "expiry": "3112"}},
            ]
        }
    )

    card: NewCard


class PinIn(Who):
    """A new PIN, in clear or as a block; or none, and the one that is there gets its tries back.

    What is kept of a PIN cannot be turned back. A block is of format 0 or 3 (ISO 9564-1), under the
    PIN key of the zone `ascii`.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"pin": "4826"}, {"unblock": True}]})

    pin: Annotated[SecretStr | None, Field(json_schema_extra={"pattern": "^[0-9]{4,12}$"})] = None
    pin_block: Annotated[
        SecretStr | None, Field(json_schema_extra={"pattern": "^[0-9A-Fa-f]{16}$"})
    ] = None
    unblock: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if [self.pin, self.pin_block, self.unblock].count(None) != 2:
            raise ValueError("one of `pin`, `pin_block` and `unblock` is wanted")
        return self


class CardOut(BaseModel):
    """A card, without its number; `last4` proves that it arrived, and is not told before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "card-1",
                    "account": "acc-1",
                    "status": "BLOCKED",
                    "opposed_as": None,
                    "last4": "0012",
                    "expiry": "2912",
                    "generation": "hybrid",
                    "visa_logo": False,
                    "direct_wallet_add": False,
                    "replaces": None,
                    "events": [EVENT],
                }
            ]
        }
    )

    id: str
    account: str
    status: str
    opposed_as: str | None
    last4: str | None
    expiry: str
    generation: str
    visa_logo: bool
    direct_wallet_add: bool
    replaces: str | None
    events: list[EventOut]


@router.get("/cards/{card_id}", summary="A card and what became of it", responses=described(404))
async def card(deps: Given, card_id: CardId) -> CardOut:
    """Its number is nowhere; the last four digits are, once it was activated."""
    async with deps.pool.acquire() as sql, sql.transaction(readonly=True):
        return await _shown(sql, await profile_of(sql, "card", card_id), card_id)


@write(router.post, "/cards/{card_id}/activate", CardOut, "Take a card into use")
async def activate(once: Writing, card_id: CardId, body: ActivateIn) -> Response:
    """The card that it replaces is done, and its tokens go on with the new one (CRD-04)."""

    async def operation(tx: "Tx") -> CardOut | ProblemError:
        done = await activation.activate(tx, card_id, body.last4, body.by())
        if done is not None:
            return await _shown(tx, done.profile, card_id)
        # Given, not raised: wrong digits are committed before they are refused, so that they count.
        why = "these are not the last four digits of the card"
        return ProblemError(409, "WRONG_DIGITS", why)

    return await once(operation)


@write(router.post, "/cards/{card_id}/block", CardOut, "Block a card")
async def block(once: Writing, card_id: CardId, body: Who = ANYBODY) -> Response:
    """At once: card and Android tokens are declined, Apple tokens pay with vouchers alone."""
    return await once(_changing(card_id, CardAction.BLOCK, body, life.block))


@write(router.post, "/cards/{card_id}/unblock", CardOut, "Unblock a card")
async def unblock(once: Writing, card_id: CardId, body: Who = ANYBODY) -> Response:
    """Everything is as it was before the block (CRD-03)."""
    return await once(_changing(card_id, CardAction.UNBLOCK, body, life.unblock))


@write(router.post, "/cards/{card_id}/oppose", CardOut, "Oppose a card for good")
async def oppose(once: Writing, card_id: CardId, body: OpposeIn) -> Response:
    """Lost is answered 41, stolen 43."""
    step = partial(life.oppose, opposed_as=OpposedAs(body.opposed_as))
    return await once(_changing(card_id, CardAction.OPPOSE, body, step))


@write(router.post, "/cards/{card_id}/replace", CardOut, "Issue a card in its place", 201)
async def replace(once: Writing, card_id: CardId, body: ReplaceIn) -> Response:
    """The old card goes on until the new one is activated; the money never moves (CRD-01)."""
    desk, new = _desk(once.deps), body.card
    try:
        pan = Pan(new.pan.get_secret_value())
    except ValueError as refused:
        raise ProblemError(422, "INVALID_REQUEST", f"body.card.pan: {refused}") from None
    if not pan.luhn_ok:
        raise ProblemError(422, "INVALID_REQUEST", "body.card.pan: the check digit is wrong")
    ref = desk.digester.card_ref(pan.reveal())
    made = Card(
        new.id, 0, CardStatus.ISSUED, new.expiry, None, new.psn, new.generation, new.visa_logo,
        new.conecs_logo, pan.last4, direct_wallet_add=new.direct_wallet_add,
    )  # fmt: skip

    def step(profile: Profile) -> Profile:
        after = life.replaced(profile, card_id, made)
        known = (*after.credentials, Credential(ref, new.id))
        return with_fields(after, credentials=known)

    async def operation(tx: "Tx") -> CardOut:
        await about_to_add(tx)
        done = await _change(tx, card_id, CardAction.REPLACE, body, step)
        number = Numbered(ref, desk.safe.card(pan, ref))
        try:
            await add_credential(tx, "card", new.id, done.holder_id, number)
        except asyncpg.UniqueViolationError as taken:
            raise ProblemError(409, "CARD_KNOWN", "this card is known already") from taken
        return await _shown(tx, done.profile, new.id)

    return await once(operation)


@write(router.post, "/cards/{card_id}/pin", CardOut, "Set or unblock a PIN")
async def pin(once: Writing, card_id: CardId, body: PinIn) -> Response:
    """All tries are given back."""
    safe = _desk(once.deps).safe
    if body.unblock:
        return await once(_changing(card_id, CardAction.UNBLOCK_PIN, body, life.with_tries_back))

    async def operation(tx: "Tx") -> CardOut:
        chosen = await _chosen(tx, safe, card_id, body)

        def change_pin(profile: Profile) -> Profile:
            own = life.own_credential(profile, card_id)
            return life.with_pin(profile, card_id, safe.module.pin_ref(own.card_ref, chosen))

        done = await _change(tx, card_id, CardAction.CHANGE_PIN, body, change_pin)
        return await _shown(tx, done.profile, card_id)

    return await once(operation)


async def _chosen(tx: "Tx", safe: Safe, card_id: str, body: PinIn) -> Pin:
    """The new PIN, as it came or from its block."""
    try:
        if body.pin is not None:
            return Pin(body.pin.get_secret_value())
        assert body.pin_block is not None, "one of them is there"
        return await pin_from_block(tx, safe, card_id, body.pin_block.get_secret_value())
    except ValueError:
        raise ProblemError(422, "INVALID_REQUEST", "body: this is no PIN of the card") from None


def _desk(deps: Deps) -> CardDesk:
    if deps.cards is None:
        raise ProblemError(503, "NOT_READY", "this process holds no keys")
    return deps.cards


def _changing(
    card_id: str, action: CardAction, who: Who, step: Callable[..., Profile]
) -> Operation:
    """A step of `life` that is all of the operation; it is given the `card_id`."""

    async def operation(tx: "Tx") -> CardOut:
        done = await _change(tx, card_id, action, who, partial(step, card_id=card_id))
        return await _shown(tx, done.profile, card_id)

    return operation


async def _change(tx: "Tx", card_id: str, action: CardAction, who: Who, step: Step) -> Changed:
    return await change(tx, "card", card_id, action.value, who.by(), step)


async def _shown(tx: "Tx", profile: Profile, card_id: str) -> CardOut:
    found = profile.card(card_id)
    return CardOut(
        id=card_id,
        account=profile.account(found.account_no).account.account_id,
        status=found.status.value,
        opposed_as=None if found.opposed_as is None else found.opposed_as.value,
        last4=None if found.status is CardStatus.ISSUED else found.last4,
        expiry=found.expiry,
        generation=found.generation,
        visa_logo=found.visa_logo,
        direct_wallet_add=found.direct_wallet_add,
        replaces=found.replaces,
        events=await steps_of(tx, "card", card_id),
    )
