"""What a batch is about to write: purses as they stand, answers given so far, rows gathered."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Final

from msgspec import Struct, msgpack
from msgspec.structs import replace

from authz.identity import NO_CONTENT
from authz.outcomes import Outcome
from authz.purse import Purse
from authz.requests import Request
from authz.state import KeptAnswer, Payment, PaymentName, State
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import Facts
from rules.geography import PARIS, civil_day

Row = tuple[object, ...]
_encode_facts: Final = msgpack.Encoder().encode

NOBODY: Final = 0
"""The holder of a tombstone's key: the payment it stops may be anybody's."""


class Writes(Struct, frozen=True):
    """What the save must write, all of it or nothing. Rows are in the order of their table."""

    read: dict[int, int]
    """Holder id to the version that was read: what every decision of the batch stands on."""
    afters: list[Row]
    keys: list[Row]
    decided: list[Row]
    movements: list[Row]


class Kept(Struct, frozen=True, gc=False):
    """What is kept of an answer beside the answer itself."""

    account_no: int
    day: date | None
    eligible_minor: int = 0
    bank_minor: int = 0
    rulebook: str = ""
    facts: Facts | None = None
    about: int | None = None


class Draft:
    """One batch at work; later requests see what earlier ones did."""

    def __init__(self, state: State, next_id: Callable[[], int]) -> None:
        """Start from what was read; `next_id` names new authorizations."""
        self.state: Final = state
        self.next_id: Final = next_id
        self.answers = dict(state.kept)
        self.payments = dict(state.payments)
        self.decided_here: list[tuple[Request, Outcome, Kept]] = []
        self._purses: dict[int, Purse] = {}
        self._keys: list[Row] = []
        self._decided: list[Row] = []
        self._movements: list[Row] = []

    def purse(self, holder_id: int) -> Purse:
        """The holder's money as it stands in this batch."""
        purse = self._purses.get(holder_id)
        if purse is None:
            purse = self._purses[holder_id] = Purse(self.state.holders[holder_id])
        return purse

    def post(self, transfer: Transfer) -> None:
        """A movement for the books."""
        self._movements.append(transfer.as_row())

    def post_about(
        self, payment: Payment, transfers: Iterable[Transfer], *, undone: bool = False
    ) -> None:
        """Movements about a payment; who is about it next sees them too."""
        moved = tuple(transfers)
        for transfer in moved:
            self.post(transfer)
        self.payments[payment.name] = replace(
            payment, movements=payment.movements + moved, reversed=payment.reversed or undone
        )

    def keep(self, request: Request, outcome: Outcome, kept: Kept, at: datetime) -> Outcome:
        """An answer that will be given again to the same key; as it is given, with its date."""
        business_day = self.state.business_day or civil_day(at, PARIS)
        outcome = replace(outcome, business_day=business_day)
        holder_id, number = outcome.holder_id, outcome.authorization_id
        self.answers[request.key_hash] = KeptAnswer(request.fingerprint, outcome)
        self.decided_here.append((request, outcome, kept))
        self._keys.append((request.key_hash, request.fingerprint, holder_id, number))
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
                b"" if kept.facts is None else _encode_facts(kept.facts),
                kept.about,
                business_day,
            )
        )
        return outcome

    def sent_before(self, request: Request) -> KeptAnswer | None:
        """The first sending, in this very batch, of a repeat that was stamped anew.

        The database can tell of earlier batches only (wire.md, request key).
        """
        if request.repeat:
            for sent, outcome, _ in self.decided_here:
                if _same_payment(sent, request):
                    return KeptAnswer(sent.fingerprint, outcome)
        return None

    def lay_tombstone(self, key_hash: bytes) -> None:
        """The payment of this identity was undone before it came: it shall be declined."""
        if key_hash not in self.answers:
            outcome = Outcome(Reason.REVERSED_BEFORE_REQUEST)
            self.answers[key_hash] = KeptAnswer(NO_CONTENT, outcome)
            self._keys.append((key_hash, NO_CONTENT, NOBODY, self.next_id()))

    def payment_decided_here(self, name: PaymentName) -> Payment | None:
        """A payment that this very batch decided, as others may be about it."""
        for request, outcome, kept in self.decided_here:
            if (outcome.holder_id, outcome.authorization_id) == name and kept.day is not None:
                return self._payment(request, outcome, kept, kept.day)
        return None

    def _payment(self, request: Request, outcome: Outcome, kept: Kept, day: date) -> Payment:
        booked = (Transfer(*row) for row in self._movements)  # type: ignore[arg-type]
        name = outcome.holder_id, outcome.authorization_id
        movements = tuple(t for t in booked if (t.holder_id, t.authorization_id) == name)
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
            b"" if kept.facts is None else _encode_facts(kept.facts),
        )

    def writes(self) -> Writes:
        """All rows of the batch; keys in their own order, so that two processes cannot embrace."""
        purses = sorted(self._purses.values(), key=lambda purse: purse.holder.holder_id)
        return Writes(
            read={purse.holder.holder_id: purse.holder.version for purse in purses},
            afters=[purse.row() for purse in purses if purse.changed],
            keys=sorted(self._keys),
            decided=self._decided,
            movements=self._movements,
        )


def _same_payment(sent: Request, repeat: Request) -> bool:
    """What a repeat shares with its first sending when DE7 or DE37 was written anew."""
    return (sent.fingerprint, sent.stan, sent.terminal, sent.acquirer, sent.kind) == (
        repeat.fingerprint,
        repeat.stan,
        repeat.terminal,
        repeat.acquirer,
        repeat.kind,
    )
