"""What becomes of a payment: its legs as they stand, and how they are undone, posted, given back.

Pure. A leg is one lot's part of a payment, or the bank card's. Money leaves a payment from the bank
card first, then newest lot first (REV-02, REF-02, REF-04), so that what stays spent is the oldest
(VIN-03). Each function moves the purse and returns the movements for the books.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

from msgspec import Struct

from authz.decide.purse import Purse
from authz.requests import Kind
from authz.state import Payment
from ledger.accounts import House, is_lot, is_spending
from ledger.transfers import Movement, Transfer


class Leg(Struct, frozen=True, gc=False):
    """One part that still stands: held, or posted less what came back. In cents."""

    transfer: Transfer
    held: bool
    standing_minor: int

    @property
    def on_bank_card(self) -> bool:
        """Whether the bank card pays it."""
        return self.transfer.debit_account == House.BANK_RECEIVABLE


class Clerk(Struct, frozen=True):
    """Who writes: the purse that moves, the number of the event, its instant (UTC)."""

    purse: Purse
    number: int
    at: datetime
    back_to: int | None = None
    """The account that vouchers given back go to, where it is not their lot (REF-05)."""
    bank_first: bool = True
    """Whether the bank card's part comes back before vouchers (P-REFUND-ORDER)."""


def legs_of(payment: Payment) -> tuple[Leg, ...]:
    """The legs that still stand, in the order they were debited."""
    return _standing(payment.movements)


def spent_by_lot(movements: Iterable[Transfer]) -> dict[int, int]:
    """What is held or spent of each lot account, in cents, by a payment's movements in order."""
    spent: dict[int, int] = {}
    for leg in _standing(movements):
        lot = leg.transfer.debit_account
        if is_lot(lot):
            spent[lot] = spent.get(lot, 0) + leg.standing_minor
    return spent


def standing_minor(payment: Payment) -> int:
    """What is held or posted of it and was not undone or given back."""
    return sum(leg.standing_minor for leg in legs_of(payment))


def held_minor(payment: Payment) -> int:
    """What is held and could be captured."""
    return sum(leg.standing_minor for leg in legs_of(payment) if leg.held)


def posted_minor(payment: Payment) -> int:
    """What is posted and was not given back."""
    return sum(leg.standing_minor for leg in legs_of(payment) if not leg.held)


def bank_minor(movements: Iterable[Transfer]) -> int:
    """What the bank card pays of a payment, held or posted, by its movements in order."""
    return sum(leg.standing_minor for leg in _standing(movements) if leg.on_bank_card)


def is_captured(payment: Payment) -> bool:
    """Whether a hold was posted, in full or in part, in time or late (HLD-01: one capture)."""
    return payment.kind is Kind.HOLD and any(
        t.kind == Movement.POST or (t.kind == Movement.DIRECT and _spends(t))
        for t in payment.movements
    )


def capturable_minor(payment: Payment) -> int:
    """A capture's most: what is held, or was last before all of it fell free (HLD-03).

    Never more than reversals left, though they may have found nothing held any more (REV-02).
    """
    followed, last_minor = _Legs(), 0
    for _, event in groupby(payment.movements, key=attrgetter("authorization_id")):
        for transfer in event:
            followed.follow(transfer)
        held_minor = sum(leg.standing_minor for leg in followed.legs.values() if leg.held)
        last_minor = held_minor or last_minor
    return last_minor if payment.ceiling_minor is None else min(last_minor, payment.ceiling_minor)


def given_back(payment: Payment, refund: int) -> list[tuple[Transfer, int]]:
    """What the refund of this number gave back, in its order, and what was not taken again."""
    given = [t for t in payment.movements if t.authorization_id == refund and t.about_seq]
    taken = {t.seq: 0 for t in given}
    for t in payment.movements:
        if t.about_seq in taken:
            taken[t.about_seq] += t.amount_minor
    return [(t, t.amount_minor - taken[t.seq]) for t in given]


def undo(payment: Payment, amount_minor: int, clerk: Clerk) -> Iterator[Transfer]:
    """Take so much out of the payment: release what is held, give back what is posted."""
    for leg, part_minor in _in_turn(legs_of(payment), amount_minor, clerk):
        if leg.held:
            yield from _release(leg, part_minor, clerk)
        else:
            yield _give_back(leg, part_minor, clerk)


def capture(payment: Payment, amount_minor: int, clerk: Clerk) -> Iterator[Transfer]:
    """Post so much of what is held; the rest falls free, newest lot first."""
    legs = [leg for leg in legs_of(payment) if leg.held]
    free_minor = sum(leg.standing_minor for leg in legs) - amount_minor
    assert free_minor >= 0, "a capture never exceeds what is held"
    freed = {leg.transfer.seq: part for leg, part in _in_turn(legs, free_minor, clerk)}
    for leg in legs:
        posted_minor = leg.standing_minor - freed.get(leg.transfer.seq, 0)
        if posted_minor:
            seq = clerk.purse.next_seq()
            transfer = Transfer.post(leg.transfer, seq, posted_minor, clerk.number, clerk.at)
        else:
            transfer = Transfer.void(leg.transfer, clerk.purse.next_seq(), clerk.number, clerk.at)
        yield _moved(clerk, transfer, leg.transfer.amount_minor)


class _Legs:
    """The legs of a payment while its movements are followed one after another."""

    def __init__(self) -> None:
        """No leg yet; each is known by the number of its first movement."""
        self.legs: dict[int, Leg] = {}
        self._first: dict[int, int] = {}
        self._backs: set[int] = set()

    def follow(self, transfer: Transfer) -> None:
        """Let one movement act on the leg that it begins or is about."""
        about, seq = transfer.about_seq, transfer.seq
        if transfer.kind == Movement.HOLD or (about is None and _spends(transfer)):
            held = transfer.kind == Movement.HOLD
            self.legs[seq] = Leg(transfer, held, transfer.amount_minor)
            self._first[seq] = seq
        elif about in self._first:
            first = self._first[seq] = self._first[about]
            self.legs[first] = self._after(self.legs[first], transfer)

    def _after(self, leg: Leg, transfer: Transfer) -> Leg:
        if transfer.kind == Movement.POST:
            return Leg(transfer, False, transfer.amount_minor)
        if transfer.kind == Movement.VOID:
            return Leg(leg.transfer, False, 0)
        if transfer.about_seq in self._backs:  # what was given back is taken again
            return Leg(leg.transfer, False, leg.standing_minor + transfer.amount_minor)
        self._backs.add(transfer.seq)
        return Leg(leg.transfer, False, leg.standing_minor - transfer.amount_minor)


def _standing(movements: Iterable[Transfer]) -> tuple[Leg, ...]:
    followed = _Legs()
    for transfer in movements:
        followed.follow(transfer)
    return tuple(leg for leg in followed.legs.values() if leg.standing_minor > 0)


_PAYERS: Final = (House.BANK_RECEIVABLE, House.ISSUER_LOSS)


def _spends(transfer: Transfer) -> bool:
    """Whether it pays: from a lot, the bank card or (an advice) the issuer, to whom it is owed."""
    paid_by, owed = transfer.debit_account, transfer.credit_account
    return (is_lot(paid_by) or paid_by in _PAYERS) and (
        is_spending(owed) or owed == House.SUSPENSE  # an unknown merchant's, before UNREGISTERED
    )


def _in_turn(legs: Iterable[Leg], amount_minor: int, clerk: Clerk) -> Iterator[tuple[Leg, int]]:
    """Share an amount out over the legs: bank card first or last; lots, the last debited first."""
    newest_first = reversed(tuple(legs))
    for leg in sorted(newest_first, key=lambda leg: leg.on_bank_card is not clerk.bank_first):
        part_minor = min(amount_minor, leg.standing_minor)
        if part_minor == 0:
            return
        amount_minor -= part_minor
        yield leg, part_minor


def _release(leg: Leg, part_minor: int, clerk: Clerk) -> Iterator[Transfer]:
    """Void the hold; what is not to fall free is held anew (ARCHITECTURE, corner 12)."""
    hold, purse = leg.transfer, clerk.purse
    void = Transfer.void(hold, purse.next_seq(), clerk.number, clerk.at)
    yield _moved(clerk, void, hold.amount_minor)
    if part_minor < leg.standing_minor:
        again = Transfer.hold(
            hold.holder_id,
            purse.next_seq(),
            hold.debit_account,
            hold.credit_account,
            leg.standing_minor - part_minor,
            clerk.number,
            hold.day,
            clerk.at,
        )
        yield _moved(clerk, again)


def _give_back(leg: Leg, part_minor: int, clerk: Clerk) -> Transfer:
    seq = clerk.purse.next_seq()
    transfer = Transfer.give_back(
        leg.transfer,
        seq,
        part_minor,
        clerk.number,
        clerk.at,
        clerk.back_to if is_lot(leg.transfer.debit_account) else None,
    )
    return _moved(clerk, transfer)


def _moved(clerk: Clerk, transfer: Transfer, hold_minor: int = 0) -> Transfer:
    clerk.purse.move(transfer, hold_minor)
    return transfer
