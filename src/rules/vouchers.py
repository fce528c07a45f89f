"""Voucher lots: which are usable on a day, in which order they are spent (VIN-02 to VIN-07)."""

from collections.abc import Iterable
from datetime import date

from rules.decision import Debit
from rules.facts import Lot, Origin
from rules.parameters import Parameters


def usable_lots(lots: Iterable[Lot], day: date, parameters: Parameters) -> tuple[Lot, ...]:
    """Return the lots with money that may be spent on the workplace's civil `day`, in debit order.

    `parameters` are those of `day`. A lot past its last day in mode AUTO is seen as already
    exchanged, year by year, whether or not the exchange has been booked (VIN-06); in the other
    modes it is expired. A lot loaded after `day` (the clock was set back) is not usable yet.
    """
    seen_as = parameters.seen_as
    usable = []
    for lot in lots:
        if lot.available_minor <= 0 or lot.loaded_on > day:
            continue
        vintage = seen_as.get(lot.vintage)
        if vintage is None:
            continue
        usable.append(lot if vintage == lot.vintage else _exchanged(lot, vintage))
    if len(usable) > 1:
        usable.sort(key=lambda lot: debit_order(lot.vintage, lot.origin, lot.loaded_on, lot.lot_no))
    return tuple(usable)


def debit_order(
    vintage: int, origin: Origin, loaded_on: date, lot_no: int
) -> tuple[int, bool, date, int]:
    """Return a lot's turn (VIN-03, VIN-04).

    Older vintage first; inside one, exchanged lots, then the oldest load.
    """
    return vintage, origin is Origin.LOAD, loaded_on, lot_no


def take(lots: Iterable[Lot], amount_minor: int) -> tuple[Debit, ...]:
    """Take an amount from lots in the order given; they must hold at least as much."""
    debits = []
    for lot in lots:
        if amount_minor == 0:
            break
        part_minor = min(amount_minor, lot.available_minor)
        debits.append(Debit(lot.lot_no, lot.vintage, part_minor))
        amount_minor -= part_minor
    assert amount_minor == 0
    return tuple(debits)


def _exchanged(lot: Lot, vintage: int) -> Lot:
    return Lot(lot.lot_no, vintage, Origin.EXCHANGE, lot.loaded_on, lot.available_minor)
