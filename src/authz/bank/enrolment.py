"""Linking a bank card to an account, and unlinking it (TOP-08).

The bank is asked for 1.00 EUR that is never taken: a leg like any other, undone as soon as it is
answered, and told to the bank until it acknowledges, whatever breaks on the way (`verification`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

import asyncpg
from msgspec.structs import replace

from authz.bank.kept import Wallet, keep_card, link_card, remove_card
from authz.bank.stans import NoStanLeft
from authz.bank.teller import BankDesk
from authz.bank.verification import MID, TERMINAL, open_leg, undo
from authz.bank.words import BankCard, Place, Stamp, question, reference_of
from authz.holder_notices import HolderNotice, add_notice
from authz.news import News
from authz.topup import BankWord
from authz.world.fold import decode_profile, encode_profile
from ledger import journal
from ledger.journal import Change, Locked
from rules.facts import TopUp
from rules.geography import PARIS, civil_day

if TYPE_CHECKING:
    from ledger.journal import Tx


class Linked(Enum):
    """What came of an enrolment."""

    LINKED = "LINKED"
    DECLINED = "DECLINED"
    """The bank said no."""
    UNKNOWN = "UNKNOWN"
    """The bank said nothing, or there is no line to it: not linked."""


class Enrolment:
    """Links cards over the bank's desk; `next_id` names the questions."""

    def __init__(self, desk: BankDesk, next_id: Callable[[], int]) -> None:
        """Nothing is asked yet."""
        self._desk = desk
        self._next_id = next_id

    async def link(self, wallet: Wallet, card: BankCard, verify_minor: int) -> Linked:
        """Verify the card at its bank and link it in place of any other."""
        if not self._desk.link.is_open:
            return Linked.UNKNOWN
        number = self._next_id()
        try:
            (stamp,) = await self._desk.stans.stamps(1)
        except NoStanLeft:
            return Linked.UNKNOWN
        async with self._desk.pool.acquire() as sql, sql.transaction():
            card_no = await self._keep(sql, wallet, card, number, stamp, verify_minor)
        word = await self._ask(card, number, stamp, verify_minor)
        # By itself: what follows may fail, and must not take it along.
        async with self._desk.pool.acquire() as sql, sql.transaction():
            await undo(sql, (wallet.holder_id, number), word, "enrolment")
        if word is not BankWord.APPROVED:
            return Linked.DECLINED if word is BankWord.DECLINED else Linked.UNKNOWN
        async with self._desk.pool.acquire() as sql, sql.transaction():
            top_up = TopUp(enabled=True, verified=True, expiry=card.expiry)
            await _set_top_up(sql, wallet, top_up)
            await link_card(sql, wallet, card_no, stamp.at)
        return Linked.LINKED

    async def _keep(
        self,
        sql: "Tx",
        wallet: Wallet,
        card: BankCard,
        number: int,
        stamp: Stamp,
        verify_minor: int,
    ) -> int:
        """The card, not linked yet, and the leg that asks for it."""
        card_no = await keep_card(sql, self._desk.vault, wallet, card, stamp.at)
        name = wallet.holder_id, number
        await open_leg(sql, name, wallet, card_no, stamp, verify_minor)
        return card_no

    async def _ask(self, card: BankCard, number: int, stamp: Stamp, verify_minor: int) -> BankWord:
        place = Place(self._desk.institution, reference_of(number), TERMINAL, MID)
        message = question(card, place, stamp, verify_minor, hold=True)
        return await self._desk.word(message, self._desk.budget_s)


async def unlink(pool: asyncpg.Pool, wallet: Wallet) -> bool:
    """Remove the card: the next payment has no top-up, one that waits keeps its leg."""
    now = datetime.now(UTC)
    async with pool.acquire() as sql, sql.transaction():
        removed = await remove_card(sql, wallet, now)
        if removed:
            owner, day = (wallet.holder_id, wallet.account_no), civil_day(now, PARIS)
            await add_notice(sql, HolderNotice(*owner, News.BANK_CARD_REMOVED, day, now))
        await _set_top_up(sql, wallet, None)
    return removed


async def _set_top_up(sql: "Tx", wallet: Wallet, top_up: TopUp | None) -> None:
    """Change what the rules see; the holder's version moves on (ARCHITECTURE, corner 9)."""

    def build(locked: Locked) -> Change:
        profile = decode_profile(locked.profile)
        accounts = tuple(
            replace(held, account=replace(held.account, top_up=top_up))
            if held.account.account_no == wallet.account_no
            else held
            for held in profile.accounts
        )
        account_of = {lot.lot_no: lot.account_no for lot in profile.lots}
        return Change([], [], account_of, encode_profile(replace(profile, accounts=accounts)))

    await journal.post_many(sql, [wallet.holder_id], build)
