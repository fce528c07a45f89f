"""The running figures of one holder: what the books add up to, kept beside them for decisions.

Only lots have running balances, and only recent days their use: both are arrays in the holder's
row, so that a decision reads one row and a save writes one. The audit proves that they are what a
replay of the books gives.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import astuple

from ledger.accounts import lot_no_of
from ledger.balances import lot_effects, usage_effect
from ledger.transfers import Movement, Row, Transfer


class Running(Struct, frozen=True, gc=False):
    """The figures of a holder's row, its fields in the order of the type `holder_after`.

    Lot `n` stands at index `n - 1`. Voucher use stands as three arrays of equal length, one entry
    for each account and day; days before `usage_since` are in the books only.
    """

    holder_id: int
    version: int
    last_seq: int
    usage_since: date
    usage_accounts: tuple[int, ...] = ()
    usage_days: tuple[date, ...] = ()
    usage_minor: tuple[int, ...] = ()
    lot_available: tuple[int, ...] = ()
    lot_held: tuple[int, ...] = ()

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The figures as they were read from the table."""
        fields = {name: row[name] for name in cls.__struct_fields__}
        arrays = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return cls(**(fields | arrays))

    def as_row(self) -> tuple[Any, ...]:
        """The values in the order of `holder_after`."""
        return astuple(self)


def after(
    running: Running,
    transfers: Sequence[Transfer],
    hold_minor: Mapping[int, int],
    account_of: Mapping[int, int],
) -> Running:
    """The figures once these transfers, numbered on from `last_seq`, are booked.

    `hold_minor` gives the amount of every hold, by its `seq`, that is posted here but was placed
    before; `account_of` leads from the number of a lot to the account whose use it counts in.
    A lot that is not there yet begins at zero.
    """
    held = dict(hold_minor)
    lots = [list(pair) for pair in zip(running.lot_available, running.lot_held, strict=True)]
    keys = zip(running.usage_accounts, running.usage_days, strict=True)
    used = dict(zip(keys, running.usage_minor, strict=True))
    for seq, transfer in enumerate(transfers, running.last_seq + 1):
        assert transfer.seq == seq, "movements are numbered without a gap"
        if transfer.kind is Movement.HOLD:
            held[seq] = transfer.amount_minor
        amount_minor = _hold_minor(transfer, held)
        _move_lots(lots, transfer, amount_minor)
        _move_use(used, transfer, amount_minor, running.usage_since, account_of)
    return Running(
        holder_id=running.holder_id,
        version=running.version + 1,
        last_seq=running.last_seq + len(transfers),
        usage_since=running.usage_since,
        usage_accounts=tuple(account for (account, _), minor in used.items() if minor),
        usage_days=tuple(day for (_, day), minor in used.items() if minor),
        usage_minor=tuple(minor for minor in used.values() if minor),
        lot_available=tuple(available for available, _ in lots),
        lot_held=tuple(minor for _, minor in lots),
    )


def _hold_minor(transfer: Transfer, held: Mapping[int, int]) -> int:
    if transfer.kind is Movement.VOID:
        return transfer.amount_minor  # a void names all of its hold
    if transfer.kind is Movement.POST and transfer.about_seq is not None:
        return held[transfer.about_seq]
    return 0


def _move_lots(lots: list[list[int]], transfer: Transfer, hold_minor: int) -> None:
    for account_id, available, held in lot_effects(transfer, hold_minor):
        lot_no = lot_no_of(account_id)
        lots.extend([0, 0] for _ in range(lot_no - len(lots)))
        lots[lot_no - 1][0] += available
        lots[lot_no - 1][1] += held


def _move_use(
    used: dict[tuple[int, date], int],
    transfer: Transfer,
    hold_minor: int,
    usage_since: date,
    account_of: Mapping[int, int],
) -> None:
    effect = usage_effect(transfer, hold_minor)
    if effect is None or transfer.day < usage_since:
        return
    account_id, change = effect
    key = (account_of[lot_no_of(account_id)], transfer.day)
    used[key] = used.get(key, 0) + change
