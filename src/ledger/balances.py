"""What a movement does to the sums of its accounts, to its lots, and to the use of a day.

A hold is pending on both its accounts until its settlement ends it. Pending debits are not
available; pending credits are not yet.
"""

from ledger.accounts import is_lot, is_spending
from ledger.transfers import Movement, Transfer


def movement(transfer: Transfer, hold_minor: int) -> tuple[int, int]:
    """By how much the pending and the posted sums of both accounts move, in cents.

    `hold_minor` is the amount of the hold that a post or void settles; others ignore it.
    """
    match transfer.kind:
        case Movement.DIRECT:
            return 0, transfer.amount_minor
        case Movement.HOLD:
            return transfer.amount_minor, 0
        case Movement.POST:
            return -hold_minor, transfer.amount_minor
        case Movement.VOID:
            return -hold_minor, 0


def lot_effects(transfer: Transfer, hold_minor: int = 0) -> tuple[tuple[int, int, int], ...]:
    """What the transfer does to lots: `(lot account, change of available, change of held)`."""
    pending, posted = movement(transfer, hold_minor)
    effects = []
    if is_lot(transfer.debit_account):
        effects.append((transfer.debit_account, -pending - posted, pending))
    if is_lot(transfer.credit_account) and posted:
        effects.append((transfer.credit_account, posted, 0))
    return tuple(effects)


def usage_effect(transfer: Transfer, hold_minor: int = 0) -> tuple[int, int] | None:
    """What the transfer does to `U(day)`: `(lot account, change)`, or None where it does nothing.

    Holds count in full from their instant (CAP-06); what falls free or is given back lowers the
    day that the original counted for, and no other (CAP-07), which is the transfer's own `day`.
    """
    pending, posted = movement(transfer, hold_minor)
    if is_lot(transfer.debit_account) and is_spending(transfer.credit_account):
        return transfer.debit_account, pending + posted
    if is_spending(transfer.debit_account) and is_lot(transfer.credit_account):
        return transfer.credit_account, -posted
    return None
