"""One batch at work: purses as they stand, answers given so far, rows gathered. Pure."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct, msgpack
from msgspec.structs import replace

from authz.decide.legs import AT_ONCE, LegBook
from authz.decide.loose_ends import NOBODY, TOMBSTONE, LooseEnds, is_same_message
from authz.decide.news import News
from authz.decide.purse import Purse
from authz.decide.topup import BankLeg, LegState
from authz.decide.writes import Row, Writes
from authz.identity import NO_CONTENT
from authz.outcomes import Outcome, Reserved, chip_of, later, reserved
from authz.requests import COMPLETIONS, PAYMENTS, Kind, Request
from authz.settlement.business_day import current_day
from authz.state import Completion, KeptAnswer, Payment, PaymentName, Pending, Refund, State
from ledger.transfers import Transfer
from rules.facts import Facts
from rules.geography import PARIS, civil_day

_encode: Final = msgpack.Encoder().encode
OWNERS_TIME: Final = timedelta(seconds=5)
"""How long the process that reserved a payment is left alone with it; beyond every deadline."""


class Kept(Struct, frozen=True, gc=False):
    """What is kept of an answer beside the answer itself."""

    account_no: int
    day: date | None
    eligible_minor: int = 0
    bank_minor: int = 0
    rulebook: str = ""
    facts: Facts | None = None
    about: int | None = None

    def is_payment(self, kind: Kind) -> bool:
        """Whether what was answered so is a payment of its own: an advice may only confirm one."""
        return kind in PAYMENTS and self.about is None


class Draft:
    """What later requests of a batch see of earlier ones, and what the save will write of all."""

    def __init__(self, state: State, next_id: Callable[[], int]) -> None:
        """Start from what was read; `next_id` names new authorizations."""
        self.state: Final = state
        self.next_id: Final = next_id
        self.answers = dict(state.kept)
        self.payments = dict(state.payments)
        self.decided_here: list[tuple[Request, Outcome, Kept]] = []
        self.pending = dict(state.pending)
        self.legs: Final = LegBook()
        self.reserved_here: list[tuple[Request, PaymentName]] = []
        self._reserved: list[Row] = []
        self._marked = False
        self._decided_about: set[int] = set()
        self._purses: dict[int, Purse] = {}
        self._keys: list[Row] = []
        self._decided: list[Row] = []
        self._movements: list[Row] = []
        self._news: list[Row] = []
        self._loose_ends = LooseEnds(state.now)

    def purse(self, holder_id: int) -> Purse:
        """The holder's money as it stands in this batch."""
        purse = self._purses.get(holder_id)
        if purse is None:
            purse = self._purses[holder_id] = Purse(self.state.holders[holder_id])
        return purse

    def post(self, transfer: Transfer) -> None:
        """A movement for the books."""
        self._movements.append(transfer.as_row())

    def post_about(self, payment: Payment, transfers: Iterable[Transfer]) -> None:
        """Movements about a payment; the next request about it in this batch sees them too."""
        moved = tuple(transfers)
        for transfer in moved:
            self.post(transfer)
        self.payments[payment.name] = replace(payment, movements=payment.movements + moved)

    def count_refund(self, name: PaymentName, back_minor: int) -> None:
        """So much more of a payment was refunded; below zero where a refund is taken back."""
        payment = self.payments[name]
        refunded_minor = payment.refunded_minor + back_minor
        self.payments[name] = replace(payment, refunded_minor=refunded_minor)

    def reserve(
        self, request: Request, number: int, bank_minor: int, account_no: int, facts: Facts
    ) -> Reserved:
        """A payment that waits for the bank: its key is taken, its answer not yet known."""
        holder_id, key_hash = self.state.holder_of[request.card_ref], request.key_hash
        self._decided_about.add(holder_id)
        written = replace(request, pin_refs=None)
        self.answers[key_hash] = KeptAnswer(request.fingerprint, later((holder_id, number)))
        self.reserved_here.append((request, (holder_id, number)))
        self._loose_ends.note_repeat(request)
        self._keys.append((key_hash, request.fingerprint, holder_id, number))
        self._reserved.append(
            (
                holder_id, number, key_hash, account_no, bank_minor, _encode(written),
                _encode(facts), request.acquirer, request.terminal, request.stan, request.rrn,
                facts.now, request.received_at + OWNERS_TIME, None,
            )
        )  # fmt: skip
        leg = BankLeg(holder_id, number, LegState.RESERVED, bank_minor, bank_minor)
        self.legs.reserve(leg, account_no, request, facts.now)
        return reserved((holder_id, number), bank_minor)

    def mark_reversed(self, pending: Pending) -> None:
        """Whoever settles the payment must see it: the answer that is kept moves its holder on."""
        self.pending[pending.name] = replace(pending, reversed=True)
        self._marked = True

    def keep(
        self,
        request: Request,
        outcome: Outcome,
        kept: Kept,
        at: datetime,
        under: Request | None = None,
    ) -> Outcome:
        """An answer that will be given again to the same key; as it is given, with its date.

        `under` is the request whose key is new: that of a payment that waited is there already.
        The holder moves on even where no money does: a decision stands on the version it saw.
        """
        business_day = current_day(self.state.business_day, at)
        outcome = replace(outcome, business_day=business_day, chip=chip_of(kept.facts))
        holder_id, number = outcome.holder_id, outcome.authorization_id
        self._decided_about.add(holder_id)
        self.answers[request.key_hash] = KeptAnswer(request.fingerprint, outcome)
        self.decided_here.append((request, outcome, kept))
        new = under or request
        if outcome.approved and under is None:
            self._loose_ends.note_repeat(request)
        if under is not None:
            self.answers[under.key_hash] = KeptAnswer(under.fingerprint, outcome)
        self._keys.append((new.key_hash, new.fingerprint, holder_id, number))
        self._decided.append(
            (
                holder_id,
                number,
                kept.account_no,
                request.kind.value,
                at,
                kept.day,
                outcome.reason.value,
                outcome.requested_minor,
                kept.eligible_minor,
                outcome.approved_minor,
                kept.bank_minor,
                outcome.balance_minor,
                outcome.usable_minor,
                outcome.approval_code,
                request.acquirer,
                request.terminal,
                request.mid,
                request.stan,
                request.transmitted,
                request.rrn,
                kept.rulebook,
                b"" if kept.facts is None else _encode(kept.facts),
                kept.about,
                business_day,
            )
        )
        return outcome

    def sent_before(self, request: Request) -> KeptAnswer | None:
        """The answer to the first sending of a repeat that was stamped anew.

        It is kept under the repeat's own key too: a reversal may name that one in DE90.
        """
        if not request.repeat:
            return None
        found = self.state.restamped.get(request.key_hash) or self._sent_here(request)
        if found is not None and found.outcome.authorization_id:
            self.answer_as(request.key_hash, found)
        return found

    def _sent_here(self, request: Request) -> KeptAnswer | None:
        for sent, outcome, _ in self.decided_here:
            if is_same_message(sent, request):
                return KeptAnswer(sent.fingerprint, outcome)
        for sent, _ in self.reserved_here:
            if is_same_message(sent, request):
                return self.answers[sent.key_hash]
        return TOMBSTONE if self._loose_ends.was_overtaken(request) else None

    def answer_as(self, key_hash: bytes, kept: KeptAnswer) -> None:
        """One more identity of a request: what comes under it gets the same answer."""
        if key_hash not in self.answers:
            self.answers[key_hash] = kept
            holder_id, number = kept.outcome.holder_id, kept.outcome.authorization_id
            self._keys.append((key_hash, kept.fingerprint, holder_id, number))

    def lay_tombstones(self, reversal: Request, *, found: bool) -> None:
        """The payment of the very identity that a reversal names shall be declined if it comes.

        With DE90 also where another payment was `found` to be meant: a repeat of that message.
        """
        about = reversal.about
        assert about is not None, "a reversal is about something"
        if found and about.stan is not None:
            return
        for key_hash in about.keys:
            if key_hash not in self.answers:
                self.answers[key_hash] = TOMBSTONE
                self._keys.append((key_hash, NO_CONTENT, NOBODY, self.next_id()))
                self._loose_ends.note_tombstone(key_hash, reversal)

    def refund(self, name: PaymentName) -> Refund | None:
        """A refund as this batch has left it so far, with the payment it is of at hand."""
        found, (holder_id, number) = self.state.refunds.get(name), name
        taken_minor = 0
        for request, outcome, kept in self.decided_here:
            if outcome.holder_id != holder_id or kept.about is None:
                continue
            if outcome.authorization_id == number and request.kind is Kind.REFUND:
                payment = holder_id, kept.about
                found = Refund(number, payment, outcome.requested_minor, outcome.approved_minor)
            elif kept.about == number and request.kind is Kind.REFUND_REVERSAL:
                taken_minor += outcome.approved_minor
        if found is None:
            return None
        return replace(found, taken_minor=found.taken_minor + taken_minor)

    def completion(self, name: PaymentName) -> Completion | None:
        """What told of a payment that was there already, in this batch or before."""
        for request, outcome, kept in self.decided_here:
            if (outcome.holder_id, outcome.authorization_id) == name and kept.about is not None:
                if request.kind not in COMPLETIONS or not outcome.approved:
                    return None
                told = outcome.requested_minor, outcome.approved_minor
                return Completion((outcome.holder_id, kept.about), *told)
        return self.state.completions.get(name)

    def payment_decided_here(self, name: PaymentName) -> Payment | None:
        """A payment that this very batch decided, as others may be about it."""
        for request, outcome, kept in self.decided_here:
            own = outcome.holder_id, outcome.authorization_id
            if own == name and kept.is_payment(request.kind) and kept.day is not None:
                return self._payment(request, outcome, kept, kept.day)
        return None

    def _payment(self, request: Request, outcome: Outcome, kept: Kept, day: date) -> Payment:
        booked = (Transfer(*row) for row in self._movements)  # type: ignore[arg-type]
        name = outcome.holder_id, outcome.authorization_id
        # One that waited until this batch holds what earlier ones booked.
        waited = self.state.pending.get(name)
        held = () if waited is None else waited.holds
        movements = (*held, *(t for t in booked if (t.holder_id, t.authorization_id) == name))
        return Payment(
            outcome.holder_id,
            outcome.authorization_id,
            kept.account_no,
            request.kind,
            day,
            request.mid,
            outcome.requested_minor,
            outcome.approved_minor,
            movements,
            b"" if kept.facts is None else _encode(kept.facts),
            leg=self.legs.touched(outcome.holder_id, outcome.authorization_id),
            stan=request.stan,
        )

    def writes(self) -> Writes:
        """All rows of the batch; keys in their own order, so that two processes cannot embrace."""
        return Writes(
            afters=[self.purse(holder_id).row() for holder_id in sorted(self._decided_about)],
            keys=sorted(self._keys),
            decided=self._decided,
            movements=self._movements,
            reserved=self._reserved,
            bank=self.legs.rows,
            marked=self._marked,
            loose_ends=self._loose_ends.rows,
            news=self._news,
        )

    def tell_holder(self, holder_id: int, account_no: int, what: News, facts: Facts) -> None:
        """The holder must hear of it, once a day."""
        day = civil_day(facts.now, PARIS)
        self._news.append((holder_id, account_no, what.value, day, facts.now, None, 0, AT_ONCE))
