"""Linking a bank card to an account, and unlinking it (TOP-08).

The bank is asked for 1.00 EUR that is never taken: a leg like any other, undone as soon as it is
answered, and told to the bank until it acknowledges, whatever breaks on the way (`verification`).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from authz.bank.kept import Wallet, keep_card, link_card, remove_card
from authz.bank.stans import NoStanLeft
from authz.bank.teller import BankDesk
from authz.bank.verification import MID, TERMINAL, asked_since, open_leg, undo
from authz.bank.words import BankCard, Place, Stamp, question, reference_of
from authz.decide.news import News
from authz.decide.topup import BankWord
from authz.holders.notices import HolderNotice, add_notice
from authz.refusal import Refused
from authz.storage.clock_row import civil_instant
from authz.world.fold import decode_profile, encode_profile
from ledger import journal
from ledger.journal import Change, Locked
from rules.facts import TopUp
from rules.geography import PARIS, civil_day

if TYPE_CHECKING:
    from ledger.journal import Tx


DAY: Final = timedelta(days=1)
TRIES_A_DAY_MAX: Final = 5
"""Cards that a bank is asked about for one person a day: enough for slips of the hand and a second
card, too few to find out which of many stolen numbers are good."""


class Enrolling(Struct, frozen=True):
    """A card that is kept and not linked, and the question to its bank; `at` is civil, UTC."""

    wallet: Wallet
    card: BankCard
    card_no: int
    number: int
    stamp: Stamp
    verify_minor: int
    at: datetime


class Enrolment:
    """Links cards over the bank's desk; `next_id` names the questions.

    A link is two SQL transactions of the caller's, with the question to the bank between them.
    """

    def __init__(self, desk: BankDesk, next_id: Callable[[], int]) -> None:
        """Nothing is asked yet."""
        self._desk = desk
        self._next_id = next_id

    async def stamp(self) -> Stamp | None:
        """The number of a question; None where none can be asked now."""
        if not self._desk.link.is_open:
            return None
        try:
            (stamp,) = await self._desk.stans.stamps(1)
        except NoStanLeft:
            return None
        return stamp

    async def begin(
        self, tx: "Tx", wallet: Wallet, card: BankCard, stamp: Stamp, verify_minor: int
    ) -> Enrolling:
        """Keep the card, not linked yet, and the leg that asks for it; commit before asking.

        Raises Refused (BANK_CARD_TRIES) where this person's banks were asked often enough today.
        """
        if await asked_since(tx, wallet.holder_id, stamp.at - DAY) >= TRIES_A_DAY_MAX:
            raise Refused("BANK_CARD_TRIES", "too many bank cards were tried today: try tomorrow")
        card_no = await keep_card(tx, self._desk.vault, wallet, card, stamp.at)
        name = wallet.holder_id, self._next_id()
        await open_leg(tx, name, wallet, card_no, stamp, verify_minor)
        at = await civil_instant(tx, stamp.at)
        return Enrolling(wallet, card, card_no, name[1], stamp, verify_minor, at)

    async def ask(self, card: Enrolling) -> BankWord:
        """What the bank says; the euro is undone whatever that is."""
        reference = reference_of(card.number)
        place = Place(self._desk.institution, reference, TERMINAL, MID, card.at)
        message = question(card.card, place, card.stamp, card.verify_minor, hold=True)
        word = await self._desk.word(message, self._desk.budget_s)
        # By itself: what follows may fail, and must not take it along.
        async with self._desk.pool.acquire() as sql, sql.transaction():
            await undo(sql, (card.wallet.holder_id, card.number), word, "enrolment")
        return word

    async def link(self, tx: "Tx", card: Enrolling) -> None:
        """Link a card that the bank approved, in place of any other."""
        top_up = TopUp(enabled=True, verified=True, expiry=card.card.expiry)
        await _set_top_up(tx, card.wallet, top_up)
        await link_card(tx, card.wallet, card.card_no, card.stamp.at)


async def unlink(tx: "Tx", wallet: Wallet) -> bool:
    """Remove the card: the next payment has no top-up, one that waits keeps its leg."""
    removed = await remove(tx, wallet, await civil_instant(tx, datetime.now(UTC)))
    await _set_top_up(tx, wallet, None)
    return removed


async def remove(tx: "Tx", wallet: Wallet, at: datetime) -> bool:
    """Remove the card from where it is kept, and let its holder hear of it (TOP-12)."""
    removed = await remove_card(tx, wallet, at)
    if removed:
        owner, day = (wallet.holder_id, wallet.account_no), civil_day(at, PARIS)
        await add_notice(tx, HolderNotice(*owner, News.BANK_CARD_REMOVED, day, at))
    return removed


async def _set_top_up(sql: "Tx", wallet: Wallet, top_up: TopUp | None) -> None:
    """Change what the rules see; the holder's version moves on (ARCHITECTURE, corner 9)."""

    def build(locked: Locked) -> Change:
        profile = decode_profile(locked.profile)
        held = profile.account(wallet.account_no)
        after = replace(held, account=replace(held.account, top_up=top_up))
        return Change(profile=encode_profile(profile.with_account(after)))

    await journal.post_many(sql, [wallet.holder_id], build)
