"""Takes vouchers back from the lots of earlier loads, as far as they are unspent (LOD-04)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct, msgpack

from authz.loads import statements as sql
from authz.loads.lines import Bad, Line
from authz.state import LotInfo, Profile
from ledger import journal
from ledger.accounts import House, lot_account
from ledger.journal import Change, Locked
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

_decode: Final = msgpack.Decoder(Profile).decode
_Key = tuple[int, int, str, int]


class Correction(Struct, frozen=True):
    """A line with a negative count and whose lots it means."""

    line: Line
    holder_id: int
    account_no: int

    @property
    def key(self) -> _Key:
        """Which loads it corrects: of this account, this month, at this face value."""
        return self.holder_id, self.account_no, self.line.period, self.line.face_minor


async def take_back(
    tx: "Tx", corrections: Sequence[Correction], employer_no: int, day: date, at: datetime
) -> tuple[dict[int, tuple[int, int]], list[Bad]]:
    """Book the corrections: by line the lot and the cents taken; and those that correct nothing.

    Only what this employer paid is taken. Goes on `day` (the employer's) to what is to be returned
    to employers.
    """
    lots = await _delivered(tx, {each.holder_id for each in corrections}, employer_no)
    bad = [
        Bad(each.line.line_no, "period", "nothing was loaded for this month at this face value")
        for each in corrections
        if each.key not in lots
    ]
    wanted: dict[int, list[Correction]] = defaultdict(list)
    for each in corrections:
        if each.key in lots:
            wanted[each.holder_id].append(each)
    taken: dict[int, tuple[int, int]] = {}

    def build(locked: Locked) -> Change | None:
        counter = _Counter(locked, day, at)
        for each in wanted[locked.running.holder_id]:
            minor = counter.take(lots[each.key], each.line.amount_minor)
            taken[each.line.line_no] = lots[each.key][0], minor
        return counter.change()

    if wanted:
        await journal.post_many(tx, list(wanted), build)
    return taken, bad


async def _delivered(tx: "Tx", holder_ids: set[int], employer_no: int) -> dict[_Key, list[int]]:
    """The numbers of the lots by what they were loaded for, the latest load first."""
    lots: dict[_Key, list[int]] = defaultdict(list)
    for row in await tx.fetch(sql.DELIVERED, list(holder_ids), employer_no) if holder_ids else ():
        *key, lot_no = row
        holder_id, account_no, period, face_minor = key
        lots[holder_id, account_no, period, face_minor].append(lot_no)
    return dict(lots)


class _Counter:
    """One holder's lots at the counter, while corrections take from them."""

    def __init__(self, locked: Locked, day: date, at: datetime) -> None:
        self._running = locked.running
        self._lots = _decode(locked.profile).lots
        self._available = list(locked.running.lot_available)
        self._transfers: list[Transfer] = []
        self._day, self._at = day, at

    def take(self, lot_nos: Sequence[int], wanted_minor: int) -> int:
        """So much as there is, from these lots and what an exchange made of them; how much."""
        left_minor = wanted_minor
        for lot in (one for no in lot_nos for one in _and_successors(no, self._lots)):
            part_minor = min(left_minor, self._available[lot.lot_no - 1])
            if part_minor:
                self._available[lot.lot_no - 1] -= part_minor
                left_minor -= part_minor
                self._transfers.append(self._return(lot, part_minor))
        return wanted_minor - left_minor

    def change(self) -> Change | None:
        return Change(transfers=self._transfers) if self._transfers else None

    def _return(self, lot: LotInfo, amount_minor: int) -> Transfer:
        holder_id = self._running.holder_id
        return Transfer.direct(
            holder_id,
            self._running.last_seq + len(self._transfers) + 1,
            lot_account(holder_id, lot.lot_no),
            House.RETURNED_TO_EMPLOYER,
            amount_minor,
            None,
            self._day,
            self._at,
        )


def _and_successors(lot_no: int, lots: Sequence[LotInfo]) -> Iterator[LotInfo]:
    """The lot and, one after the other, the lots that its rest went to. Successors come later."""
    family = {lot_no}
    for lot in lots[lot_no - 1 :]:
        if lot.lot_no == lot_no or lot.from_lot in family:
            family.add(lot.lot_no)
            yield lot
