"""Takes over what a batch left without an answer: asks the bank, and has the payment settled.

Reserve (a batch) -> mark, ask (here, outside of any SQL transaction) -> settle (a later batch). The
terminal is answered once, with what was settled. Who repeats meanwhile waits with it, until its
own deadline and then in silence (ARCHITECTURE, corner 4).
"""

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import asyncpg
import structlog
from msgspec import Struct
from msgspec.structs import replace

from authz.bank.asking import Asked, mark_asked
from authz.bank.gatherer import Gatherer
from authz.bank.gauges import BankGauges
from authz.bank.link import BankLink, NotSent, Silent
from authz.bank.stans import NoStanLeft, Stans
from authz.bank.words import APPROVED, Place, question, reference_of
from authz.batch.batcher import Batcher
from authz.batch.batches import Done
from authz.custody.vault import Vault
from authz.decide.topup import BankWord
from authz.faults import told_as
from authz.identity import finish_key
from authz.iso8583 import numbers as de
from authz.iso8583.message import Message
from authz.outcomes import Later, Outcome, Reserved
from authz.requests import Kind, Original, Request
from authz.state import PaymentName
from authz.storage.sessions import LOST

POLL_S: Final = 0.05
TIME_TO_SETTLE_S: Final = 0.3
"""What is kept of a deadline for the batch that settles."""
MARKED_AT_ONCE: Final = 256

_TELL: Final = told_as("bank_leg_failed")
_log = structlog.get_logger()


class BankDesk(Struct, frozen=True):
    """What is needed to ask the bank; `budget_s` is how long an answer is waited for at most."""

    pool: asyncpg.Pool
    link: BankLink
    vault: Vault
    stans: Stans
    institution: str
    budget_s: float
    gauges: BankGauges

    async def word(self, message: Message, within_s: float) -> BankWord:
        """Ask the bank and return its word."""
        asked_s = monotonic()
        try:
            answer = await self.link.ask(message, min(self.budget_s, within_s))
        except NotSent:
            word = BankWord.NOT_ASKED
        except Silent:
            word = BankWord.SILENT
        else:
            word = word_of(message, answer)
        self.gauges.asked(word, monotonic() - asked_s)
        return word


def word_of(question: Message, answer: Message) -> BankWord:
    """What an answer says; an approval of another amount is no answer to what was asked."""
    if answer.fields.get(de.RESPONSE_CODE) != APPROVED:
        return BankWord.DECLINED
    same = answer.fields.get(de.AMOUNT) == question.fields[de.AMOUNT]
    return BankWord.APPROVED if same else BankWord.SILENT


class Teller:
    """Has every request answered that depends on the bank. Without a desk nobody is asked."""

    def __init__(self, batcher: Batcher, desk: BankDesk | None) -> None:
        """Nobody waits yet; `batcher` settles what `take` is given."""
        self._batcher = batcher
        self._desk = desk
        self._tasks: set[asyncio.Task[None]] = set()
        self._watches: dict[PaymentName, asyncio.Future[bool]] = {}
        self._marking = Gatherer(self._mark, MARKED_AT_ONCE)

    def take(self, request: Request, answer: Later, done: Done) -> None:
        """Take a request over; `done` is called once."""
        if isinstance(answer, Reserved):
            work = self._pay(request, answer, done)
        else:
            work = self._join(request, answer, done)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_TELL)

    async def _pay(self, request: Request, reserved: Reserved, done: Done) -> None:
        outcome: Outcome | None = None
        try:
            word = await self._ask(request, reserved)
            finish = finish_of(request, (reserved.holder_id, reserved.authorization_id), word)
            outcome = await self._settled(finish, reserved.holder_id)
        finally:
            done(outcome)

    async def _ask(self, request: Request, reserved: Reserved) -> BankWord:
        """Ask the bank within what is left of the deadline."""
        desk = self._desk
        if desk is None or not desk.link.is_open:
            return BankWord.NOT_ASKED
        asked = await self._marked((reserved.holder_id, reserved.authorization_id))
        left_s = request.deadline_s - monotonic() - TIME_TO_SETTLE_S
        if asked is None or left_s <= 0:
            return BankWord.NOT_ASKED
        reference = reference_of(reserved.authorization_id)
        place = Place(desk.institution, reference, request.terminal, request.mid, asked.at)
        hold = request.kind is Kind.HOLD
        message = question(asked.card, place, asked.stamp, reserved.bank_minor, hold=hold)
        return await desk.word(message, left_s)

    async def _marked(self, name: tuple[int, int]) -> Asked | None:
        marked: asyncio.Future[Asked | None] = asyncio.get_running_loop().create_future()
        self._marking.put((name, marked))
        return await marked

    async def _mark(
        self, batch: list[tuple[tuple[int, int], "asyncio.Future[Asked | None]"]]
    ) -> None:
        """Many legs in one SQL transaction; without it, none of them is asked for."""
        desk = self._desk
        assert desk is not None, "only a desk asks"
        try:
            names = [name for name, _ in batch]
            asked = await mark_asked(desk.pool, desk.vault, desk.stans, names)
        except (*LOST, asyncpg.PostgresError, NoStanLeft) as error:
            _log.warning("bank_legs_not_asked", legs=len(batch), error=type(error).__name__)
            asked = {}
        for name, marked in batch:
            if not marked.done():
                marked.set_result(asked.get(name))

    async def _settled(self, finish: Request, holder_id: int) -> Outcome | None:
        """Down the road once more; None where nobody knows, and recovery will see to it."""
        settled: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome | None) -> None:
            if not settled.done():
                settled.set_result(outcome)

        self._batcher.submit_again(finish, holder_id, done)
        return await settled

    async def _join(self, request: Request, later: Later, done: Done) -> None:
        """Ask again once the payment is settled, here or by another process."""
        outcome: Outcome | None = None
        name = later.holder_id, later.authorization_id
        try:
            # As a repeat: once its time is over, silence and no refusal is the honest answer.
            outcome = await self._joined(replace(request, repeat=True), name)
        finally:
            done(outcome)

    async def _joined(self, again: Request, name: PaymentName) -> Outcome | None:
        """However many wait for a payment, one of them at a time looks whether it is settled."""
        while (left_s := again.deadline_s - monotonic()) > 0:
            watch = self._watches.get(name)
            if watch is None:
                return await self._watched(again, name)
            settled, _ = await asyncio.wait([watch], timeout=left_s)
            if settled and watch.result():
                outcome = await self._settled(again, name[0])
                if not isinstance(outcome, Later):
                    return outcome
        return None

    async def _watched(self, again: Request, name: PaymentName) -> Outcome | None:
        """Look until it is settled or our own time is over, and tell those who wait beside us."""
        watch = self._watches[name] = asyncio.get_running_loop().create_future()
        is_settled = False
        try:
            while monotonic() < again.deadline_s:
                await asyncio.sleep(POLL_S)
                outcome = await self._settled(again, name[0])
                if not isinstance(outcome, Later):
                    is_settled = True
                    return outcome
        finally:
            del self._watches[name]
            watch.set_result(is_settled)
        return None


def finish_of(
    request: Request, name: tuple[int, int], word: BankWord | None, *, late: bool = False
) -> Request:
    """The request that settles a payment; one for each payment, so that it is settled once."""
    key = finish_key(*name)
    return Request(
        Kind.FINISH,
        request.purchase,
        card_ref=request.card_ref,
        key_hash=key,
        fingerprint=key,
        acquirer=request.acquirer,
        terminal=request.terminal,
        mid=request.mid,
        stan=request.stan,
        transmitted=request.transmitted,
        rrn=request.rrn,
        repeat=False,
        received_at=datetime.now(UTC),
        deadline_s=request.deadline_s,
        about=Original(name=name),
        bank=word,
        late=late,
    )
