"""Books in memory, which refuse with a value: the oracle of the writer and of the proof.

Nothing here is signed: pending and posted debits and credits only grow by what they mean, and what
is available follows from them.
"""

from enum import Enum
from typing import Self

from msgspec import Struct

from ledger.accounts import holder_of, is_lot, is_spending
from ledger.balances import lot_effects, movement
from ledger.transfers import Movement, Transfer


class Balance(Struct, frozen=True, gc=False):
    """The four sums of one account, in cents, each of them never below zero."""

    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    def __post_init__(self) -> None:
        """Hold the law that no sum is ever negative."""
        assert self.debits_pending >= 0, "sums are unsigned"
        assert self.debits_posted >= 0, "sums are unsigned"
        assert self.credits_pending >= 0, "sums are unsigned"
        assert self.credits_posted >= 0, "sums are unsigned"

    @property
    def available_minor(self) -> int:
        """What the holder of a lot may still spend."""
        return self.credits_posted - self.debits_posted - self.debits_pending

    @property
    def held_minor(self) -> int:
        """What is set aside for holds that are neither posted nor voided."""
        return self.debits_pending

    def debited(self, pending_minor: int, posted_minor: int) -> Self:
        """The balance with its debits moved by so much."""
        return type(self)(
            self.debits_pending + pending_minor,
            self.debits_posted + posted_minor,
            self.credits_pending,
            self.credits_posted,
        )

    def credited(self, pending_minor: int, posted_minor: int) -> Self:
        """The balance with its credits moved by so much."""
        return type(self)(
            self.debits_pending,
            self.debits_posted,
            self.credits_pending + pending_minor,
            self.credits_posted + posted_minor,
        )


def apply(balance: Balance, account_id: int, transfer: Transfer, hold_minor: int = 0) -> Balance:
    """The balance of `account_id`, one of the two accounts of the transfer, after it."""
    pending, posted = movement(transfer, hold_minor)
    if account_id == transfer.debit_account:
        return balance.debited(pending, posted)
    assert account_id == transfer.credit_account, "the transfer does not touch this account"
    return balance.credited(pending, posted)


class Refusal(Enum):
    """Why the books do not take a transfer, the first that applies."""

    WRONG_SEQ = "the number is not the holder's next"
    LOT_OF_ANOTHER = "a lot of another holder is touched"
    UNKNOWN_HOLD = "no such hold"
    ALREADY_SETTLED = "the hold was posted or voided before"
    UNKNOWN_ORIGINAL = "no posted money to give back under that number"
    NAMES_NO_ORIGINAL = "money of a merchant returns to a lot without its original"
    OTHER_ACCOUNTS = "the accounts are not those of the hold or the original"
    OTHER_DAY = "the day is not that of the hold or the original"
    MORE_THAN_THE_HOLD = "more than was held"
    LESS_THAN_THE_HOLD = "a void releases all of its hold"
    MORE_THAN_THE_ORIGINAL = "more than is left of the original"
    BELOW_ZERO = "a lot would go below zero"


class Books:
    """Plain, complete, and refusing what the laws forbid."""

    def __init__(self) -> None:
        """Open empty books; an account begins with its first transfer."""
        self.balances: dict[int, Balance] = {}
        self.transfers: dict[tuple[int, int], Transfer] = {}
        self.last_seq: dict[int, int] = {}
        self.settled: set[tuple[int, int]] = set()
        self.left_minor: dict[tuple[int, int], int] = {}
        """What may still be given back of each post and direct transfer.

        Money may go back and forth (a refund that is itself reversed), but what comes back once
        more names the first original: a movement that took a refund back is not one.
        """

    def balance(self, account_id: int) -> Balance:
        """The four sums of an account, all zero before its first transfer."""
        return self.balances.get(account_id, Balance())

    def post(self, transfer: Transfer) -> Refusal | None:
        """Take the transfer into the books, or say why not and change nothing."""
        refusal = self._refusal(transfer)
        if refusal is None:
            self._book(transfer)
        return refusal

    def _refusal(self, t: Transfer) -> Refusal | None:
        if t.seq != self.last_seq.get(t.holder_id, 0) + 1:
            return Refusal.WRONG_SEQ
        if any(
            is_lot(account) and holder_of(account) != t.holder_id
            for account in (t.debit_account, t.credit_account)
        ):
            return Refusal.LOT_OF_ANOTHER
        if t.kind in (Movement.POST, Movement.VOID):
            refusal = self._settling_refusal(t)
        elif t.about_seq is not None:
            refusal = self._give_back_refusal(t, t.about_seq)
        elif is_spending(t.debit_account) and is_lot(t.credit_account):
            refusal = Refusal.NAMES_NO_ORIGINAL
        else:
            refusal = None
        return refusal or self._floor_refusal(t)

    def _settling_refusal(self, t: Transfer) -> Refusal | None:
        hold = self._about(t)
        if hold is None or hold.kind is not Movement.HOLD:
            return Refusal.UNKNOWN_HOLD
        if (hold.holder_id, hold.seq) in self.settled:
            return Refusal.ALREADY_SETTLED
        if (t.debit_account, t.credit_account) != (hold.debit_account, hold.credit_account):
            return Refusal.OTHER_ACCOUNTS
        if t.day != hold.day:
            return Refusal.OTHER_DAY
        if t.amount_minor > hold.amount_minor:
            return Refusal.MORE_THAN_THE_HOLD
        if t.kind is Movement.VOID and t.amount_minor < hold.amount_minor:
            return Refusal.LESS_THAN_THE_HOLD
        return None

    def _give_back_refusal(self, t: Transfer, about_seq: int) -> Refusal | None:
        original = self._about(t)
        if original is None or original.kind not in (Movement.DIRECT, Movement.POST):
            return Refusal.UNKNOWN_ORIGINAL
        if t.kind is not Movement.DIRECT or t.debit_account != original.credit_account:
            return Refusal.OTHER_ACCOUNTS
        if t.day != original.day:
            return Refusal.OTHER_DAY
        if t.amount_minor > self.left_minor.get((t.holder_id, about_seq), 0):
            return Refusal.MORE_THAN_THE_ORIGINAL
        return None

    def _floor_refusal(self, t: Transfer) -> Refusal | None:
        for account, available, _ in lot_effects(t, self._hold_minor(t)):
            if self.balance(account).available_minor + available < 0:
                return Refusal.BELOW_ZERO
        return None

    def _book(self, t: Transfer) -> None:
        hold_minor = self._hold_minor(t)
        for account in (t.debit_account, t.credit_account):
            self.balances[account] = apply(self.balance(account), account, t, hold_minor)
        self.transfers[t.holder_id, t.seq] = t
        self.last_seq[t.holder_id] = t.seq
        if t.about_seq is not None and t.kind is not Movement.DIRECT:
            self.settled.add((t.holder_id, t.about_seq))
        if t.kind is Movement.DIRECT or t.kind is Movement.POST:
            self._book_what_is_left(t)

    def _book_what_is_left(self, t: Transfer) -> None:
        about = self._about(t) if t.kind is Movement.DIRECT else None
        if about is not None:
            self.left_minor[about.holder_id, about.seq] -= t.amount_minor
        if about is not None and about.kind is Movement.DIRECT and about.about_seq is not None:
            self.left_minor[t.holder_id, about.about_seq] += t.amount_minor
        else:
            self.left_minor[t.holder_id, t.seq] = t.amount_minor

    def _about(self, t: Transfer) -> Transfer | None:
        return None if t.about_seq is None else self.transfers.get((t.holder_id, t.about_seq))

    def _hold_minor(self, t: Transfer) -> int:
        settles = t.kind in (Movement.POST, Movement.VOID)
        hold = self._about(t) if settles else None
        return hold.amount_minor if hold is not None else 0
