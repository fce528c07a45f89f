"""Tokens from wish to deletion, in the database: provisioned, coded, activated, suspended, gone.

A device PAN is never used twice: the row that leads from its digest to the person stays for ever.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from authz.credentials import codes
from authz.credentials.change import (
    By,
    Changed,
    Numbered,
    Step,
    about_to_add,
    add_credential,
    carry_out,
    change,
)
from authz.credentials.codes import TooSoon, Tried
from authz.credentials.courier import Courier, NoPhone, Sending
from authz.credentials.life import StateMismatch, TokenAction, move_token
from authz.credentials.numbers import new_device_pan, new_token_id
from authz.custody.pan import Pan, PanDigester
from authz.custody.safe import Safe
from authz.custody.sealed_numbers import find_card
from authz.hsm import Pin
from authz.refusal import Refused
from authz.state import Credential, Profile
from rules.facts import CardStatus, Token, TokenStatus, Wallet
from rules.geography import PARIS
from rules.provision import Path, Provision, Verdict, Wish, provide
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

STATUS: Final[Mapping[Verdict, TokenStatus]] = {
    Verdict.APPROVED: TokenStatus.ACTIVE,
    Verdict.REQUIRE_CODE: TokenStatus.REQUESTED,
}
FREE: Final = "select not exists (select 1 from credentials where card_ref = $1)"
REF: Final = "select content from directory where kind = 'token' and name = $1"
DRAWS_MAX: Final = 20
TOKENS_MAX: Final = 60
"""Of one card, the deleted ones too: they stay in the holder's row, so that their numbers are known
for dead, and each decision reads it. That is one a month for the five years of a card."""
TOO_SOON: Final = "TOO_SOON"
"""Why there is no code yet: one was sent not long ago."""


class Asked(Struct, frozen=True):
    """What a wallet sends."""

    card_id: str
    wallet: Wallet
    device: str
    path: Path
    attested: bool


class Provisioned(Struct, frozen=True):
    """The decision, and unless it was declined the token with its number, shown this once.

    A code that is wanted waits in `sending`, or `unsent` says why there is none: the holder asks
    for one later.
    """

    decision: Provision
    token: Token | None = None
    number: Pan | None = None
    sending: Sending | None = None
    unsent: str | None = None


class Tokens:
    """One for the HTTP side of a process."""

    def __init__(
        self,
        digester: PanDigester,
        safe: Safe,
        courier: Courier | None,
        books: Mapping[str, Rulebook],
    ) -> None:
        """`courier` brings codes to holders; without one none may be asked for.

        `books` are by programme.
        """
        self._digester = digester
        self._safe = safe
        self._courier = courier
        self._books = books

    async def provision(self, tx: "Tx", asked: Asked, by: By, now: datetime) -> Provisioned:
        """Decide, and make the token unless it is declined. `now` is the clock's, UTC.

        Raises Unknown, and Refused where the card is in that wallet of that device already, or
        was in as many as one card may be.
        """
        number = await self._draw(tx)
        ref = self._digester.card_ref(number.reveal())
        decided: list[Provision] = []
        made: list[Token] = []

        def step(profile: Profile) -> Profile:
            decided[:] = [provide(_wish(profile, asked, now))]
            _refuse_second(profile, asked)
            _refuse_one_more(profile, asked.card_id)
            if decided[0].verdict is Verdict.DECLINED:
                return profile
            made[:] = [_token(profile, asked, STATUS[decided[0].verdict])]
            credential = Credential(ref, asked.card_id, made[0].token_id)
            return replace(
                profile,
                tokens=(*profile.tokens, made[0]),
                credentials=(*profile.credentials, credential),
            )

        await about_to_add(tx)
        done = await change(tx, "card", asked.card_id, "PROVISION", by, step)
        if not made:
            return Provisioned(decided[0])
        kept = Numbered(ref, self._safe.card(number, ref))
        await add_credential(tx, "token", made[0].token_id, done.holder_id, kept)
        if decided[0].verdict is not Verdict.REQUIRE_CODE:
            return Provisioned(decided[0], made[0], number)
        try:
            sending = await self._new_code(tx, done, made[0].token_id)
        except NoPhone as refused:
            return Provisioned(decided[0], made[0], number, unsent=refused.code)
        except TooSoon:
            return Provisioned(decided[0], made[0], number, unsent=TOO_SOON)
        return Provisioned(decided[0], made[0], number, sending)

    async def resend(self, tx: "Tx", token_id: str, by: By) -> Sending:
        """A new code for a token that waits for one; once sent, the old ones are worth nothing.

        Raises Unknown, StateMismatch, TooSoon, and Refused where no code can be sent.
        """
        done = await change(tx, "token", token_id, "RESEND_CODE", by, _waiting(token_id))
        return await self._new_code(tx, done, token_id)

    async def activate(self, tx: "Tx", token_id: str, code: Pin, by: By) -> tuple[Changed, Tried]:
        """Try a code; the token is active only if it was right. The try counts: commit it.

        Raises Unknown, StateMismatch, and Refused while the card itself is not in use (TOK-07).
        """
        # Of the act nothing is noted yet: a wrong code is refused after this was committed.
        done = await carry_out(tx, "token", token_id, "TRY_CODE", by, _waiting(token_id))
        token = done.profile.token(token_id)
        if done.profile.card(token.card_id).status is not CardStatus.ACTIVE:
            raise Refused("CARD_BLOCKED", "the card of this token is not in use")
        ref = _ref_of(done.profile, token_id)
        tried = await codes.attempt(
            tx,
            done.holder_id,
            token_id,
            lambda kept: self._safe.module.pin_holds(ref, code, kept),
            done.at,
            self._book_of(done.profile, token_id),
        )
        if tried is Tried.RIGHT:
            done = await self.move(tx, token_id, TokenAction.ACTIVATE, by)
        return done, tried

    async def move(self, tx: "Tx", token_id: str, action: TokenAction, by: By) -> Changed:
        """Suspend, resume, delete, or note what its phone proved. Raises Unknown, StateMismatch."""
        return await change(
            tx, "token", token_id, action.value, by, lambda p: move_token(p, token_id, action)
        )

    async def number_of(self, tx: "Tx", token_id: str) -> str | None:
        """The device PAN, to tell again what was told; None where numbers are not kept.

        Raises `authz.custody.vault.Unreadable`.
        """
        card_ref, vault = await tx.fetchval(REF, token_id), self._safe.vault
        return None if vault is None else await find_card(tx, vault, card_ref)

    async def _new_code(self, tx: "Tx", done: Changed, token_id: str) -> Sending:
        assert self._courier is not None, "asked before a token was made"
        ref, book = _ref_of(done.profile, token_id), self._book_of(done.profile, token_id)
        return await self._courier.prepare(tx, done, token_id, ref, book)

    def _book_of(self, profile: Profile, token_id: str) -> Rulebook:
        card = profile.card(profile.token(token_id).card_id)
        return self._books[profile.account(card.account_no).account.programme]

    async def _draw(self, tx: "Tx") -> Pan:
        for _ in range(DRAWS_MAX):
            number = new_device_pan()
            if await tx.fetchval(FREE, self._digester.card_ref(number.reveal())):
                return number
        raise asyncpg.UniqueViolationError("the token range is full")


def _wish(profile: Profile, asked: Asked, now: datetime) -> Wish:
    card = profile.card(asked.card_id)
    account = profile.account(card.account_no).account
    month = f"{now.astimezone(PARIS):%y%m}"
    return Wish(card, account, asked.wallet, asked.path, asked.attested, month)


def _refuse_second(profile: Profile, asked: Asked) -> None:
    for token in profile.tokens:
        place = (token.card_id, token.wallet, token.device)
        here = place == (asked.card_id, asked.wallet, asked.device)
        if here and token.status is not TokenStatus.DELETED:
            why = "the card is in this wallet of this device already"
            raise Refused("TOKEN_EXISTS", why, token=token.token_id)


def _refuse_one_more(profile: Profile, card_id: str) -> None:
    if sum(token.card_id == card_id for token in profile.tokens) >= TOKENS_MAX:
        why = f"the card was in {TOKENS_MAX} devices, removed ones included: it needs a new card"
        raise Refused("TOKENS_USED_UP", why)


def _token(profile: Profile, asked: Asked, status: TokenStatus) -> Token:
    expiry = profile.card(asked.card_id).expiry
    return Token(new_token_id(), asked.card_id, asked.wallet, status, expiry, asked.device)


def _waiting(token_id: str) -> Step:
    """Change nothing of a token that waits for its code, and refuse any other."""

    def step(profile: Profile) -> Profile:
        status = profile.token(token_id).status
        if status is not TokenStatus.REQUESTED:
            raise StateMismatch(status)
        return profile

    return step


def _ref_of(profile: Profile, token_id: str) -> bytes:
    return next(c.card_ref for c in profile.credentials if c.token_id == token_id)
